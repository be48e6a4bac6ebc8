#include "providers/docker/archive_guard.hpp"

#include <fmt/format.h>

namespace croft::docker {

namespace {

Result<void> check_entry(const TarEntry& entry) {
  TRY(clean_tar_path(entry.path));
  if (entry.type == TarType::HardLink) {
    TRY(clean_tar_path(entry.target));
  }
  const bool is_device =
      entry.type == TarType::CharacterDevice || entry.type == TarType::BlockDevice;
  if (is_device) return fail(ErrorCode::Invalid, fmt::format("'{}' is a device file", entry.path));
  return {};
}

}  // namespace

Result<void> ArchiveGuard::feed(std::string_view bytes) {
  TRY_ASSIGN(const std::vector<TarReader::Part> parts, reader_.feed(bytes));
  for (const TarReader::Part& part : parts) {
    if (const TarEntry* entry = std::get_if<TarEntry>(&part)) {
      TRY(check_entry(*entry));
    }
  }
  return {};
}

}  // namespace croft::docker
