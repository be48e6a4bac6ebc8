#include "providers/docker/tar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace croft::docker {

namespace {

// The format: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
constexpr std::size_t kBlock = 512;
constexpr std::size_t kLongestMeta = 1 << 20;

std::uint64_t padding_of(std::uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

void put_octal(char* field, std::size_t width, std::uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, width - 1);
  if (text.size() < width) std::memcpy(field, text.data(), text.size());
}

/// Octal digits, or, past what they hold, a number of base 256 after a set high bit.
std::uint64_t get_number(std::string_view field) {
  if (!field.empty() && (static_cast<unsigned char>(field[0]) & 0x80U) != 0) {
    std::uint64_t value = static_cast<unsigned char>(field[0]) & 0x7fU;
    for (const char c : field.substr(1)) value = (value << 8U) | static_cast<unsigned char>(c);
    return value;
  }
  while (field.starts_with(' ')) field.remove_prefix(1);
  std::uint64_t value = 0;
  std::from_chars(field.data(), field.data() + field.size(), value, 8);
  return value;
}

std::string text_of(std::string_view field) {
  return std::string(field.substr(0, std::min(field.find('\0'), field.size())));
}

unsigned checksum(std::string_view header) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  return sum;
}

std::string pax_record(const std::string& key, const std::string& value) {
  // Its length counts its own digits.
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (fmt::format("{}", length).size() + rest != length)
    length = fmt::format("{}", length).size() + rest;
  return fmt::format("{} {}={}\n", length, key, value);
}

bool leads_outside(std::string_view path) {
  if (path.starts_with('/')) return true;
  return (fmt::format("/{}/", path)).find("/../") != std::string::npos;
}

Result<std::map<std::string, std::string>> read_pax(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    std::size_t length = 0;
    const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<std::size_t>(stop - text.data());
    if (problem != std::errc() || length <= digits + 1 || length > text.size())
      return fail(ErrorCode::Invalid, "it has a broken extended header");
    const std::string_view record = text.substr(digits + 1, length - digits - 2);
    const std::size_t equals = record.find('=');
    if (equals != std::string_view::npos)
      fields[std::string(record.substr(0, equals))] = record.substr(equals + 1);
    text.remove_prefix(length);
  }
  return fields;
}

}  // namespace

void TarWriter::add_block(std::string_view content) {
  archive_ += content;
  archive_.append(padding_of(content.size()), '\0');
}

void TarWriter::add_header(const Entry& entry) {
  std::array<char, kBlock> header{};
  std::memcpy(header.data(), entry.path.data(), std::min<std::size_t>(entry.path.size(), 100));
  put_octal(&header[100], 8, static_cast<std::uint64_t>(entry.mode));
  put_octal(&header[108], 8, static_cast<std::uint64_t>(entry.uid) & 07777777U);
  put_octal(&header[116], 8, static_cast<std::uint64_t>(entry.gid) & 07777777U);
  put_octal(&header[124], 12, entry.size);
  put_octal(&header[136], 12, 0);
  header[156] = entry.type;
  std::memcpy(&header[157], entry.link.data(), std::min<std::size_t>(entry.link.size(), 100));
  std::memcpy(&header[257], "ustar\00000", 8);
  const unsigned sum = checksum({header.data(), header.size()});
  put_octal(&header[148], 7, sum);
  header[155] = ' ';
  std::string extended;
  if (entry.path.size() > 100) extended += pax_record("path", entry.path);
  if (entry.link.size() > 100) extended += pax_record("linkpath", entry.link);
  if (!extended.empty()) {
    add_header({.path = "pax", .link = {}, .type = 'x', .mode = 0644, .size = extended.size()});
    add_block(extended);
  }
  archive_.append(header.data(), header.size());
}

void TarWriter::add_directory(const std::string& path) {
  add_header({.path = path + "/", .link = {}, .type = '5', .mode = 0755});
}

void TarWriter::add_file(const std::string& path, std::string_view content, std::int64_t mode,
                         std::int64_t uid, std::int64_t gid) {
  add_header({.path = path,
              .link = {},
              .type = '0',
              .mode = mode,
              .uid = uid,
              .gid = gid,
              .size = content.size()});
  add_block(content);
}

