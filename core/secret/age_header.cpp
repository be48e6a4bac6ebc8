#include "core/secret/age_header.hpp"

#include <algorithm>
#include <optional>

#include "core/secret/crypto.hpp"

namespace croft::secret {

namespace {

constexpr std::string_view kVersion = "age-encryption.org/v1";
constexpr std::string_view kStanza = "-> ";
constexpr std::string_view kMac = "--- ";
constexpr std::size_t kLineLength = 64;
constexpr std::size_t kMacSize = 32;
constexpr std::size_t kMostStanzas = 100;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::Invalid, "its header is malformed: " + std::string(what));
}

/// A line with its line feed taken away; nothing if there is none.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Result<AgeStanza> read_stanza(std::string_view line, std::string_view& rest) {
  AgeStanza stanza;
  std::vector<std::string> words;
  for (line.remove_prefix(kStanza.size());;) {
    const std::size_t space = line.find(' ');
    words.emplace_back(line.substr(0, space));
    if (!is_word(words.back())) return malformed("a recipient's line has an empty or strange word");
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
  }
  stanza.type = std::move(words.front());
  stanza.arguments.assign(words.begin() + 1, words.end());
  for (;;) {
    const auto body = take_line(rest);
    if (!body || body->size() > kLineLength) return malformed("a recipient's body does not end");
    const auto bytes = from_base64_bare(*body);
    if (!bytes) return malformed("a recipient's body is no base64");
    stanza.body += *bytes;
    if (body->size() < kLineLength) return stanza;
  }
}

}  // namespace

Result<AgeHeader> read_age_header(std::string_view file) {
  std::string_view rest = file;
  const auto first = take_line(rest);
  if (!first || !first->starts_with("age-encryption.org/"))
    return fail(ErrorCode::Invalid, "it is no file that age encrypted");
  if (*first != kVersion) return malformed("its version is not v1");
  AgeHeader header;
  for (auto line = take_line(rest); line; line = take_line(rest)) {
    if (line->starts_with(kStanza)) {
      if (header.stanzas.size() == kMostStanzas) return malformed("it has too many recipients");
      TRY_ASSIGN(AgeStanza stanza, read_stanza(*line, rest));
      header.stanzas.push_back(std::move(stanza));
      continue;
    }
    if (!line->starts_with(kMac)) return malformed("a line is neither a recipient nor the end");
    const auto mac = from_base64_bare(line->substr(kMac.size()));
    if (!mac || mac->size() != kMacSize) return malformed("its MAC is none");
    const auto start = static_cast<std::size_t>(line->data() - file.data());
    header.mac = *mac;
    header.authenticated = file.substr(0, start + kMac.size() - 1);
    header.payload = rest;
    return header;
  }
  return malformed("it does not end");
}

std::string write_age_header(const std::vector<AgeStanza>& stanzas) {
  std::string text(kVersion);
  for (const AgeStanza& stanza : stanzas) {
    text += "\n-> " + stanza.type;
    for (const std::string& argument : stanza.arguments) text += " " + argument;
    const std::string body = to_base64_bare(stanza.body);
    // The last line is shorter than the others, be it empty.
    for (std::size_t at = 0; at <= body.size(); at += kLineLength)
      (text += '\n') += body.substr(at, kLineLength);
  }
  return text += "\n---";
}

}  // namespace croft::secret
