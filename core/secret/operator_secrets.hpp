#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/base/guarded.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace croft::secret {

/// A directory in memory for root (or this user) alone, of that data directory: for what programs
/// want as a file and no disk may hold. Made if it is not there. Unavailable if this machine has no
/// such place. Blocks.
Result<std::filesystem::path> memory_directory(const std::filesystem::path& data);

/// What `{secret: NAME}` in operator kinds means: a Secret of the platform repository, else the
/// file NAME of a directory. Thread safe; files are read at each call.
class OperatorSecrets {
 public:
  using Values = std::map<std::string, Secret<std::string>, std::less<>>;

  OperatorSecrets(std::filesystem::path directory)  // NOLINT(google-explicit-constructor)
      : directory_(std::move(directory)) {}

  /// The Secrets of the platform as they are now, by what names them: "NAME", "NAME/KEY".
  void replace(Values values);
  /// At most `limit` bytes. Blocks.
  Result<Secret<std::string>> find(std::string_view name, std::size_t limit) const;
  /// The same without the newline at its end, for what is one line: a token, a key of a hook.
  /// Invalid if nothing is left.
  Result<Secret<std::string>> find_line(std::string_view name, std::size_t limit) const;
  /// True if a Secret of the platform has that name, and no file is looked for.
  bool is_declared(std::string_view name) const;
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  Guarded<Values> values_;
};

}  // namespace croft::secret