void TarWriter::add_link(const std::string& path, const std::string& target) {
  add_header({.path = path, .link = target, .type = '2', .mode = 0777});
}

std::string TarWriter::finish() {
  archive_.append(2 * kBlock, '\0');
  return std::move(archive_);
}

Result<void> TarGuard::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (to_skip_ > 0 || is_over_) {
      const std::size_t passed =
          is_over_ ? bytes.size() : std::min<std::uint64_t>(to_skip_, bytes.size());
      if (!is_over_) to_skip_ -= passed;
      bytes.remove_prefix(passed);
    } else if (meta_left_ > 0) {
      const std::size_t taken = std::min<std::uint64_t>(meta_left_, bytes.size());
      meta_ += bytes.substr(0, taken);
      meta_left_ -= taken;
      bytes.remove_prefix(taken);
      if (meta_left_ == 0) {
        TRY(read_meta());
      }
    } else {
      const std::size_t taken = std::min(kBlock - block_.size(), bytes.size());
      block_ += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
      if (block_.size() == kBlock) {
        TRY(read_header());
        block_.clear();
      }
    }
  }
  return {};
}

Result<void> TarGuard::finish() const {
  // An archive may lack its final zeros, but not end inside an entry.
  if (block_.empty() && to_skip_ == 0 && meta_left_ == 0) return {};
  return fail(ErrorCode::Invalid, "the archive ends in the middle");
}

Result<void> TarGuard::read_meta() {
  if (meta_type_ == 'x') {
    TRY_ASSIGN(next_, read_pax(meta_));
  } else if (meta_type_ == 'L') {
    next_["path"] = text_of(meta_);
  } else if (meta_type_ == 'K') {
    next_["linkpath"] = text_of(meta_);
  }
  meta_.clear();
  to_skip_ = meta_padding_;
  return {};
}

Result<void> TarGuard::read_header() {
  const std::string_view header = block_;
  if (std::ranges::all_of(header, [](char c) { return c == '\0'; })) {
    is_over_ = true;
    return {};
  }
  if (get_number(header.substr(148, 8)) != checksum(header))
    return fail(ErrorCode::Invalid, "it is no tar archive");
  const char type = header[156];
  std::uint64_t size = get_number(header.substr(124, 12));
  const bool is_meta = type == 'x' || type == 'g' || type == 'L' || type == 'K';
  if (is_meta) {
    if (size > kLongestMeta)
      return fail(ErrorCode::Invalid, "it has an extended header past 1 MiB");
    meta_type_ = type;
    meta_left_ = size;
    meta_padding_ = padding_of(size);
    return {};
  }
  const std::string prefix =
      header.substr(257, 5) == "ustar" ? text_of(header.substr(345, 155)) : "";
  std::string path = text_of(header.substr(0, 100));
  if (!prefix.empty()) path = prefix + "/" + path;
  std::string link = text_of(header.substr(157, 100));
  if (const auto longer = next_.find("path"); longer != next_.end()) path = longer->second;
  if (const auto longer = next_.find("linkpath"); longer != next_.end()) link = longer->second;
  if (const auto real = next_.find("size"); real != next_.end())
    std::from_chars(real->second.data(), real->second.data() + real->second.size(), size);
  next_.clear();
  if (leads_outside(path))
    return fail(ErrorCode::Invalid, fmt::format("the path '{}' leads out of the volume", path));
  if (type == '1' && leads_outside(link))
    return fail(ErrorCode::Invalid,
                fmt::format("the hard link '{}' leads out of the volume, to '{}'", path, link));
  if (type == '3' || type == '4')
    return fail(ErrorCode::Invalid, fmt::format("'{}' is a device file", path));
  if (std::string_view("012567").find(type) == std::string_view::npos && type != '\0')
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is of a type that is not understood, '{}'", path, type));
  const bool has_content = type == '0' || type == '\0' || type == '7';
  if (!has_content) size = 0;
  content_bytes_ += size;
  to_skip_ = size + padding_of(size);
  return {};
}

}  // namespace croft::docker
