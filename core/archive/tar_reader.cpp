#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/archive/tar.hpp"

namespace croft {

namespace {

constexpr std::size_t kExtensionLimit = 1U << 20U;
constexpr std::string_view kGzip("\x1f\x8b", 2);
constexpr std::string_view kZstd("\x28\xb5\x2f\xfd", 4);
constexpr std::string_view kXz(
    "\xfd"
    "7zXZ",
    5);
constexpr std::string_view kBzip("BZh", 3);

/// A field up to its first NUL.
std::string_view text_of(std::string_view block, std::size_t at, std::size_t width) {
  const std::string_view field = block.substr(at, width);
  return field.substr(0, field.find('\0'));
}

/// Octal digits between spaces, or GNU's big-endian binary with the highest bit set.
std::optional<std::uint64_t> number_of(std::string_view block, std::size_t at, std::size_t width) {
  std::string_view field = block.substr(at, width);
  if ((static_cast<unsigned char>(field[0]) & 0x80U) != 0) {
    std::uint64_t number = static_cast<unsigned char>(field[0]) & 0x7fU;
    if (number == 0x7fU) return 0;  // before 1970
    for (const char c : field.substr(1)) {
      if (number >> 56U != 0) return std::nullopt;
      number = number << 8U | static_cast<unsigned char>(c);
    }
    return number;
  }
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  const std::size_t end = field.find_first_not_of("01234567");
  const std::string_view digits = field.substr(0, end);
  const std::string_view rest =
      end == std::string_view::npos ? std::string_view() : field.substr(end);
  const bool is_padded = std::ranges::all_of(rest, [](char c) { return c == '\0' || c == ' '; });
  if (!is_padded) return std::nullopt;
  std::uint64_t number = 0;
  if (!digits.empty()) std::from_chars(digits.data(), digits.data() + digits.size(), number, 8);
  return number;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool has_right_checksum(std::string_view block) {
  unsigned sum = 0;
  int signed_sum = 0;  // some old archivers added signed bytes
  for (std::size_t i = 0; i < block.size(); ++i) {
    const char c = i >= 148 && i < 156 ? ' ' : block[i];
    sum += static_cast<unsigned char>(c);
    signed_sum += static_cast<signed char>(c);
  }
  const auto stored = number_of(block, 148, 8);
  return stored && (*stored == sum || static_cast<std::int64_t>(*stored) == signed_sum);
}

TarEntry::Type type_of(char flag, std::string_view path) {
  switch (flag) {
    case '\0':
    case '0':
    case '7':
      return path.ends_with('/') ? TarEntry::Type::Directory : TarEntry::Type::File;
    case '1':
      return TarEntry::Type::HardLink;
    case '2':
      return TarEntry::Type::SymbolicLink;
    case '5':
      return TarEntry::Type::Directory;
    default:
      return TarEntry::Type::Other;
  }
}

bool is_compressed(std::string_view block) {
  return std::ranges::any_of(std::array{kGzip, kZstd, kXz, kBzip},
                             [&](std::string_view magic) { return block.starts_with(magic); });
}

Error compressed() {
  return Error(ErrorCode::Invalid, "the archive is compressed")
      .with_hint("unpack it first: gunzip -c FILE | croft volume import ...");
}

}  // namespace

Error TarReader::broken(std::string what) const {
  Error error(ErrorCode::Invalid, std::move(what));
  if (last_path_.empty()) return error;
  return std::move(error).while_doing(fmt::format("reading the archive behind '{}'", last_path_));
}

Result<void> TarReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (state_ == State::End) return {};  // what fills up the last record
    if (state_ == State::Content) {
      Result<void> outcome;
      bytes.remove_prefix(take_content(bytes, outcome));
      TRY(outcome);
      continue;
    }
    if (state_ == State::Padding) {
      const std::size_t count = std::min<std::uint64_t>(padding_, bytes.size());
      bytes.remove_prefix(count);
      padding_ -= count;
      if (padding_ == 0) state_ = State::Header;
      continue;
    }
    const std::size_t count = std::min(kTarBlock - pending_.size(), bytes.size());
    pending_ += bytes.substr(0, count);
    bytes.remove_prefix(count);
    if (pending_.size() < kTarBlock) return {};
    const std::string block = std::exchange(pending_, {});
    TRY(take_block(block));
  }
  return {};
}

Result<void> TarReader::finish() const {
  if (state_ == State::End) return {};
  if (!has_begun_) {
    if (is_compressed(pending_)) return fail(compressed());
    return fail(ErrorCode::Invalid,
                pending_.empty() ? "the archive is empty" : "this is no tar archive");
  }
  return fail(broken("the archive is cut off"));
}

std::size_t TarReader::take_content(std::string_view bytes, Result<void>& outcome) {
  const std::size_t count = std::min<std::uint64_t>(left_, bytes.size());
  outcome = sink_.content(bytes.substr(0, count));
  left_ -= count;
  if (left_ > 0 || !outcome) return count;
  state_ = padding_ > 0 ? State::Padding : State::Header;
  outcome = sink_.end();
  return count;
}

