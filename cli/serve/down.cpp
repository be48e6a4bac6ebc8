#include "cli/serve/down.hpp"

#include <fmt/format.h>

#include "core/store/directory_lock.hpp"
#include "providers/registry/registry.hpp"

namespace croft {

Result<int> end_all_apps(const std::filesystem::path& data) {
  std::error_code error;
  if (!std::filesystem::is_directory(data / "run", error)) {
    return fail(
        Error(ErrorCode::NotFound, fmt::format("{} is no data directory of Croft's", data.string()))
            .with_hint("name the one that `croft serve` was given, with --data"));
  }
  // While it is held, no Croft starts what is ended here.
  TRY_ASSIGN(const DirectoryLock lock, DirectoryLock::take(data));
  return clear_local_providers(data);
}

}  // namespace croft
