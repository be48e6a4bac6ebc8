#include "core/archive/tar.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>

namespace croft {

namespace {

/// A ustar header as bytes: where each field stands (POSIX.1-2017, pax, "ustar Interchange
/// Format").
struct Fields {
  static constexpr std::size_t kName = 0, kNameSize = 100;
  static constexpr std::size_t kMode = 100, kUid = 108, kGid = 116, kNumberSize = 8;
  static constexpr std::size_t kSize = 124, kModified = 136, kLongNumberSize = 12;
  static constexpr std::size_t kChecksum = 148;
  static constexpr std::size_t kFlag = 156;
  static constexpr std::size_t kLink = 157, kLinkSize = 100;
  static constexpr std::size_t kMagic = 257;
};

char flag_of(TarEntry::Type type) {
  switch (type) {
    case TarEntry::Type::Directory:
      return '5';
    case TarEntry::Type::SymbolicLink:
      return '2';
    case TarEntry::Type::HardLink:
      return '1';
    default:
      return '0';
  }
}

bool fits_octal(std::uint64_t number, std::size_t width) {
  return number < (1ULL << (3 * (width - 1)));
}

void put_number(std::string& block, std::size_t at, std::size_t width, std::uint64_t number) {
  const std::string digits = fmt::format("{:0{}o}", number, width - 1);
  if (digits.size() < width) block.replace(at, digits.size(), digits);
}

void put_text(std::string& block, std::size_t at, std::size_t width, std::string_view text) {
  const std::string_view cut = text.substr(0, width);
  block.replace(at, cut.size(), cut);
}

std::string plain_header(const TarEntry& entry, char flag) {
  std::string block(kTarBlock, '\0');
  put_text(block, Fields::kName, Fields::kNameSize, entry.path);
  put_number(block, Fields::kMode, Fields::kNumberSize, entry.mode & 07777U);
  put_number(block, Fields::kUid, Fields::kNumberSize, entry.uid);
  put_number(block, Fields::kGid, Fields::kNumberSize, entry.gid);
  put_number(block, Fields::kSize, Fields::kLongNumberSize, entry.size);
  const auto modified = static_cast<std::uint64_t>(std::max<std::int64_t>(entry.modified, 0));
  put_number(block, Fields::kModified, Fields::kLongNumberSize, modified);
  block[Fields::kFlag] = flag;
  put_text(block, Fields::kLink, Fields::kLinkSize, entry.link);
  block.replace(Fields::kMagic, 8,
                std::string_view("ustar\0"
                                 "00",
                                 8));
  block.replace(Fields::kChecksum, 8, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  block.replace(Fields::kChecksum, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return block;
}

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length)
    length = std::to_string(length).size() + rest;
  return fmt::format("{} {}={}\n", length, key, value);
}

}  // namespace

std::string tar_padding(std::uint64_t size) {
  return std::string((kTarBlock - size % kTarBlock) % kTarBlock, '\0');
}

std::string tar_end() { return std::string(2 * kTarBlock, '\0'); }

std::string tar_header(const TarEntry& entry) {
  TarEntry plain = entry;
  if (plain.type != TarEntry::Type::File) plain.size = 0;
  if (plain.type == TarEntry::Type::Directory) plain.path += '/';
  std::string records;
  if (plain.path.size() > Fields::kNameSize) records += pax_record("path", plain.path);
  if (plain.link.size() > Fields::kLinkSize) records += pax_record("linkpath", plain.link);
  if (!fits_octal(plain.size, Fields::kLongNumberSize))
    records += pax_record("size", std::to_string(plain.size));
  for (auto [key, number] : {std::pair("uid", &plain.uid), std::pair("gid", &plain.gid)}) {
    if (fits_octal(*number, Fields::kNumberSize)) continue;
    records += pax_record(key, std::to_string(*number));
    *number = 0;
  }
  if (records.empty()) return plain_header(plain, flag_of(plain.type));
  TarEntry extension;
  extension.path = "PaxHeaders/" + plain.path.substr(0, 80);
  extension.size = records.size();
  std::string header = plain_header(extension, 'x') + records + tar_padding(records.size());
  if (!fits_octal(plain.size, Fields::kLongNumberSize)) plain.size = 0;
  return header + plain_header(plain, flag_of(plain.type));
}

}  // namespace croft
