#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "providers/script/lane.hpp"

namespace croft::script {

/// The calls of the last hour in a file, so that an hourly limit holds although Croft was
/// restarted: a call is in the file before it is made. Written once for some calls at a time, at
/// most 200 times an hour; what was written and not called counts as called, never the reverse. On
/// one executor.
class SpentCalls {
 public:
  /// The file need not be there. It is written on the pool; null: where spend() is called.
  SpentCalls(std::filesystem::path file, BlockingPool* pool);

  /// So many calls an hour are allowed.
  void set(int per_hour);

  /// Calls of earlier lives: how many at most, and when at the latest.
  struct Past {
    Timestamp time;
    int count = 0;
  };
  /// Those of the last hour, in order. Once, before the first spend(). Invalid if the file is none
  /// of ours: nothing is known then.
  Result<std::vector<Past>> read(Timestamp now);

  /// Before a call. An error says that it could not be written down; it counts all the same.
  Task<Result<void>> spend(Timestamp now, Duration at_most);

 private:
  /// Calls that were made from then on, until the next batch begins.
  struct Batch {
    Timestamp begun;
    int count = 0;
  };
  void forget_old(Timestamp now);
  std::string text() const;

  std::filesystem::path file_;
  BlockingPool* pool_;
  Lane turn_{1};  // two writes at a time could end in the wrong order
  std::vector<Batch> batches_;
  int batch_ = 1;
  int left_ = 0;  // of the last batch
};

}  // namespace croft::script
