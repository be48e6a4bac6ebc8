#include <algorithm>
#include <charconv>
#include <optional>

#include "core/archive/tar.hpp"
#include "core/archive/tar_header.hpp"

namespace croft {

namespace {

using namespace tar;

constexpr std::uint64_t kLongestExtension = 1U << 20U;
constexpr std::size_t kLongestGlobal = 256;
constexpr std::uint64_t kLargestSize = 1ULL << 62U;

std::unexpected<Error> bad(std::string what) {
  return fail(ErrorCode::Invalid, "this is no tar archive: " + std::move(what));
}

std::string text_at(std::string_view head, Place place) {
  const std::string_view field = head.substr(place.at, place.size);
  return std::string(field.substr(0, field.find('\0')));
}

/// GNU's form of what octal digits cannot say: big endian, the first bit set, the second a sign.
std::optional<std::int64_t> binary_number(std::string_view field) {
  const auto first = static_cast<unsigned char>(field[0]);
  const bool is_negative = (first & 0x40U) != 0;
  const std::uint64_t sign = is_negative ? 0xff : 0;
  std::uint64_t number = is_negative ? ~0ULL : 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (number >> 56U != sign) return std::nullopt;
    auto byte = static_cast<unsigned char>(field[i]);
    if (i == 0 && !is_negative) byte &= 0x7fU;
    number = number << 8U | byte;
  }
  const auto value = static_cast<std::int64_t>(number);
  return (value < 0) == is_negative ? std::optional(value) : std::nullopt;
}

/// Octal digits between blanks.
std::optional<std::int64_t> octal_number(std::string_view field) {
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  if (field.empty() || field.front() == '\0') return 0;
  std::int64_t number = 0;
  const char* end = field.data() + field.size();
  const auto parsed = std::from_chars(field.data(), end, number, 8);
  const bool is_ended = parsed.ptr == end || *parsed.ptr == ' ' || *parsed.ptr == '\0';
  if (parsed.ec != std::errc() || !is_ended || number < 0) return std::nullopt;
  return number;
}

std::optional<std::int64_t> number_at(std::string_view head, Place place) {
  const std::string_view field = head.substr(place.at, place.size);
  const bool is_binary = (static_cast<unsigned char>(field[0]) & 0x80U) != 0;
  return is_binary ? binary_number(field) : octal_number(field);
}

std::optional<std::int64_t> decimal(std::string_view text) {
  // Times have a fraction, which nobody here needs.
  text = text.substr(0, text.find('.'));
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

/// Takes pax records, "LENGTH KEY=VALUE\n" each, apart.
Result<void> read_records(std::string_view text, std::map<std::string, std::string>& into) {
  while (!text.empty()) {
    std::size_t size = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, size);
    const auto digits = static_cast<std::size_t>(parsed.ptr - text.data());
    if (parsed.ec != std::errc() || digits == text.size() || text[digits] != ' ' ||
        size > text.size() || size < digits + 3 || text[size - 1] != '\n') {
      return bad("a pax record is malformed");
    }
    const std::string_view record = text.substr(digits + 1, size - digits - 2);
    const std::size_t equals = record.find('=');
    if (equals == 0 || equals == std::string_view::npos) return bad("a pax record has no key");
    into.insert_or_assign(std::string(record.substr(0, equals)),
                          std::string(record.substr(equals + 1)));
    text.remove_prefix(size);
  }
  return {};
}

std::uint64_t bytes_of(const std::map<std::string, std::string>& records) {
  std::uint64_t sum = 0;
  for (const auto& [key, value] : records) sum += key.size() + value.size();
  return sum;
}

std::string path_at(std::string_view head) {
  const std::string name = text_at(head, kName);
  // GNU tar has other things where ustar has the prefix.
  const bool is_ustar = head.substr(kMagic.at, 6) == std::string_view("ustar\0", 6);
  const std::string prefix = is_ustar ? text_at(head, kPrefix) : std::string();
  return prefix.empty() ? name : prefix + "/" + name;
}

std::optional<TarType> type_of(char type, std::string_view head) {
  // Tar before POSIX knew directories only by their slash.
  if (type == '\0') return path_at(head).ends_with('/') ? TarType::Directory : TarType::File;
  if (type == '7') return TarType::File;  // "contiguous", which none is
  if (type < '0' || type > '6') return std::nullopt;
  return static_cast<TarType>(type - '0');
}

Result<TarEntry> read_head(std::string_view head, TarType type, std::uint64_t size) {
  const auto mode = number_at(head, kMode);
  const auto uid = number_at(head, kUid);
  const auto gid = number_at(head, kGid);
  const auto modified = number_at(head, kModified);
  if (!mode || !uid || !gid || !modified) return bad("a number in a head is malformed");
  TarEntry entry{.path = path_at(head),
                 .type = type,
                 .mode = static_cast<std::uint32_t>(*mode) & 07777U,
                 .uid = *uid,
                 .gid = *gid,
                 .user = text_at(head, kUser),
                 .group = text_at(head, kGroup),
                 .size = size,
                 .modified = *modified,
                 .target = text_at(head, kTarget)};
  if (type == TarType::CharacterDevice || type == TarType::BlockDevice) {
    entry.device_major = static_cast<std::uint32_t>(number_at(head, kMajor).value_or(0));
    entry.device_minor = static_cast<std::uint32_t>(number_at(head, kMinor).value_or(0));
  }
  return entry;
}

/// Sets what a record says in the place of a field; false if it is of none.
Result<bool> set_field(TarEntry& entry, const std::string& key, const std::string& value) {
  if (key == "path")
    entry.path = value;
  else if (key == "linkpath")
    entry.target = value;
  else if (key == "uname")
    entry.user = value;
  else if (key == "gname")
    entry.group = value;
  else if (key == "uid" || key == "gid" || key == "mtime") {
    const auto number = decimal(value);
    if (!number) return bad("a number in a pax record is malformed");
    (key == "uid" ? entry.uid : key == "gid" ? entry.gid : entry.modified) = *number;
  } else {
    return key == "size" || key == "atime" || key == "ctime" || key == "comment";
  }
  return true;
}

bool is_global_field(std::string_view key) {
  return key == "uname" || key == "gname" || key == "uid" || key == "gid" || key == "mtime";
}

bool is_zero(std::string_view block) {
  return block.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

Result<std::vector<TarReader::Part>> TarReader::feed(std::string_view bytes) {
  std::vector<Part> out;
  while (!bytes.empty() && state_ != State::End) {
    if (left_ > 0) {
      const std::size_t count = std::min<std::uint64_t>(left_, bytes.size());
      if (state_ == State::Content)
        out.emplace_back(std::string(bytes.substr(0, count)));
      else
        extension_ += bytes.substr(0, count);
      bytes.remove_prefix(count);
      left_ -= count;
      if (left_ == 0 && state_ == State::Extension) {
        TRY(end_extension());
      }
      if (left_ == 0) state_ = State::Head;
      continue;
    }
    if (padding_ > 0) {
      const std::size_t count = std::min<std::uint64_t>(padding_, bytes.size());
      bytes.remove_prefix(count);
      padding_ -= count;
      continue;
    }
    const std::size_t count = std::min(kBlock - block_.size(), bytes.size());
    block_ += bytes.substr(0, count);
    bytes.remove_prefix(count);
    if (block_.size() < kBlock) continue;
    TRY(take_block(out));
    block_.clear();
  }
  return out;
}

Result<void> TarReader::take_block(std::vector<Part>& out) {
  if (!is_zero(block_)) {
    saw_zero_block_ = false;
    return take_head(out);
  }
  if (is_in_entry_) return bad("an entry is missing after what is said of it");
  if (saw_zero_block_) state_ = State::End;
  saw_zero_block_ = true;
  return {};
}

Result<void> TarReader::take_head(std::vector<Part>& out) {
  const auto sum = number_at(block_, kCheckSum);
  if (!sum || static_cast<std::uint64_t>(*sum) != check_sum(block_.data())) {
    return bad("a head's check sum is wrong");
  }
  const auto size = number_at(block_, kSize);
  if (!size || *size < 0) return bad("a size in a head is malformed");
  const char type = block_[kType.at];
  if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
    return begin_extension(type, static_cast<std::uint64_t>(*size));
  }
  const auto known = type_of(type, block_);
  if (type == 'S') return bad("a file is sparse, which is not supported");
  if (!known) return bad(std::string("an entry is of an unknown type '") + type + "'");
  TRY_ASSIGN(TarEntry entry, read_head(block_, *known, static_cast<std::uint64_t>(*size)));
  TRY(apply_records(entry));
  if (entry.size > kLargestSize) return bad("an entry is too large");
  records_.clear();
  is_in_entry_ = false;
  // Some writers say a size for links and directories, too; no content follows them.
  if (entry.type != TarType::File) entry.size = 0;
  left_ = entry.size;
  padding_ = padding_of(entry.size);
  if (left_ > 0) state_ = State::Content;
  out.emplace_back(std::move(entry));
  return {};
}

Result<void> TarReader::begin_extension(char type, std::uint64_t size) {
  if (size == 0 || size > kLongestExtension) return bad("a head is too long");
  extension_type_ = type;
  extension_.clear();
  left_ = size;
  padding_ = padding_of(size);
  state_ = State::Extension;
  if (type != 'g') is_in_entry_ = true;
  return {};
}

Result<void> TarReader::end_extension() {
  if (extension_type_ == 'g') return keep_global();
  if (extension_type_ == 'x') {
    TRY(read_records(extension_, records_));
    // One head may follow another, and each may say something else.
    if (bytes_of(records_) > kLongestExtension) return bad("its heads are too long");
    return {};
  }
  // GNU's long names, ended by a zero.
  records_[extension_type_ == 'L' ? "path" : "linkpath"] =
      extension_.substr(0, extension_.find('\0'));
  return {};
}

// A global record costs its bytes once, and is work for every entry: only what is a short field of
// entries is kept.
Result<void> TarReader::keep_global() {
  Records said;
  TRY(read_records(extension_, said));
  for (auto& [key, value] : said) {
    if (key.starts_with("GNU.sparse.")) return bad("it has sparse files");
    if (key == "path" || key == "linkpath" || key == "size")
      return bad("a global pax record says '" + key + "', which no two entries share");
    if (!is_global_field(key)) continue;
    if (value.size() > kLongestGlobal) return bad("a global pax record is too long");
    global_.insert_or_assign(key, std::move(value));
  }
  return {};
}

Result<void> TarReader::apply_records(TarEntry& entry) const {
  for (const auto& [key, value] : global_) {
    if (value.empty() || records_.contains(key)) continue;
    TRY(set_field(entry, key, value));
  }
  for (const auto& [key, value] : records_) {
    if (key.starts_with("GNU.sparse.")) return bad("it has sparse files");
    if (value.empty()) continue;  // what a global record says does not hold here
    TRY_ASSIGN(const bool is_field, set_field(entry, key, value));
    if (!is_field) entry.extras[key] = value;
    if (key != "size") continue;
    const auto size = decimal(value);
    if (!size || *size < 0) return bad("a size in a pax record is malformed");
    entry.size = static_cast<std::uint64_t>(*size);
  }
  if (entry.path.empty()) return bad("an entry has no path");
  return {};
}

Result<void> TarReader::finish() const {
  const bool is_between = block_.empty() && left_ == 0 && padding_ == 0 && !is_in_entry_;
  if (state_ == State::End || is_between) return {};
  return fail(ErrorCode::Invalid, "the archive is cut short");
}

}  // namespace croft
