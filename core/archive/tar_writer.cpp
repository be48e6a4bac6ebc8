#include <algorithm>
#include <array>
#include <limits>

#include "core/archive/tar.hpp"
#include "core/archive/tar_header.hpp"

namespace croft {

namespace {

using namespace tar;

constexpr std::string_view kTypes = "0123456";  // in the order of TarType

void put(std::string& head, Place place, std::string_view text) {
  std::copy_n(text.data(), std::min(place.size, text.size()), head.data() + place.at);
}

/// The largest number that a field's octal digits can say, one place kept for its end.
constexpr std::uint64_t limit_of(Place place) { return (1ULL << (3 * (place.size - 1))) - 1; }

void put_number(std::string& head, Place place, std::uint64_t number) {
  std::string digits;
  for (; number != 0; number >>= 3U) digits += static_cast<char>('0' + (number & 7U));
  digits.resize(place.size - 1, '0');
  std::ranges::reverse(digits);
  put(head, place, digits);
}

/// "LENGTH KEY=VALUE\n", where the length counts itself.
std::string record(std::string_view key, std::string_view value) {
  const std::string rest = " " + std::string(key) + "=" + std::string(value) + "\n";
  std::size_t size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size) {
    size = std::to_string(size).size() + rest.size();
  }
  return std::to_string(size) + rest;
}

/// A path as ustar's prefix and name; false if they have no place for it.
bool put_path(std::string& head, const std::string& path) {
  if (path.size() <= kName.size) {
    put(head, kName, path);
    return true;
  }
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::size_t rest = path.size() - at - 1;
    if (at > kPrefix.size) return false;
    if (at == 0 || rest == 0 || rest > kName.size) continue;
    put(head, kPrefix, std::string_view(path).substr(0, at));
    put(head, kName, std::string_view(path).substr(at + 1));
    return true;
  }
  return false;
}

/// Fills a head, and says in pax records what it has no place for.
class HeadMaker {
 public:
  explicit HeadMaker(const TarEntry& entry) : entry_(entry) {
    for (const auto& [key, value] : entry.extras) records_ += record(key, value);
    path();
    text(kTarget, "linkpath", entry.target);
    text(kUser, "uname", entry.user);
    text(kGroup, "gname", entry.group);
    number(kUid, "uid", entry.uid);
    number(kGid, "gid", entry.gid);
    number(kModified, "mtime", entry.modified);
    number(kSize, "size", static_cast<std::int64_t>(entry.size));
    put_number(head_, kMode, entry.mode & 07777U);
    put_number(head_, kMajor, entry.device_major & limit_of(kMajor));
    put_number(head_, kMinor, entry.device_minor & limit_of(kMinor));
  }

  std::string finish(char type) {
    head_[kType.at] = type;
    put(head_, kMagic, std::string_view("ustar\00000", 8));
    std::string sum(kCheckSum.size, '\0');
    put_number(head_, {kCheckSum.at, kCheckSum.size - 1}, check_sum(head_.data()));
    head_[kCheckSum.at + kCheckSum.size - 1] = ' ';
    return std::move(head_);
  }

  const std::string& records() const { return records_; }

 private:
  void path() {
    if (!put_path(head_, entry_.path)) {
      put(head_, kName, entry_.path);
      records_ += record("path", entry_.path);
    }
  }
  void text(Place place, std::string_view key, const std::string& value) {
    // Names end with a zero where they can; that of a link need not.
    const std::size_t most = place.at == kTarget.at ? place.size : place.size - 1;
    put(head_, place, value);
    if (value.size() > most) records_ += record(key, value);
  }
  void number(Place place, std::string_view key, std::int64_t value) {
    const bool fits = value >= 0 && static_cast<std::uint64_t>(value) <= limit_of(place);
    put_number(head_, place, fits ? static_cast<std::uint64_t>(value) : 0);
    if (!fits) records_ += record(key, std::to_string(value));
  }

  const TarEntry& entry_;
  std::string head_ = std::string(kBlock, '\0');
  std::string records_;
};

bool has_zero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

}  // namespace

Result<std::string> TarWriter::begin(const TarEntry& entry) {
  if (entry.path.empty() || has_zero(entry.path) || has_zero(entry.target)) {
    return fail(ErrorCode::Invalid, "no path for an archive: '" + entry.path + "'");
  }
  HeadMaker maker(entry);
  const std::string& records = maker.records();
  std::string out;
  if (!records.empty()) {
    TarEntry before{.path = "pax", .size = records.size()};
    out = HeadMaker(before).finish('x') + records + padding(records.size());
  }
  return out + maker.finish(kTypes[static_cast<std::size_t>(entry.type)]);
}

std::string TarWriter::padding(std::uint64_t size) { return std::string(padding_of(size), '\0'); }

std::string TarWriter::finish() { return std::string(2 * kBlock, '\0'); }

}  // namespace croft
