#include "core/base/signing_keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "core/base/base64.hpp"

namespace croft {

namespace {

constexpr std::array<std::string_view, 7> kKeyTypes{"ssh-ed25519",
                                                    "ssh-rsa",
                                                    "ecdsa-sha2-nistp256",
                                                    "ecdsa-sha2-nistp384",
                                                    "ecdsa-sha2-nistp521",
                                                    "sk-ssh-ed25519@openssh.com",
                                                    "sk-ecdsa-sha2-nistp256@openssh.com"};
constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view kEnd = "-----END PGP PUBLIC KEY BLOCK-----";

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::Invalid, std::move(message));
}

std::unexpected<Error> private_key() {
  return invalid(
      "holds a private key; put the public one here, and replace the private one: it has been "
      "seen");
}

bool is_key_type(std::string_view word) {
  return std::ranges::find(kKeyTypes, word) != kKeyTypes.end();
}

/// Takes the next word off the text; blanks between double quotes are part of it.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (text[end] == '"') is_quoted = !is_quoted;
    if (!is_quoted && kBlanks.contains(text[end])) break;
  }
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

/// YYYYMMDD, or with HHMM or HHMMSS; "Z" for UTC.
bool is_time(std::string_view text) {
  if (text.ends_with('Z') || text.ends_with('z')) text.remove_suffix(1);
  const bool is_long_enough = text.size() == 8 || text.size() == 12 || text.size() == 14;
  return is_long_enough && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// A list that names others and no pattern lets no commit through.
bool may_include_git(std::string_view namespaces) {
  if (namespaces.find_first_of("*?") != std::string_view::npos) return true;
  return fmt::format(",{},", namespaces).find(",git,") != std::string::npos;
}

Result<void> check_option(std::string_view option) {
  const std::size_t equals = option.find('=');
  const std::string name = lower_case(option.substr(0, equals));
  if (name == "cert-authority" && equals == std::string_view::npos) return {};
  std::string_view value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (is_quoted) value = value.substr(1, value.size() - 2);
  if (name == "valid-after" || name == "valid-before") {
    if (is_quoted && is_time(value)) return {};
    return invalid(fmt::format("must give {} as in {}=\"20301231Z\"", name, name));
  }
  if (name == "namespaces") {
    if (is_quoted && may_include_git(value)) return {};
    return invalid("must have \"git\" among its namespaces: commits are signed for it");
  }
  return invalid(
      fmt::format("has the option '{}', which is none of cert-authority, namespaces, "
                  "valid-after, valid-before",
                  name));
}

Result<void> check_options(std::string_view options) {
  while (!options.empty()) {
    bool is_quoted = false;
    std::size_t end = 0;
    for (; end < options.size() && (is_quoted || options[end] != ','); ++end) {
      if (options[end] == '"') is_quoted = !is_quoted;
    }
    TRY(check_option(options.substr(0, end)));
    options.remove_prefix(std::min(end + 1, options.size()));
  }
  return {};
}

/// The blob begins with its own type, as every SSH key does.
bool is_key_of(std::string_view type, std::string_view base64) {
  const std::optional<std::string> blob = from_base64(base64);
  if (!blob || blob->size() < 4 + type.size() + 4) return false;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>((*blob)[at]); };
  return byte(0) == 0 && byte(1) == 0 && byte(2) == 0 && byte(3) == type.size() &&
         std::string_view(*blob).substr(4, type.size()) == type;
}

/// A comment as a principal: what stands for nothing but itself, and is one word.
std::string principal_of(std::string_view comment) {
  std::string principal;
  for (const char c : comment) {
    const bool is_plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("@._+-").contains(c);
    principal += is_plain ? c : '-';
  }
  return principal.empty() || principal.front() == '-' ? "key" + principal : principal;
}

/// What kind of OpenPGP packet begins there, or 0.
int packet_tag(unsigned char first) {
  if ((first & 0x80U) == 0) return 0;
  return static_cast<int>((first & 0x40U) != 0 ? first & 0x3fU : (first >> 2U) & 0x0fU);
}

/// The lines of one block, between its first and its last.
Result<std::string> dearmor_block(std::string_view body) {
  std::string base64;
  bool is_in_headers = true;
  body.remove_prefix(std::min(body.find('\n'), body.size() - 1) + 1);  // the end of the first line
  while (!body.empty()) {
    const std::size_t end = body.find('\n');
    std::string_view line = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || kBlanks.contains(line.back())))
      line.remove_suffix(1);
    if (line.empty()) is_in_headers = false;
    if (line.empty() || (is_in_headers && line.find(": ") != std::string_view::npos)) continue;
    is_in_headers = false;
    if (line.front() == '=') break;  // the checksum: gpgv would not take a damaged key either
    base64 += line;
  }
  const std::optional<std::string> bytes = from_base64(base64);
  constexpr int kSecretKey = 5;
  constexpr int kPublicKey = 6;
  const int tag =
      !bytes || bytes->empty() ? 0 : packet_tag(static_cast<unsigned char>(bytes->front()));
  if (tag == kSecretKey) return private_key();
  if (tag != kPublicKey) return invalid("must hold public keys as `gpg --armor --export` gives");
  return *bytes;
}

}  // namespace

std::string AllowedSigner::line() const {
  return options.empty() ? fmt::format("{} {}", principals, key)
                         : fmt::format("{} {} {}", principals, options, key);
}

Result<AllowedSigner> parse_allowed_signer(std::string_view line) {
  if (line.find("PRIVATE KEY") != std::string_view::npos) return private_key();
  const bool has_odd_character = std::ranges::any_of(line, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
  if (has_odd_character) return invalid("must be one line");
  AllowedSigner signer;
  std::string_view rest = line;
  std::string_view word = take_word(rest);
  const bool is_bare = is_key_type(word);
  if (!is_bare) {
    signer.principals = word;
    word = take_word(rest);
    if (!is_key_type(word) && !word.starts_with("ssh-dss") && word.find("-cert-") == word.npos) {
      signer.options = word;
      word = take_word(rest);
    }
  }
  if (word == "ssh-dss") return invalid("has a DSA key, which nobody should trust any more");
  if (word.find("-cert-") != std::string_view::npos)
    return invalid("has a certificate; give the key of its authority, with cert-authority");
  const std::string_view base64 = take_word(rest);
  if (signer.principals.starts_with('#') || !is_key_type(word) || !is_key_of(word, base64)) {
    return invalid(
        "must be an OpenSSH public key, such as 'ssh-ed25519 AAAA... alice@laptop', or a line of "
        "allowed signers, such as 'alice@example.com valid-before=\"20301231Z\" ssh-ed25519 "
        "AAAA...'");
  }
  TRY(check_options(signer.options));
  signer.key = fmt::format("{} {}", word, base64);
  if (is_bare) signer.principals = principal_of(take_word(rest));
  return signer;
}

Result<std::string> dearmor_public_keys(std::string_view text) {
  if (text.find("PRIVATE KEY") != std::string_view::npos) return private_key();
  std::string keys;
  for (std::size_t begin = text.find(kBegin); begin != std::string_view::npos;
       begin = text.find(kBegin)) {
    text.remove_prefix(begin + kBegin.size());
    const std::size_t end = text.find(kEnd);
    if (end == std::string_view::npos || end == 0)
      return invalid(fmt::format("must end with '{}'", kEnd));
    TRY_ASSIGN(const std::string block, dearmor_block(text.substr(0, end)));
    keys += block;
    text.remove_prefix(end + kEnd.size());
  }
  if (keys.empty()) return invalid(fmt::format("must begin with '{}'", kBegin));
  return keys;
}

}  // namespace croft
