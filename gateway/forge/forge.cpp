#include "gateway/forge/forge.hpp"

#include <fmt/format.h>

#include "gateway/receivers/repository_name.hpp"

namespace croft {

namespace {

Result<Forge> forge_from(const std::string& type) {
  if (type == "github") return Forge::GitHub;
  if (type == "gitlab") return Forge::GitLab;
  // Forgejo speaks Gitea's API.
  if (type == "gitea" || type == "forgejo") return Forge::Gitea;
  if (type == "bitbucket") return Forge::Bitbucket;
  return fail(ErrorCode::Invalid, fmt::format("there is no forge of type '{}'", type));
}

/// "https://git.example.com:3000": where the forge is that has a repository. A port of ssh's says
/// nothing of it.
std::string forge_at(std::string_view url, const std::string& host) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!url.starts_with(scheme)) continue;
    const std::size_t end = url.find('/', scheme.size());
    const std::string_view place = url.substr(scheme.size(), end - scheme.size());
    return fmt::format("{}{}", scheme, place.substr(place.find('@') + 1));
  }
  return "https://" + host;
}

std::string api_of(Forge forge, const std::string& host, const std::string& place) {
  switch (forge) {
    case Forge::GitHub:
      return host == "github.com" ? "https://api.github.com" : place + "/api/v3";
    case Forge::GitLab:
      return place + "/api/v4";
    case Forge::Gitea:
      return place + "/api/v1";
    case Forge::Bitbucket:
      return "https://api.bitbucket.org/2.0";
  }
  return "";
}

std::string escaped_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/'));
    out += (out.empty() ? "" : "/") + percent_encode(segment);
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
  }
  return out;
}

}  // namespace

Result<ForgeRepository> forge_repository(const CommitStatusDeclaration& status,
                                         const std::string& source_url) {
  ForgeRepository repository;
  TRY_ASSIGN(repository.forge, forge_from(status.type));
  const RepositoryName name = repository_name(source_url);
  if (name.host.empty() && (status.url.empty() || status.repository.empty())) {
    return fail(Error(ErrorCode::Invalid, "the source's URL does not tell where to report")
                    .with_hint("set commitStatus.url and commitStatus.repository"));
  }
  repository.path = status.repository.empty() ? name.path : status.repository;
  std::string api = status.url.empty()
                        ? api_of(repository.forge, name.host, forge_at(source_url, name.host))
                        : status.url;
  while (api.ends_with('/')) api.pop_back();
  const std::size_t host = api.find("://") + 3;
  const std::size_t slash = api.find('/', host);
  if (slash != std::string::npos) repository.base = api.substr(slash);
  TRY_ASSIGN(repository.server, parse_server_address(api.substr(0, slash)));
  return repository;
}

HttpRequest forge_request(const ForgeRepository& repository, std::string_view method,
                          std::string_view path, const Value& body) {
  HttpRequest request;
  request.method = method;
  request.target = repository.base + std::string(path);
  const ServerAddress& server = repository.server;
  const bool is_usual =
      server.port == (server.scheme == ServerAddress::Scheme::Https ? "443" : "80");
  request.headers.set("Host", is_usual ? server.host : server.host + ":" + server.port);
  // GitHub refuses requests without one.
  request.headers.set("User-Agent", "croft");
  request.headers.set("Accept", repository.forge == Forge::GitHub
                                    ? "application/vnd.github+json, application/json"
                                    : "application/json");
  if (repository.forge == Forge::GitHub) request.headers.set("X-GitHub-Api-Version", "2022-11-28");
  if (!body.is_null()) {
    request.headers.set("Content-Type", "application/json");
    request.body = repair_utf8(to_json(body));
  }
  return request;
}

void authorize(HttpRequest& request, Forge forge, const Secret<std::string>& token) {
  switch (forge) {
    case Forge::GitHub:
    case Forge::Bitbucket:
      request.headers.set("Authorization", "Bearer " + token.reveal());
      break;
    case Forge::GitLab:
      request.headers.set("PRIVATE-TOKEN", token.reveal());
      break;
    case Forge::Gitea:
      request.headers.set("Authorization", "token " + token.reveal());
      break;
  }
}

std::string repository_path(const ForgeRepository& repository) {
  switch (repository.forge) {
    case Forge::GitLab:
      return "/projects/" + percent_encode(repository.path);
    case Forge::Bitbucket:
      return "/repositories/" + escaped_segments(repository.path);
    case Forge::GitHub:
    case Forge::Gitea:
      break;
  }
  return "/repos/" + escaped_segments(repository.path);
}

std::string shortened(std::string_view text, std::size_t limit) {
  constexpr std::string_view kEllipsis = "…";
  if (text.size() <= limit) return std::string(text);
  std::size_t end = limit - kEllipsis.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)).append(kEllipsis);
}

}  // namespace croft