Result<void> TarReader::take_block(std::string_view block) {
  if (state_ == State::Extension) {
    const std::size_t count = std::min<std::uint64_t>(left_, block.size());
    extension_ += block.substr(0, count);
    left_ -= count;
    return left_ == 0 ? end_extension() : Result<void>();
  }
  if (block.find_first_not_of('\0') == std::string_view::npos) {
    state_ = State::End;
    has_begun_ = true;
    return {};
  }
  return take_header(block);
}

Result<void> TarReader::take_header(std::string_view block) {
  if (!has_begun_ && is_compressed(block)) return fail(compressed());
  if (!has_right_checksum(block))
    return fail(has_begun_ ? broken("a header of the archive is damaged")
                           : Error(ErrorCode::Invalid, "this is no tar archive"));
  has_begun_ = true;
  const char flag = block[156];
  const auto size = number_of(block, 124, 12);
  const auto mode = number_of(block, 100, 8);
  const auto modified = number_of(block, 136, 12);
  if (!size || !mode) return fail(broken("a header of the archive is damaged"));
  if (flag == 'x' || flag == 'g' || flag == 'L' || flag == 'K') {
    if (*size > kExtensionLimit) return fail(broken("a header of the archive is too large"));
    extension_flag_ = flag;
    extension_.clear();
    left_ = *size;
    state_ = State::Extension;
    return left_ == 0 ? end_extension() : Result<void>();
  }
  TarEntry entry;
  entry.path = std::string(text_of(block, 0, 100));
  // GNU's magic is another one, and has times where the prefix is.
  const bool has_prefix = block.substr(257, 6) == std::string_view("ustar\0", 6);
  const std::string_view prefix = has_prefix ? text_of(block, 345, 155) : std::string_view();
  if (!prefix.empty()) entry.path = std::string(prefix) + "/" + entry.path;
  entry.link = std::string(text_of(block, 157, 100));
  entry.size = *size;
  entry.mode = static_cast<std::uint32_t>(*mode & 07777U);
  entry.uid = number_of(block, 108, 8).value_or(0);
  entry.gid = number_of(block, 116, 8).value_or(0);
  entry.modified = static_cast<std::int64_t>(modified.value_or(0));
  entry.flag = flag;
  return begin_entry(std::move(entry));
}

Result<void> TarReader::begin_entry(TarEntry entry) {
  TRY(apply_extensions(entry));
  entry.type = type_of(entry.flag, entry.path);
  while (entry.path.size() > 1 && entry.path.ends_with('/')) entry.path.pop_back();
  last_path_ = entry.path.substr(0, 200);
  if (entry.path.find('\0') != std::string::npos || entry.link.find('\0') != std::string::npos)
    return fail(broken("a name in the archive holds a zero byte"));
  // A directory's size says nothing, and links may carry the size of what they lead to.
  if (entry.type != TarEntry::Type::File && entry.type != TarEntry::Type::Other) entry.size = 0;
  left_ = entry.size;
  padding_ = tar_padding(entry.size).size();
  TRY(sink_.begin(entry));
  if (left_ > 0) {
    state_ = State::Content;
    return {};
  }
  state_ = State::Header;
  return sink_.end();
}

Result<void> TarReader::end_extension() {
  state_ = State::Header;
  const std::string text = std::exchange(extension_, {});
  if (extension_flag_ == 'x') return read_pax(text, next_);
  if (extension_flag_ == 'g') return read_pax(text, globals_);
  next_[extension_flag_ == 'L' ? "path" : "linkpath"] = text.substr(0, text.find('\0'));
  return {};
}

Result<void> TarReader::read_pax(std::string_view records,
                                 std::map<std::string, std::string>& into) const {
  while (!records.empty()) {
    const std::size_t space = records.find(' ');
    const auto length = decimal(records.substr(0, space));
    const bool is_whole = space != std::string_view::npos && length && *length > space + 1 &&
                          *length <= records.size() && records[*length - 1] == '\n';
    if (!is_whole) return fail(broken("an extended header of the archive is damaged"));
    const std::string_view record = records.substr(space + 1, *length - space - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos)
      return fail(broken("an extended header of the archive is damaged"));
    into[std::string(record.substr(0, equals))] = std::string(record.substr(equals + 1));
    records.remove_prefix(*length);
  }
  return {};
}

Result<void> TarReader::apply_extensions(TarEntry& entry) {
  std::map<std::string, std::string> all = globals_;
  for (auto& [key, value] : std::exchange(next_, {})) all[key] = std::move(value);
  for (const auto& [key, value] : all) {
    if (key.starts_with("GNU.sparse.") || entry.flag == 'S')
      return fail(broken("sparse files in archives are not supported")
                      .with_hint("pack it without --sparse"));
    if (key == "path") entry.path = value;
    if (key == "linkpath") entry.link = value;
    if (key == "mtime")
      entry.modified =
          static_cast<std::int64_t>(decimal(value.substr(0, value.find('.'))).value_or(0));
    if (key != "size" && key != "uid" && key != "gid") continue;
    const auto number = decimal(value);
    if (!number) return fail(broken("an extended header of the archive is damaged"));
    (key == "size" ? entry.size : key == "uid" ? entry.uid : entry.gid) = *number;
  }
  if (entry.flag == 'S')
    return fail(
        broken("sparse files in archives are not supported").with_hint("pack it without --sparse"));
  return {};
}

}  // namespace croft
