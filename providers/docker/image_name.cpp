#include "providers/docker/image_name.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <memory>
#include <netdb.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "providers/docker/names.hpp"
#include "providers/local/addresses.hpp"

namespace croft::docker {

namespace {

bool is_lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_component(std::string_view text) {
  return !text.empty() && is_lower_alphanumeric(text.front()) &&
         is_lower_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_lower_alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

bool is_repository(std::string_view text) {
  while (true) {
    const std::size_t slash = text.find('/');
    if (!is_component(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, [](char c) {
           return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
                  c == '-';
         });
}

bool is_digest(std::string_view text) {
  if (!text.starts_with("sha256:") || text.size() != 7 + 64) return false;
  return std::ranges::all_of(
      text.substr(7), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_registry(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, [](char c) {
           return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                  c == ':' || c == '[' || c == ']';
         });
}

/// The first part names a registry if it looks like a host; else the hub is meant.
void split_registry(std::string_view text, ImageName& name) {
  const std::size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash);
  const bool is_host =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  name.registry = is_host ? std::string(first) : "docker.io";
  name.repository = std::string(is_host ? text.substr(slash + 1) : text);
  if (name.registry == "index.docker.io") name.registry = "docker.io";
  if (name.registry == "docker.io" && name.repository.find('/') == std::string::npos)
    name.repository = "library/" + name.repository;
}

/// "registry.example.com:5000" and "[2001:db8::1]:5000" without the port, in small letters.
std::string host_of(std::string_view registry) {
  std::string host(registry);
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host.resize(std::min(host.size(), host.find(':')));
  }
  while (host.ends_with('.')) host.pop_back();
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return host;
}

/// "127.0.0.1", and what resolvers take for it: "127.1", "0x7f000001".
bool is_numeric(const std::string& host) {
  const std::string last = host.substr(host.rfind('.') + 1);
  return host.find(':') != std::string::npos || last.starts_with("0x") ||
         last.find_first_not_of("0123456789") == std::string::npos;
}

Error not_outside(const std::string& registry) {
  return Error(ErrorCode::Denied,
               fmt::format("the registry '{}' is on this host or in a private network", registry))
      .with_hint("the operator can name it in `registries` of the Provider");
}

}  // namespace

std::string ImageName::full() const {
  return digest.empty() ? fmt::format("{}:{}", name(), tag) : with_digest(digest);
}

Result<void> check_registry(const std::string& registry, const std::vector<std::string>& allowed) {
  if (std::ranges::find(allowed, registry) != allowed.end()) return {};
  if (!allowed.empty())
    return fail(Error(ErrorCode::Denied,
                      fmt::format("images may not come from the registry '{}'", registry))
                    .with_hint(fmt::format("use {}", fmt::join(allowed, ", "))));
  const std::string host = host_of(registry);
  const bool is_here = host == "localhost" || host.ends_with(".localhost");
  if (is_here || (is_numeric(host) && !is_outside(host))) return fail(not_outside(registry));
  return {};
}

Result<void> check_registry_addresses(const std::string& registry,
                                      const std::vector<std::string>& allowed) {
  TRY(check_registry(registry, allowed));
  if (!allowed.empty()) return {};
  const addrinfo hints{.ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  if (::getaddrinfo(host_of(registry).c_str(), nullptr, &hints, &list) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(list, &::freeaddrinfo);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                  NI_NUMERICHOST);
    if (!is_outside(text.data())) return fail(not_outside(registry));
  }
  return {};
}

Result<ImageName> parse_image_name(std::string_view text) {
  const auto is_no_name = [&] {
    return fail(Error(ErrorCode::Invalid, fmt::format("'{}' is no name of an image", text))
                    .with_hint("write it as in nginx:1.27 or registry.example.com/team/app:3"));
  };
  if (text.starts_with("sha256:") && text.find('@') == std::string_view::npos)
    return fail(Error(ErrorCode::Invalid, "an image's id names no image that you may have")
                    .with_hint("write NAME@sha256:... with the digest that the registry gives"));
  ImageName name;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    name.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_digest(name.digest)) return is_no_name();
  }
  const std::size_t slash = rest.rfind('/');
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    name.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(name.tag)) return is_no_name();
  } else if (name.digest.empty()) {
    name.tag = "latest";
  }
  split_registry(rest, name);
  if (!is_registry(name.registry) || !is_repository(name.repository)) return is_no_name();
  if (name.repository.starts_with(std::string(kBuildDomain) + "/") ||
      name.registry.starts_with(kBuildDomain))
    return fail(
        Error(ErrorCode::Denied, fmt::format("'{}' is where Croft keeps what tenants build", text))
            .with_hint("use `build` to run your own"));
  return name;
}

}  // namespace croft::docker
