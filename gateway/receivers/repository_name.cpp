#include "gateway/receivers/repository_name.hpp"

#include <algorithm>

namespace croft {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
  return out;
}

std::string_view bare_path(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with(".git")) path.remove_suffix(4);
  return path;
}

/// "user@host:port" → "host"; an IPv6 address keeps its brackets.
std::string_view bare_host(std::string_view authority) {
  authority.remove_prefix(authority.find('@') + 1);  // npos + 1 is 0
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return authority.substr(0, colon);
}

RepositoryName local(std::string_view path) { return {"", std::string(bare_path(path))}; }

}  // namespace

RepositoryName repository_name(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    const std::string_view rest = url.substr(scheme + 3);
    if (url.starts_with("file://")) return local(rest);
    const std::size_t slash = rest.find('/');
    const std::string_view path =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    return {lower(bare_host(rest.substr(0, slash))), lower(bare_path(path))};
  }
  const std::size_t colon = url.find(':');
  // As git reads it: a colon before any slash makes it HOST:PATH.
  if (url.starts_with('/') || colon == std::string_view::npos || url.find('/') < colon)
    return local(url);
  return {lower(bare_host(url.substr(0, colon))), lower(bare_path(url.substr(colon + 1)))};
}

}  // namespace croft
