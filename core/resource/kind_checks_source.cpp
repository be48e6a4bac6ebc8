#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "core/base/signing_keys.hpp"
#include "core/resource/kind_checks.hpp"

// Checks on what Sources and Tenants name: repositories, refs, keys.

namespace croft {

namespace {

Error invalid(std::string message) { return Error(ErrorCode::Invalid, std::move(message)); }

// "user:password@" in the authority of a URL: a password has no business in a manifest.
bool has_password(std::string_view url) {
  const std::size_t start = url.find("://");
  if (start == std::string_view::npos) return false;
  const std::string_view authority = url.substr(start + 3, url.substr(start + 3).find('/'));
  const std::size_t at = authority.rfind('@');
  return at != std::string_view::npos &&
         authority.substr(0, at).find(':') != std::string_view::npos;
}

}  // namespace

std::optional<Error> check_repository_url(const Value& value) {
  const std::string& url = value.as_text();
  const bool has_scheme =
      url.starts_with("https://") || url.starts_with("ssh://") || url.starts_with("file:///");
  const bool has_odd_character = std::ranges::any_of(
      url, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  // The url is not repeated here: it may hold the very password that it must not.
  if (has_password(url)) return invalid("must not hold a password; put it in 'credentials'");
  if (has_odd_character) return invalid("must not have spaces or control characters");
  if (url.starts_with('/') || (has_scheme && url.find("://") + 3 < url.size())) return std::nullopt;
  const std::size_t colon = url.find(':');
  if (url.find("://") == std::string::npos && colon != std::string::npos && url.find('@') < colon) {
    return invalid(fmt::format("must be a URL; write 'ssh://{}/{}'", url.substr(0, colon),
                               url.substr(colon + 1)));
  }
  return invalid(fmt::format(
      "must be an absolute path or begin with file:///, https:// or ssh://, got '{}'", url));
}

std::optional<Error> check_web_url(const Value& value) {
  const std::string& url = value.as_text();
  if (has_password(url)) return invalid("must not hold a password");
  const bool has_odd_character = std::ranges::any_of(url, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '"' || c == '<' || c == '>';
  });
  if (has_odd_character) return invalid("must not have spaces, quotes or control characters");
  const std::size_t host = url.find("://") + 3;
  if ((url.starts_with("https://") || url.starts_with("http://")) && host < url.size() &&
      url[host] != '/') {
    return std::nullopt;
  }
  return invalid(fmt::format("must begin with https:// or http:// and a host, got '{}'", url));
}

std::optional<Error> check_repository_path(const Value& value) {
  const std::string& path = value.as_text();
  const bool is_odd = path.front() == '/' || path.back() == '/' ||
                      path.find('/') == std::string::npos || path.find("//") != std::string::npos ||
                      ("/" + path + "/").find("/../") != std::string::npos ||
                      path.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") !=
                          std::string::npos;
  if (!is_odd) return std::nullopt;
  return invalid(fmt::format("must be like 'alice/hosting', got '{}'", path));
}

std::vector<FieldProblem> check_source(const Value& spec) {
  std::vector<FieldProblem> problems;
  const Value* status = spec.find("commitStatus");
  const std::string url = spec.text_or("url", "");
  const bool is_remote = url.starts_with("https://") || url.starts_with("ssh://");
  const bool has_app = spec.at_path("credentials.githubApp") != nullptr;
  if (has_app && !url.starts_with("https://")) {
    problems.push_back({"credentials.githubApp", "must open a repository by https://"});
  }
  if (status == nullptr || !status->is_map()) return problems;
  const bool app_may_write = has_app && status->text_or("type", "") == "github";
  if (status->find("secret") == nullptr && !app_may_write) {
    problems.push_back({"commitStatus.secret", "must be given: nothing else says who writes"});
  }
  if (is_remote) return problems;
  for (const char* name : {"url", "repository"}) {
    if (status->find(name) == nullptr) {
      problems.push_back({fmt::format("commitStatus.{}", name),
                          "must be given: a local repository does not tell it"});
    }
  }
  return problems;
}

// The rules of git-check-ref-format(1), and no leading dash, so that a ref is never taken for an
// option.
std::optional<Error> check_git_ref(const Value& value) {
  const std::string& ref = value.as_text();
  const bool is_odd = ref.empty() || ref.front() == '-' || ref.front() == '/' ||
                      ref.back() == '/' || ref.back() == '.' || ref.ends_with(".lock") ||
                      ref.find("..") != std::string::npos || ref.find("//") != std::string::npos ||
                      ref.find("@{") != std::string::npos || ref.find("/.") != std::string::npos ||
                      ref.front() == '.' || std::ranges::any_of(ref, [](char c) {
                        return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f ||
                               std::string_view("~^:?*[\\").find(c) != std::string_view::npos;
                      });
  if (!is_odd) return std::nullopt;
  return invalid(fmt::format(
      "must be a branch or a full ref, such as 'main' or 'refs/heads/main', got '{}'", ref));
}

std::optional<Error> check_ssh_key(const Value& value) {
  constexpr std::array<std::string_view, 7> kTypes{"ssh-ed25519 ",
                                                   "ssh-rsa ",
                                                   "ecdsa-sha2-nistp256 ",
                                                   "ecdsa-sha2-nistp384 ",
                                                   "ecdsa-sha2-nistp521 ",
                                                   "sk-ssh-ed25519@openssh.com ",
                                                   "sk-ecdsa-sha2-nistp256@openssh.com "};
  const std::string& key = value.as_text();
  if (key.find("PRIVATE KEY") != std::string::npos)
    return invalid(
        "holds a private key; put the public one here, and replace the private one: it has been "
        "seen");
  const bool is_fine = key.find('\n') == std::string::npos &&
                       std::ranges::any_of(kTypes, [&](std::string_view type) {
                         return key.starts_with(type) && key.size() > type.size();
                       });
  if (is_fine) return std::nullopt;
  return invalid(
      "must be one line of an OpenSSH public key, such as 'ssh-ed25519 AAAA... alice@laptop'");
}

std::optional<Error> check_allowed_signer(const Value& value) {
  const auto signer = parse_allowed_signer(value.as_text());
  return signer ? std::nullopt : std::optional(signer.error());
}

std::optional<Error> check_gpg_key(const Value& value) {
  const auto keys = dearmor_public_keys(value.as_text());
  return keys ? std::nullopt : std::optional(keys.error());
}

std::vector<FieldProblem> check_verify(const Value& verify) {
  if (verify.find("ssh") != nullptr || verify.find("gpg") != nullptr) return {};
  return {{"", "must name keys: 'ssh', 'gpg' or both"}};
}

std::vector<FieldProblem> check_source_credentials(const Value& credentials) {
  const bool has_secret = credentials.find("secret") != nullptr;
  const bool has_app = credentials.find("githubApp") != nullptr;
  if (has_secret != has_app) return {};
  return {{"", "must have exactly one of 'secret' and 'githubApp'"}};
}

}  // namespace croft
