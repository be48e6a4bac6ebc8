#include "providers/docker/engine/transport.hpp"

#include <algorithm>
#include <charconv>
#include <deque>

#include "providers/docker/engine/engine_error.hpp"
#include "providers/docker/engine/output.hpp"

namespace croft::docker {

namespace {

constexpr std::size_t kRefusalLimit = 64U << 10U;
constexpr Duration kADay{24 * 3600 * 1000};  // bounded by each call's own deadline

/// 1.41 as {1, 41}.
using ApiVersion = std::pair<int, int>;
constexpr ApiVersion kOldest{1, 41};
// What its calls were written to. Engines since 25 speak it, and those since 29 nothing older.
constexpr ApiVersion kNewest{1, 44};

std::optional<ApiVersion> parse_version(std::string_view text) {
  ApiVersion version{0, 0};
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc() || minor.ptr != end) return std::nullopt;
  return version;
}

std::string to_text(ApiVersion version) {
  return std::to_string(version.first) + "." + std::to_string(version.second);
}

HttpClientSettings call_settings(const EngineSettings& settings) {
  HttpClientSettings http;
  http.connect_timeout = settings.connect_timeout;
  http.reply_timeout = kADay;
  http.idle_timeout = kADay;
  http.certificate_authorities = settings.certificate_authority;
  http.trusts_system = settings.certificate_authority.empty();
  http.certificate = settings.certificate;
  http.key = settings.key;
  http.idle_connections = settings.idle_connections;
  http.hint = "is the engine running, and is this its address?";
  return http;
}

/// Streams come seldom and have a connection each.
HttpClientSettings stream_settings(const EngineSettings& settings) {
  HttpClientSettings http = call_settings(settings);
  http.reply_timeout = settings.quiet_timeout;
  http.idle_timeout = settings.quiet_timeout;
  http.idle_connections = 0;
  return http;
}

/// A name that is empty, of dots, or with a slash in it would lead to another call.
bool is_straight(std::string_view path) {
  if (path.contains("%2F")) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

std::string target_of(const std::string& version, const Call& call) {
  std::string target = "/v" + version + call.path;
  char separator = '?';
  for (const auto& [name, value] : call.query) {
    target += separator + percent_encode(name) + "=" + percent_encode(value);
    separator = '&';
  }
  return target;
}

Task<std::string> read_refusal(HttpReply& reply) {
  std::string body;
  while (body.size() < kRefusalLimit) {
    Result<std::string> piece = co_await reply.read();
    if (!piece || piece->empty()) break;
    body += *piece;
  }
  co_return body;
}

Result<void> check_status(int status, std::string_view body, const Call& call) {
  if (status >= 400) return fail(engine_error(status, body, call.doing));
  if (status < 300 || status == 304) return {};
  return fail(Error(ErrorCode::Invalid, "it answers with " + std::to_string(status))
                  .with_hint("is this a Docker Engine?")
                  .while_doing(call.doing));
}

class Attached final : public AttachedStream {
 public:
  Attached(std::unique_ptr<ByteStream> stream, bool is_raw)
      : stream_(std::move(stream)), is_raw_(is_raw) {}

  Task<Result<Piece>> read() override {
    while (pieces_.empty()) {
      CO_TRY_ASSIGN(std::string bytes, co_await stream_->read());
      if (bytes.empty()) {
        CO_TRY(parser_.finish());
        co_return Piece{};
      }
      if (is_raw_) co_return Piece{OutputStream::Out, std::move(bytes)};
      CO_TRY_ASSIGN(std::vector<Piece> pieces, parser_.feed(bytes));
      std::ranges::move(pieces, std::back_inserter(pieces_));
    }
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    co_return piece;
  }
  Task<Result<void>> write(std::string bytes) override {
    co_return co_await stream_->write(std::move(bytes));
  }
  Task<Result<void>> close_input() override { co_return co_await stream_->close_write(); }
  void cancel() override { stream_->cancel(); }

 private:
  std::unique_ptr<ByteStream> stream_;
  bool is_raw_;
  OutputParser parser_;
  std::deque<Piece> pieces_;
};

Result<EngineIdentity> read_identity(const Value& version) {
  const auto newest = parse_version(version.text_or("ApiVersion", ""));
  if (!newest) {
    return fail(Error(ErrorCode::Invalid, "what answers is no Docker Engine")
                    .with_hint("its /version names no ApiVersion"));
  }
  const ApiVersion least = parse_version(version.text_or("MinAPIVersion", "")).value_or(kOldest);
  const ApiVersion agreed = std::max(std::min(*newest, kNewest), least);
  if (*newest < kOldest) {
    return fail(Error(ErrorCode::Invalid, "the engine speaks API " + to_text(*newest) +
                                              " at most, and Croft no older one than " +
                                              to_text(kOldest))
                    .with_hint("Docker Engine 20.10 and Podman 4 are new enough"));
  }
  EngineIdentity identity{.kind = EngineKind::Docker,
                          .version = version.text_or("Version", ""),
                          .api = to_text(agreed),
                          .os = version.text_or("Os", ""),
                          .architecture = version.text_or("Arch", "")};
  for (const Value& component : list_at(version, "Components")) {
    if (component.text_or("Name", "").starts_with("Podman")) identity.kind = EngineKind::Podman;
  }
  return identity;
}

}  // namespace

/// A reply that its transport knows of while it is read.
class Transport::OpenReply final : public HttpReply {
 public:
  OpenReply(std::unique_ptr<HttpReply> reply, std::shared_ptr<Transport> transport)
      : reply_(std::move(reply)), transport_(std::move(transport)) {
    status = reply_->status;
    headers = reply_->headers;
    transport_->open_.insert(this);
  }
  ~OpenReply() override { transport_->open_.erase(this); }
  OpenReply(const OpenReply&) = delete;
  OpenReply& operator=(const OpenReply&) = delete;

