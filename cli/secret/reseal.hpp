#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "reconciler/engine.hpp"

namespace croft::cli {

/// A value in a working tree that was sealed anew.
struct Resealed {
  std::string file;  ///< seen from the directory
  std::string name;  ///< of the Secret
  std::string key;
};

struct ResealReport {
  std::vector<Resealed> changed;
  std::size_t unchanged = 0;            ///< those that were sealed to the newest key already
  std::vector<std::string> sops_files;  ///< that Secrets name: for `sops` to rotate
};

/// Seals every value of the Secrets below a directory anew, by asking `reseal` for each, and puts
/// it in the place of the old one; nothing else of the files changes. A file is written once all of
/// its values are there. `.git` is left alone. Blocks.
Result<ResealReport> reseal_directory(
    const std::filesystem::path& directory, const std::string& tenant,
    const std::function<Result<std::string>(const SealedValue&)>& reseal);

}  // namespace croft::cli
