#include "core/git/remote.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "core/git/libgit2.hpp"
#include "core/git/watch.hpp"

namespace croft::git {

namespace {

constexpr std::string_view kFileScheme = "file://";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// As Git does with file:// URLs; a "%" that no two digits follow stays.
std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      decoded.push_back(text[i]);
      continue;
    }
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

Result<RemoteAddress> parse_local(std::string_view url) {
  std::string path(url);
  if (url.starts_with(kFileScheme)) {
    path = percent_decode(url.substr(kFileScheme.size()));
    if (!path.starts_with('/')) {
      return fail(ErrorCode::Invalid,
                  fmt::format("'{}' names another machine: a file URL is file:///PATH", url));
    }
  }
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return fail(ErrorCode::Invalid, fmt::format("'{}' is no path", url));
  std::string normal = absolute.lexically_normal().string();
  if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return RemoteAddress{Transport::Local, std::move(normal), "", ""};
}

Result<RemoteAddress> parse_https(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  const std::string_view rest = url.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  std::string_view user;
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  if (user.find(':') != user.npos) {
    return fail(Error(ErrorCode::Invalid, "the URL holds a password")
                    .with_hint("take it out of the URL and give it as the source's credentials"));
  }
  if (authority.empty() || slash == rest.npos) {
    return fail(ErrorCode::Invalid, fmt::format("'{}' names no repository", url));
  }
  return RemoteAddress{Transport::Https,
                       fmt::format("{}{}{}", kScheme, authority, rest.substr(slash)),
                       std::string(authority), percent_decode(user)};
}

}  // namespace

Result<RemoteAddress> parse_remote(const std::string& url) {
  const bool is_printable =
      std::ranges::none_of(url, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (url.empty() || url.starts_with('-') || !is_printable) {
    return fail(ErrorCode::Invalid, "the URL is empty, starts with '-' or has control characters");
  }
  if (is_local_repository(url)) return parse_local(url);
  if (url.starts_with("https://")) return parse_https(url);
  const std::size_t scheme = url.find("://");
  const bool is_scp_like = scheme == url.npos && url.find("::") == url.npos;
  if (url.starts_with("ssh://") || is_scp_like) return RemoteAddress{Transport::Ssh, url, "", ""};
  return fail(Error(ErrorCode::Invalid, fmt::format("'{}' is no transport that Croft speaks",
                                                    url.substr(0, url.find(':'))))
                  .with_hint("use a path, file://, https:// or ssh://"));
}

Result<std::string> full_ref_name(const std::string& ref) {
  start_libgit2();
  std::string full = ref == "HEAD" || ref.starts_with("refs/") ? ref : "refs/heads/" + ref;
  int valid = 0;
  git_reference_name_is_valid(&valid, full.c_str());
  if (ref.empty() || valid == 0 || full.find('\0') != full.npos) {
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no name that Git allows for a ref", ref));
  }
  return full;
}

}  // namespace croft::git

namespace croft {

bool is_local_repository(const std::string& url) {
  if (url.starts_with("file://")) return true;
  // As Git: "host:path" is ssh unless a slash comes before the colon.
  const std::size_t colon = url.find(':');
  return !url.empty() && (colon == url.npos || url.find('/') < colon);
}

}  // namespace croft
