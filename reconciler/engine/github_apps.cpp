#include "reconciler/engine/github_apps.hpp"

#include <chrono>

#include <fmt/format.h>

#include "core/base/json.hpp"
#include "core/net/client.hpp"
#include "core/secret/jwt.hpp"

namespace croft {

namespace {

constexpr std::size_t kLongestKey = 65'536;
constexpr std::size_t kLargestAnswer = 1 << 20;
constexpr Duration kPatience{20'000};
/// GitHub takes no token of an App that lasts longer than ten minutes, or begins in its future.
constexpr std::int64_t kClockSkew = 60;
constexpr std::int64_t kAppToken = 540;
/// A fetch may go on for minutes with the token that it began with.
constexpr Duration kSpare{300'000};
constexpr Duration kLifetime{3'600'000};

std::string key_of(const GithubAppDeclaration& app) {
  return fmt::format("{}|{}|{}|{}", app.url, app.app, app.installation, app.secret);
}

HttpClientSettings client_settings() {
  HttpClientSettings settings;
  settings.reply_timeout = kPatience;
  settings.idle_timeout = kPatience;
  settings.body_limit = kLargestAnswer;
  settings.hint = "is GitHub reachable from here?";
  return settings;
}

Value claims_of(const GithubAppDeclaration& app, Timestamp now) {
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return Value::map({{"iat", seconds - kClockSkew},
                     {"exp", seconds + kAppToken},
                     {"iss", std::to_string(app.app)}});
}

/// "https://host/api/v3" → the server and "/api/v3".
Result<std::pair<ServerAddress, std::string>> api_of(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const std::size_t scheme = url.find("://");
  const std::size_t slash =
      scheme == std::string::npos ? std::string::npos : url.find('/', scheme + 3);
  TRY_ASSIGN(ServerAddress server, parse_server_address(url.substr(0, slash)));
  return std::pair(std::move(server), slash == std::string::npos ? "" : url.substr(slash));
}

std::string host_of(const ServerAddress& server) {
  const bool is_usual =
      server.port == (server.scheme == ServerAddress::Scheme::Https ? "443" : "80");
  return is_usual ? server.host : server.host + ":" + server.port;
}

/// "2016-07-11T22:14:10Z"; an answer without it is taken at GitHub's word of an hour.
Timestamp end_of(const Value& answer, Timestamp now) {
  const Result<Timestamp> said = parse_time(answer.text_or("expires_at", ""));
  return said ? *said : now + kLifetime;
}

}  // namespace

Task<Result<Secret<std::string>>> GithubApps::token(GithubAppDeclaration app) {
  const std::string key = key_of(app);
  const auto known = tokens_.find(key);
  if (known != tokens_.end() && clock_.now() + kSpare < known->second.expires)
    co_return known->second.text;
  Result<Token> made = co_await ask(app);
  if (!made) {
    co_return while_doing(
        Result<Secret<std::string>>(fail(std::move(made.error()))),
        fmt::format("asking {} for a token of the GitHub App {}", app.url, app.app));
  }
  made->hidden = std::make_shared<const RememberedSecret>(made->text);
  tokens_.insert_or_assign(key, *made);
  co_return made->text;
}

void GithubApps::forget(const GithubAppDeclaration& app) { tokens_.erase(key_of(app)); }

Task<Result<GithubApps::Token>> GithubApps::ask(GithubAppDeclaration app) const {
  const Timestamp now = clock_.now();
  CO_TRY_ASSIGN(const Secret<std::string> pem, secrets_->find(app.secret, kLongestKey));
  const Value claims = claims_of(app, now);
  Result<Secret<std::string>> proof = secret::sign_rs256(pem, claims);
  if (!proof) {
    co_return while_doing(Result<Token>(fail(std::move(proof.error()))),
                          fmt::format("reading the private key '{}'", app.secret));
  }
  CO_TRY_ASSIGN(const auto api, api_of(app.url));
  HttpRequest request;
  request.method = "POST";
  request.target =
      fmt::format("{}/app/installations/{}/access_tokens", api.second, app.installation);
  request.headers.set("Host", host_of(api.first));
  request.headers.set("Accept", "application/vnd.github+json");
  request.headers.set("X-GitHub-Api-Version", "2022-11-28");
  request.headers.set("User-Agent", "croft");
  request.headers.set("Authorization", "Bearer " + proof->reveal());
  const HttpClient client(api.first, client_settings());
  CO_TRY_ASSIGN(const HttpResponse response, co_await client.send(std::move(request)));
  const Result<Value> answer = parse_json(response.body);
  const std::string text = answer ? answer->text_or("token", "") : "";
  constexpr int kCreated = 201;
  if (response.status == kCreated && !text.empty() && text.find('\n') == std::string::npos)
    co_return Token{Secret<std::string>(text), end_of(*answer, now)};
  const std::string words =
      fmt::format("{} {}: {}", response.status, reason_phrase(response.status),
                  answer ? answer->text_or("message", "it gave no token") : "it gave no JSON");
  constexpr int kTooMany = 429;
  const bool is_busy = response.status >= 500 || response.status == kTooMany;
  if (is_busy) co_return fail(ErrorCode::Unavailable, words);
  co_return fail(Error(ErrorCode::Denied, words)
                     .with_hint("are appId, installationId and the private key those of the App, "
                                "and is this machine's clock right?"));
}

}  // namespace croft