  Task<Result<std::string>> read() override {
    reply_->idle_timeout = idle_timeout;
    reply_->deadline = deadline;
    co_return co_await reply_->read();
  }
  void cancel() override { reply_->cancel(); }

 private:
  std::unique_ptr<HttpReply> reply_;
  std::shared_ptr<Transport> transport_;
};

void Transport::cancel_streams() {
  for (HttpReply* reply : open_) reply->cancel();
}

Transport::Transport(ServerAddress server, const EngineSettings& settings)
    : settings_(settings),
      calls_(server, call_settings(settings)),
      streams_(server, stream_settings(settings)) {}

Deadline Transport::until(const Call& call) const {
  const auto allowed = std::chrono::steady_clock::now() + settings_.call_timeout + call.more_time;
  return std::min<Deadline>(allowed, call.deadline);
}

/// Whoever answers next may be another engine than the one that did not.
Error Transport::reached(Error error, const Call& call) {
  if (error.code() == ErrorCode::Unavailable || error.code() == ErrorCode::Timeout) {
    identity_.reset();
  }
  return std::move(error).while_doing(call.doing);
}

Task<Result<EngineIdentity>> Transport::identity(Deadline deadline) {
  if (!identity_) {
    CO_TRY_ASSIGN(identity_, co_await negotiate(deadline));
  }
  co_return *identity_;
}

Task<Result<EngineIdentity>> Transport::negotiate(Deadline deadline) {
  const std::string doing = "asking the engine for its version";
  HttpRequest request;
  request.target = "/version";
  const Deadline end =
      std::min<Deadline>(std::chrono::steady_clock::now() + settings_.call_timeout, deadline);
  Result<HttpResponse> reply = co_await calls_.send(std::move(request), end);
  if (!reply) co_return fail(std::move(reply.error()).while_doing(doing));
  if (reply->status >= 400) co_return fail(engine_error(reply->status, reply->body, doing));
  const Value version = parse_json(reply->body).value_or(Value());
  co_return while_doing(read_identity(version), doing);
}

Task<Result<HttpRequest>> Transport::prepare(const Call& call, Deadline deadline) {
  if (!is_straight(call.path)) {
    co_return fail(Error(ErrorCode::Invalid, "this is no name").while_doing(call.doing));
  }
  Result<EngineIdentity> engine = co_await identity(deadline);
  if (!engine) co_return fail(std::move(engine.error()).while_doing(call.doing));
  HttpRequest request;
  request.method = call.method;
  request.target = target_of(engine->api, call);
  request.headers = call.headers;
  request.source = call.source;
  if (call.source) {
    request.headers.set("Content-Type", "application/x-tar");
  } else if (!call.body.is_null()) {
    request.headers.set("Content-Type", "application/json");
    request.body = to_json(call.body);
  }
  co_return request;
}

Task<Result<HttpResponse>> Transport::send(Call call) {
  const std::shared_ptr<Transport> self = shared_from_this();
  const Deadline end = until(call);
  CO_TRY_ASSIGN(HttpRequest request, co_await prepare(call, end));
  Result<HttpResponse> reply = co_await calls_.send(std::move(request), end);
  if (!reply) co_return fail(reached(std::move(reply.error()), call));
  CO_TRY(check_status(reply->status, reply->body, call));
  co_return reply;
}

Task<Result<Value>> Transport::ask(Call call) {
  const std::string doing = call.doing;
  CO_TRY_ASSIGN(const HttpResponse reply, co_await send(std::move(call)));
  Result<Value> value = parse_json(reply.body);
  if (value) co_return value;
  Error error(ErrorCode::Invalid, "the engine's answer is not JSON");
  co_return fail(std::move(error).while_doing(doing));
}

Task<Result<std::unique_ptr<HttpReply>>> Transport::open(Call call, Patience patience) {
  const std::shared_ptr<Transport> self = shared_from_this();
  CO_TRY_ASSIGN(HttpRequest request, co_await prepare(call, call.deadline));
  Deadline head = call.deadline;
  if (patience.head_within > Duration::zero()) {
    head = std::min<Deadline>(head, std::chrono::steady_clock::now() + patience.head_within);
  }
  Result<std::unique_ptr<HttpReply>> reply = co_await streams_.open(std::move(request), head);
  if (!reply) co_return fail(reached(std::move(reply.error()), call));
  HttpReply& got = **reply;
  if (got.status >= 300) {
    got.deadline = until(call);
    const std::string body = co_await read_refusal(got);
    CO_TRY(check_status(got.status, body, call));
  }
  auto open = std::make_unique<OpenReply>(std::move(*reply), self);
  open->deadline = call.deadline;
  open->idle_timeout = patience.quiet;
  co_return std::unique_ptr<HttpReply>(std::move(open));
}

Task<Result<std::unique_ptr<AttachedStream>>> Transport::hijack(Call call, bool is_raw) {
  const std::shared_ptr<Transport> self = shared_from_this();
  const Deadline end = until(call);
  CO_TRY_ASSIGN(HttpRequest request, co_await prepare(call, end));
  Result<HttpUpgrade> upgrade = co_await streams_.upgrade(std::move(request), "tcp", end);
  if (!upgrade) co_return fail(reached(std::move(upgrade.error()), call));
  if (!upgrade->stream) {
    if (upgrade->status < 400) upgrade->status = 500;  // it did not leave HTTP, and must have
    co_return fail(engine_error(upgrade->status, upgrade->body, call.doing));
  }
  co_return std::make_unique<Attached>(std::move(upgrade->stream), is_raw);
}

Task<Result<void>> drain(std::unique_ptr<HttpReply> reply, ByteSink sink) {
  for (;;) {
    CO_TRY_ASSIGN(std::string piece, co_await reply->read());
    if (piece.empty()) co_return Result<void>();
    CO_TRY(co_await sink(std::move(piece)));
  }
}

std::string filters_text(const Filters& filters) {
  Value map = Value::map();
  for (const auto& [key, values] : filters) map.set(key, texts(values));
  return to_json(map);
}

std::string path_of(std::string_view collection, std::string_view name, std::string_view verb) {
  std::string path = "/" + std::string(collection) + "/" + percent_encode(name);
  if (!verb.empty()) path += "/" + std::string(verb);
  return path;
}

Value texts(const std::vector<std::string>& list) {
  Value value = Value::list();
  for (const std::string& each : list) value.push_back(each);
  return value;
}

const Value::List& list_at(const Value& value, std::string_view key) {
  static const Value::List none;
  const Value* found = value.find(key);
  return found != nullptr && found->is_list() ? found->as_list() : none;
}

}  // namespace croft::docker
