#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/base/guarded.hpp"
#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace croft::docker {

/// What was done to an object after it was made. The engine's labels cannot change, so this lies
/// over them, in a file for each uid. It counts only for the object that it names. If it is lost,
/// the labels hold again: the next pass sees the difference and repeats what was in place, which
/// costs nothing.
struct Record {
  std::string object;  ///< id of the container; name of a volume or network
  std::string intent;
  std::string spec_digest;
  std::shared_ptr<const Value> fields;  ///< null: the label's
  bool is_stopped = false;              ///< we stopped it, or were about to
  bool is_kept = false;                 ///< of data: its resource is gone
  bool has_completed = false;           ///< it was heard to end by itself, with success
};

/// The records of a provider, in memory and in DIRECTORY/UID.json. Thread safe; put() and remove()
/// block for a small write.
class Records {
 public:
  explicit Records(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Reads what is there. Files that are no records are left out.
  Result<void> load();
  /// Null if there is none.
  std::shared_ptr<const Record> find(const std::string& uid) const;
  Result<void> put(const std::string& uid, Record record);
  void remove(const std::string& uid);

 private:
  std::filesystem::path directory_;
  Guarded<std::map<std::string, std::shared_ptr<const Record>>> records_;
};

}  // namespace croft::docker
