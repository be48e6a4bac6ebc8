#include "reconciler/notify/sender.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "core/base/secret.hpp"
#include "core/net/client.hpp"
#include "reconciler/notify/mail.hpp"

namespace croft::notify {

namespace {

constexpr std::size_t kLongestExcerpt = 300;
constexpr std::size_t kLongestLookedAt = 4'096;
constexpr std::size_t kLookedUpAtOnce = 16;
/// Whoever runs the servers of their names decides how long a lookup takes.
constexpr int kLookedUpForOne = 2;

/// What all attempts stand on.
struct Desk {
  Desk(SenderSettings with, const Clock& by) : settings(std::move(with)), clock(by) {}

  SenderSettings settings;
  const Clock& clock;
  std::shared_ptr<BlockingPool> resolver = std::make_shared<BlockingPool>(kLookedUpAtOnce);
  std::map<std::string, std::shared_ptr<Semaphore>> lookups;  ///< of each tenant
};

/// Where a URL leads, and what is asked for there.
struct Target {
  ServerAddress server;
  std::string path;
};

Result<Target> parse_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos)
    return fail(ErrorCode::Invalid, "its URL does not begin with https:// or http://");
  const std::size_t end = std::min(url.find_first_of("/?", scheme + 3), url.size());
  Result<ServerAddress> server = parse_server_address(url.substr(0, end));
  if (!server || server->scheme == ServerAddress::Scheme::Unix)
    return fail(ErrorCode::Invalid, "its URL names no server");
  std::string path(url.substr(end));
  if (!path.starts_with('/')) path.insert(0, 1, '/');
  return Target{std::move(*server), std::move(path)};
}

/// One line for people, of what a stranger wrote.
std::string excerpt(std::string text, const HiddenTexts& hidden) {
  if (text.size() > kLongestLookedAt) text.resize(kLongestLookedAt);
  text = redact(hidden.cut(text));
  if (text.size() > kLongestExcerpt) text.resize(kLongestExcerpt);
  std::ranges::replace_if(text, [](char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

Attempt refused(const Error& error, const HiddenTexts& hidden) {
  Attempt attempt;
  attempt.answer = redact(hidden.cut(error.hint().empty() ? error.describe() : error.message()));
  return attempt;
}

Attempt judge(const HttpReply& reply, Timestamp now) {
  Attempt attempt;
  attempt.status = reply.status;
  if (reply.status >= 200 && reply.status < 300) {
    attempt.fate = Attempt::Fate::Taken;
    return attempt;
  }
  if (reply.status == 410) attempt.fate = Attempt::Fate::Gone;
  if (const std::string* wish = reply.headers.find("Retry-After"))
    attempt.retry_after = parse_retry_after(*wish, now);
  attempt.answer =
      reply.status >= 300 && reply.status < 400
          ? fmt::format("it answered {}; redirects are not followed", reply.status)
          : fmt::format("it answered {} {}", reply.status, reason_phrase(reply.status));
  return attempt;
}

std::shared_ptr<Semaphore> lookups_of(Desk& desk, const std::string& tenant,
                                      const asio::any_io_executor& executor) {
  std::shared_ptr<Semaphore>& lookups = desk.lookups[tenant];
  if (!lookups) lookups = std::make_shared<Semaphore>(executor, kLookedUpForOne);
  return lookups;
}

HttpClientSettings client_settings(const SenderSettings& settings, const Post& post) {
  HttpClientSettings client;
  client.connect_timeout = settings.connect_timeout;
  client.reply_timeout = settings.timeout;
  client.idle_timeout = Duration(2'000);
  client.certificate_authorities = settings.certificate_authorities;
  client.only_public = !post.allow_private;
  client.allowed_networks = settings.allowed_networks;
  client.hint.clear();
  return client;
}

Task<Attempt> send(std::shared_ptr<Desk> desk, Post post) {
  const Result<Target> target = parse_url(post.url);
  if (!target) co_return refused(target.error(), post.hidden);
  const auto executor = co_await asio::this_coro::executor;
  HttpClientSettings with = client_settings(desk->settings, post);
  with.resolver = desk->resolver;
  with.lookups = lookups_of(*desk, post.tenant, executor);
  const HttpClient client(target->server, std::move(with));
  HttpRequest request;
  request.method = "POST";
  request.target = target->path;
  request.headers = std::move(post.headers);
  request.body = std::move(post.body);
  const auto deadline = std::chrono::steady_clock::now() + desk->settings.timeout;
  const auto reply = co_await client.open(std::move(request), deadline);
  if (!reply) co_return refused(reply.error(), post.hidden);
  Attempt attempt = judge(**reply, desk->clock.now());
  if (attempt.fate != Attempt::Fate::Taken && attempt.status >= 400) {
    const Result<std::string> text = co_await (*reply)->read();
    if (text && !text->empty()) attempt.answer += ": " + excerpt(*text, post.hidden);
  }
  co_return attempt;
}

}  // namespace

Sender http_sender(SenderSettings settings, const Clock& clock) {
  auto desk = std::make_shared<Desk>(std::move(settings), clock);
  return [desk](Post post) -> Task<Attempt> { return send(desk, std::move(post)); };
}

std::string shown_url(std::string_view url) {
  if (is_mail(url)) return std::string(url);
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t path = url.find_first_of("/?", scheme + 3);
  if (path == std::string_view::npos || path + 1 == url.size()) return std::string(url);
  return std::string(url.substr(0, path)) + "/...";
}

}  // namespace croft::notify
