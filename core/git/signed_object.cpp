#include "core/git/signed_object.hpp"

#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace croft::git {

namespace {

constexpr std::size_t kLongestSignature = 64 << 10;
constexpr std::string_view kSignatureHeader = "gpgsig";

struct Armor {
  SignatureFormat format;
  std::string_view begin;
  std::string_view end;
};

constexpr std::array<Armor, 4> kArmors{
    {{SignatureFormat::Ssh, "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"},
     {SignatureFormat::OpenPgp, "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"},
     {SignatureFormat::OpenPgp, "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"},
     {SignatureFormat::X509, "-----BEGIN SIGNED MESSAGE-----", "-----END SIGNED MESSAGE-----"}}};

/// A header with the lines that go on with it.
struct Header {
  std::string_view name;
  std::string_view lines;  ///< whole, with line ends
};

/// The first line of a text, with its end.
std::string_view first_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  return text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
}

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::Invalid, std::move(message));
}

/// Takes the headers off the front; what is left begins with the empty line.
Result<std::vector<Header>> take_headers(std::string_view& bytes) {
  if (bytes.contains('\0')) return invalid("it has a NUL byte");
  std::vector<Header> headers;
  while (!bytes.empty() && bytes.front() != '\n') {
    const std::string_view line = first_line(bytes);
    if (!line.ends_with('\n')) return invalid("a header has no end");
    if (line.front() != ' ') {
      headers.push_back({line.substr(0, line.find_first_of(" \n")), line});
    } else if (headers.empty()) {
      return invalid("it does not begin with a header");
    } else {
      Header& header = headers.back();
      header.lines = {header.lines.data(), header.lines.size() + line.size()};
    }
    bytes.remove_prefix(line.size());
  }
  return headers;
}

/// What a header of several lines holds: without its name, and the blank before each line.
std::string text_of(const Header& header) {
  std::string text;
  std::string_view rest = header.lines.substr(header.name.size());
  while (!rest.empty()) {
    const std::string_view line = first_line(rest);
    text += line.substr(line.starts_with(' ') ? 1 : 0);
    rest.remove_prefix(line.size());
  }
  return text;
}

std::string_view value_of(const Header& header) {
  std::string_view value = header.lines.substr(header.name.size());
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (value.ends_with('\n')) value.remove_suffix(1);
  return value;
}

}  // namespace

Result<SignedObject> take_commit_apart(std::string_view bytes) {
  TRY_ASSIGN(const std::vector<Header> headers, take_headers(bytes));
  SignedObject commit;
  bool has_other_signature = false;
  for (const Header& header : headers) {
    if (!header.name.starts_with(kSignatureHeader)) {
      commit.payload += header.lines;
    } else if (header.name == "gpgsig-sha256") {
      has_other_signature = true;
    } else if (header.name != kSignatureHeader) {
      return invalid(fmt::format("it has a header '{}', which nobody knows", header.name));
    } else if (!commit.signature.empty()) {
      return invalid("it has two signatures");
    } else {
      commit.signature = text_of(header);
    }
  }
  if (commit.signature.empty() && has_other_signature)
    return invalid("it is signed for SHA-256 alone, and this repository is of SHA-1");
  commit.payload += bytes;
  return commit;
}

Result<SignedObject> take_tag_apart(std::string_view bytes) {
  const std::string_view whole = bytes;
  TRY_ASSIGN(const std::vector<Header> headers, take_headers(bytes));
  SignedObject tag;
  for (const Header& header : headers) {
    if (header.name.starts_with(kSignatureHeader))
      return invalid(fmt::format("it has a header '{}', which no tag of SHA-1 has", header.name));
    if (header.name == "object" && tag.target.empty()) tag.target = value_of(header);
    if (header.name == "tag" && tag.tag_name.empty()) tag.tag_name = value_of(header);
  }
  std::size_t signature = std::string_view::npos;
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view line = first_line(rest);
    if (format_of(line) != SignatureFormat::Unknown)
      signature = static_cast<std::size_t>(rest.data() - whole.data());
    rest.remove_prefix(line.size());
  }
  tag.payload = whole.substr(0, signature);
  if (signature != std::string_view::npos) tag.signature = whole.substr(signature);
  return tag;
}

SignatureFormat format_of(std::string_view signature) {
  if (signature.empty()) return SignatureFormat::None;
  for (const Armor& armor : kArmors) {
    if (signature.starts_with(armor.begin)) return armor.format;
  }
  return SignatureFormat::Unknown;
}

Result<void> check_armor(std::string_view signature, SignatureFormat format) {
  if (signature.size() > kLongestSignature) return invalid("its signature is too long");
  while (signature.ends_with('\n')) signature.remove_suffix(1);
  for (const Armor& armor : kArmors) {
    if (armor.format != format || !signature.starts_with(armor.begin)) continue;
    const std::string_view inside = signature.substr(armor.begin.size());
    if (!inside.starts_with('\n') || inside.find("-----") != inside.size() - armor.end.size() ||
        !inside.ends_with(armor.end)) {
      return invalid("its signature is not one armoured block");
    }
    return {};
  }
  return invalid("its signature is of no known form");
}

}  // namespace croft::git
