#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/id.hpp"
#include "core/secret/operator_secrets.hpp"
#include "core/store/store.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// What the reporter stands on; everything outlives it.
struct ForgeReporterParts {
  Engine& engine;
  Store& store;
  Clock& clock;
  RandomSource& random;
  asio::any_io_executor executor;
  std::shared_ptr<GithubApps> apps;  ///< null: no App reports
};

struct ForgeReporterSettings {
  /// Tokens; read for each post, so that they can be rotated.
  std::shared_ptr<const secret::OperatorSecrets> secrets;
  /// The changes as `croft diff -o markdown` says them.
  std::function<std::string(const Changeset&)> markdown;
  Duration gather{100};  ///< changes of the engine within that time are looked at together
  Duration after_refusal{600'000};  ///< then it is tried again: a token may have been mended
};

/// Posts commit statuses as they change, and keeps one comment on each merge request that it is
/// told of. Each source has its own turn: a slow forge holds up nobody else. A status that was
/// posted is an event of its source (`StatusPosted`), from which a restart knows it; where it
/// cannot be known whether one was posted (a crash between the two, an answer that got lost), the
/// forge is asked first. On the control executor.
class ForgeReporter {
 public:
  ForgeReporter(ForgeReporterParts parts, ForgeReporterSettings settings);
  /// Posts nothing any more. What is under way comes to its end while the executor runs; what the
  /// reporter stands on outlives that: whoever cannot know awaits stop() first.
  ~ForgeReporter();
  ForgeReporter(const ForgeReporter&) = delete;
  ForgeReporter& operator=(const ForgeReporter&) = delete;

  /// A merge request of a source was opened, or has new commits. Once this ends well it is
  /// remembered over a restart until the comment is there. Unavailable if that cannot be written.
  Task<Result<void>> look_at_merge_request(std::string source, std::int64_t number);
  /// Posts nothing any more; returns when what is under way has ended.
  Task<> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace croft
