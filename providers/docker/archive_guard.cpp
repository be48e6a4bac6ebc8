#include "providers/docker/archive_guard.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/units.hpp"

namespace croft::docker {

namespace {

constexpr std::uint64_t kEntryCost = 4 << 10;
constexpr std::ptrdiff_t kDepth = 256;

Error refused(const std::string& path, std::string_view why) {
  return {ErrorCode::Invalid, fmt::format("'{}' in the archive {}", path.substr(0, 200), why)};
}

std::string without_slash(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

Result<void> check_type(const TarEntry& entry) {
  if (entry.type == TarType::CharacterDevice || entry.type == TarType::BlockDevice)
    return fail(refused(entry.path, "is a device"));
  if (entry.type == TarType::Fifo) return fail(refused(entry.path, "is a pipe"));
  return {};
}

}  // namespace

Result<std::string> ArchiveRewriter::feed(std::string_view bytes) {
  TRY_ASSIGN(std::vector<TarReader::Part> parts, reader_.feed(bytes));
  std::string out;
  for (TarReader::Part& part : parts) {
    if (TarEntry* entry = std::get_if<TarEntry>(&part)) {
      TRY_ASSIGN(const std::string head, begin(std::move(*entry)));
      out += head;
    } else {
      out += content(std::get<std::string>(part));
    }
  }
  return out;
}

Result<std::string> ArchiveRewriter::finish() {
  TRY(reader_.finish());
  return TarWriter::finish();
}

Result<std::string> ArchiveRewriter::begin(TarEntry entry) {
  TRY_ASSIGN(const bool is_taken, take(entry));
  size_ = left_ = entry.type == TarType::File ? entry.size : 0;
  if (!is_taken) return std::string();
  entry.extras.clear();
  return writer_.begin(entry);
}

std::string ArchiveRewriter::content(std::string_view bytes) {
  std::string out(bytes);
  left_ -= std::min<std::uint64_t>(left_, bytes.size());
  if (left_ == 0) out += TarWriter::padding(std::exchange(size_, 0));
  return out;
}

Result<bool> ArchiveGuard::take(TarEntry& entry) {
  TRY(check_type(entry));
  TRY_ASSIGN(const std::string cleaned, clean_tar_path(entry.path));
  const std::string path = without_slash(cleaned);
  if (path.empty() && entry.type != TarType::Directory)
    return fail(refused(entry.path, "would take the place of the volume itself"));
  TRY(check_way(path, entry.path));
  bool is_link = entry.type == TarType::Link;
  if (entry.type == TarType::HardLink) {
    TRY_ASSIGN(const std::string target, clean_tar_path(entry.target));
    TRY(check_way(without_slash(target), entry.path));
    is_link = links_.contains(without_slash(target));
  }
  links_.erase(path);
  if (is_link) links_.insert(path);
  TRY(charge(kEntryCost + entry.target.size() + entry.size));
  entry.mode &= entry.type == TarType::Directory ? 01777U : 0777U;
  return true;
}

Result<void> ArchiveGuard::charge(std::uint64_t bytes) {
  if (bytes > limit_ - taken_)
    return fail(Error(ErrorCode::Invalid,
                      fmt::format("the archive holds more than {}, with 4 KiB for each entry",
                                  format_bytes({static_cast<std::int64_t>(limit_)})))
                    .with_hint("raise the volume's size first"));
  taken_ += bytes;
  return {};
}

Result<void> ArchiveGuard::check_way(const std::string& path, const std::string& named) const {
  if (std::ranges::count(path, '/') >= kDepth) return fail(refused(named, "is nested too deeply"));
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string_view above = std::string_view(path).substr(0, end);
    if (links_.contains(above))
      return fail(refused(named, fmt::format("leads through '{}', which is a link", above)));
  }
  return {};
}

Result<bool> ExportFilter::take(TarEntry& entry) { return check_type(entry).has_value(); }

}  // namespace croft::docker
