#include "core/secret/age_armor.hpp"

#include "core/base/base64.hpp"

namespace croft::secret {

namespace {

constexpr std::string_view kBegin = "-----BEGIN AGE ENCRYPTED FILE-----";
constexpr std::string_view kEnd = "-----END AGE ENCRYPTED FILE-----";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kLineLength = 64;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::Invalid, "its armor is malformed: " + std::string(what));
}

/// The next line without its end; the rest is left in `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

bool looks_armored(std::string_view file) {
  const std::size_t start = file.find_first_not_of(kSpace);
  return start != std::string_view::npos && file.substr(start).starts_with("-----");
}

Result<std::string> read_armor(std::string_view file) {
  std::string_view line = take_line(file);
  while (line.find_first_not_of(kSpace) == std::string_view::npos && !file.empty())
    line = take_line(file);
  if (line != kBegin) return malformed("it does not begin with its first line");
  std::string bytes;
  bool is_last = false;
  for (line = take_line(file); line != kEnd; line = take_line(file)) {
    if (is_last || line.empty() || line.size() > kLineLength)
      return malformed("a line has another length than 64");
    const auto decoded = from_base64(line);
    if (!decoded || to_base64(*decoded) != line) return malformed("a line is no base64");
    is_last = line.size() < kLineLength || line.ends_with('=');
    bytes += *decoded;
    if (file.empty()) return malformed("its last line is missing");
  }
  if (file.find_first_not_of(kSpace) != std::string_view::npos)
    return malformed("something follows its last line");
  return bytes;
}

std::string write_armor(std::string_view bytes) {
  std::string text(kBegin);
  const std::string encoded = to_base64(bytes);
  for (std::size_t at = 0; at < encoded.size(); at += kLineLength)
    (text += '\n') += encoded.substr(at, kLineLength);
  return (text += '\n').append(kEnd) + "\n";
}

}  // namespace croft::secret
