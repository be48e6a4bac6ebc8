#include "cli/client/client.hpp"

#include <algorithm>
#include <cctype>
#include <exception>
#include <filesystem>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/secret.hpp"
#include "core/base/settings.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

namespace fs = std::filesystem;

/// Runs a coroutine to its end on a loop of its own.
template <typename T>
T run_to_end(Task<T> task) {
  asio::io_context io;
  std::optional<T> output;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    if (!thrown) output.emplace(std::move(value));
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(output.value());
}

std::string default_address(const Environment& environment) {
  std::error_code ignored;
  if (fs::exists("/run/croft/api.sock", ignored)) return "/run/croft/api.sock";
  const auto data = environment.find("CROFT_DATA");
  const fs::path directory = data != environment.end() && !data->second.empty()
                                 ? fs::path(data->second)
                                 : default_data_directory(environment, ::geteuid() == 0);
  return (directory / "api.sock").string();
}

using PieceSink = std::function<Result<bool>(std::string_view)>;

Task<Result<void>> read_pieces(HttpClient http, HttpRequest request, PieceSink sink) {
  CO_TRY_ASSIGN(std::unique_ptr<HttpReply> reply, co_await http.open(std::move(request)));
  std::string refusal;
  for (;;) {
    CO_TRY_ASSIGN(const std::string piece, co_await reply->read());
    if (piece.empty()) break;
    if (reply->status >= 400) {
      refusal += piece;
      continue;
    }
    CO_TRY_ASSIGN(const bool wants_more, sink(piece));
    if (!wants_more) break;
  }
  if (reply->status >= 400) co_return fail(error_from_answer(reply->status, refusal));
  co_return Result<void>();
}

}  // namespace

Result<Client> Client::from(const Invocation& invocation, std::string fallback) {
  std::string address = invocation.arguments.text("server", fallback);
  if (address.empty()) address = default_address(invocation.environment);
  Result<ServerAddress> server = parse_server_address(address);
  if (!server) {
    return fail(
        std::move(server).error().while_doing("reading the server's address (-s or CROFT_SERVER)"));
  }
  HttpClientSettings settings;
  // A quiet event stream sends a comment every 15 s; a quiet log says nothing for as long as it
  // likes.
  settings.idle_timeout = Duration(24LL * 3'600'000);
  const auto token = invocation.environment.find("CROFT_TOKEN");
  std::string secret = token == invocation.environment.end() ? std::string() : token->second;
  remember_secret(Secret<std::string>(secret));
  return Client(HttpClient(std::move(*server), settings), std::move(secret));
}

HttpRequest Client::request(std::string method, const std::string& target) const {
  HttpRequest request;
  request.method = std::move(method);
  request.target = target;
  if (!token_.empty()) request.headers.set("Authorization", "Bearer " + token_);
  return request;
}

Error Client::explain(Error error) const {
  if (error.code() != ErrorCode::Unavailable && error.code() != ErrorCode::NotFound &&
      error.code() != ErrorCode::Denied && error.code() != ErrorCode::Timeout) {
    return error;
  }
  const std::string message = fmt::format("cannot reach croft at {}: {}", where(), error.message());
  Error explained(error.code(), message);
  if (error.code() == ErrorCode::Denied && !error.hint().empty())
    return std::move(explained).with_hint(error.hint());
  if (error.code() == ErrorCode::Denied) {
    return std::move(explained).with_hint(
        "be root or the user that runs `croft serve`, or use a token (CROFT_TOKEN)");
  }
  return std::move(explained).with_hint(
      "is `croft serve` running? say where with -s or CROFT_SERVER");
}

Result<Value> Client::call(std::string method, const std::string& target, std::string body) const {
  HttpRequest asked = request(std::move(method), target);
  if (!body.empty()) asked.headers.set("Content-Type", "application/json");
  asked.body = std::move(body);
  Result<HttpResponse> answer = run_to_end(http_.send(std::move(asked)));
  if (!answer) return fail(explain(std::move(answer).error()));
  if (answer->status >= 400) return fail(error_from_answer(answer->status, answer->body));
  if (answer->body.empty()) return Value();
  Result<Value> parsed = parse_json(answer->body);
  if (!parsed) {
    return fail(
        Error(ErrorCode::Unavailable, fmt::format("{} does not answer as croft does: {}", where(),
                                                  parsed.error().message()))
            .with_hint(
                "is it the API's address (-s, CROFT_SERVER) and not that of tenants' traffic?"));
  }
  return parsed;
}

Result<Value> Client::get(const std::string& target) const { return call("GET", target, {}); }

Result<Value> Client::post(const std::string& target) const { return call("POST", target, ""); }

Result<Value> Client::post(const std::string& target, const Value& body) const {
  return call("POST", target, body.is_null() ? std::string() : to_json(body));
}

Result<void> Client::remove(const std::string& target) const {
  TRY(call("DELETE", target, {}));
  return {};
}

Result<void> Client::read_body(HttpRequest request, const PieceSink& sink) const {
  bool has_begun = false;
  const PieceSink noting = [&](std::string_view piece) {
    has_begun = true;
    return sink(piece);
  };
  Result<void> done = run_to_end(read_pieces(http_, std::move(request), noting));
  // Errors that the server itself gave say all that there is to say; so does a stream that broke
  // off.
  const bool is_answer = !done && done.error().code() != ErrorCode::Unavailable;
  if (!done && !has_begun && !is_answer) return fail(explain(std::move(done).error()));
  return done;
}

Result<void> Client::stream(const std::string& target,
                            std::function<bool(std::string_view)> sink) const {
  return read_body(request("GET", target),
                   [&](std::string_view piece) -> Result<bool> { return sink(piece); });
}

Result<void> Client::post_for_stream(const std::string& target,
                                     std::function<bool(std::string_view)> sink) const {
  return read_body(request("POST", target),
                   [&](std::string_view piece) -> Result<bool> { return sink(piece); });
}

Result<void> Client::upload(const std::string& target, const std::string& media,
                            ByteSource source) const {
  HttpRequest asked = request("POST", target);
  asked.headers.set("Content-Type", media);
  asked.source = std::move(source);
  const Result<HttpResponse> answer = run_to_end(http_.send(std::move(asked)));
  if (!answer) return fail(explain(answer.error()));
  if (answer->status >= 400) return fail(error_from_answer(answer->status, answer->body));
  return {};
}

Task<Result<std::unique_ptr<ByteStream>>> Client::leave_http(std::string target, Value body,
                                                             std::string protocol) const {
  HttpRequest asked = request("POST", target);
  asked.headers.set("Content-Type", "application/json");
  asked.body = to_json(body);
  Result<HttpUpgrade> upgrade = co_await http_.upgrade(std::move(asked), std::move(protocol));
  if (!upgrade) co_return fail(explain(std::move(upgrade).error()));
  if (upgrade->stream) co_return std::move(upgrade->stream);
  co_return fail(error_from_answer(upgrade->status, upgrade->body));
}

Result<void> Client::follow(const std::string& target, const std::string& last_id,
                            std::function<bool(const SseEvent&)> sink) const {
  HttpRequest asked = request("GET", target);
  asked.headers.set("Accept", "text/event-stream");
  if (!last_id.empty()) asked.headers.set("Last-Event-ID", last_id);
  SseParser parser;
  return read_body(std::move(asked), [&](std::string_view piece) -> Result<bool> {
    TRY_ASSIGN(const std::vector<SseEvent> events, parser.feed(piece));
    for (const SseEvent& event : events) {
      if (!sink(event)) return false;
    }
    return true;
  });
}

Result<std::string> tenant_of(const Client& client, const Invocation& invocation) {
  if (invocation.arguments.has("all-tenants")) return std::string();
  if (std::string tenant = invocation.arguments.text("tenant"); !tenant.empty()) return tenant;
  TRY_ASSIGN(const Value answer, client.get("/v1/tenants"));
  const Value* tenants = answer.find("tenants");
  std::vector<std::string> names;
  if (tenants != nullptr && tenants->is_list()) {
    for (const Value& name : tenants->as_list()) {
      if (name.is_text()) names.push_back(name.as_text());
    }
  }
  if (names.size() == 1) return names.front();
  if (names.empty()) {
    return fail(Error(ErrorCode::NotFound, "there is no tenant yet")
                    .with_hint("declare one in the platform repository; `croft get -A` and `croft "
                               "events -A` show more"));
  }
  constexpr std::size_t kNamed = 5;
  const std::string more = names.size() > kNamed ? ", ..." : "";
  names.resize(std::min(names.size(), kNamed));
  return fail(Error(ErrorCode::Invalid, "which tenant is meant?")
                  .with_hint(fmt::format("say --tenant TENANT (or CROFT_TENANT), one of {}{}",
                                         fmt::join(names, ", "), more)));
}

namespace {

/// "site/blog" → "Site/blog": people need not remember capitals.
std::string with_capital_kind(const std::string& text) {
  std::string out = text;
  const std::size_t name = text.rfind('/');
  if (name == std::string::npos) return out;
  std::size_t begin = name == 0 ? 0 : text.rfind('/', name - 1);
  begin = begin == std::string::npos ? 0 : begin + 1;
  for (const Kind kind : known_kinds()) {
    const std::string_view proper = to_string(kind);
    const bool is_same =
        proper.size() == name - begin &&
        std::equal(
            proper.begin(), proper.end(), text.begin() + static_cast<std::ptrdiff_t>(begin),
            [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    if (is_same) out.replace(begin, proper.size(), proper);
  }
  return out;
}

}  // namespace

Result<Ref> ref_of(const Client& client, const Invocation& invocation, const std::string& text) {
  const std::string proper = with_capital_kind(text);
  Result<Ref> whole = parse_ref(proper);
  const bool names_whose = std::ranges::count(proper, '/') == 2;
  if (whole && (names_whose || scope_of(whole->kind) != KindScope::Anybody)) return whole;
  if (std::ranges::count(proper, '/') != 1) return whole;
  TRY_ASSIGN(const std::string tenant, tenant_of(client, invocation));
  if (tenant.empty() && whole) return whole;
  if (tenant.empty()) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("'{}' may be any tenant's", text))
            .with_hint(fmt::format("write TENANT/{}, or say -t TENANT instead of -A", proper)));
  }
  return parse_ref(proper, tenant);
}

std::string path_to(std::string_view collection, const Ref& ref) {
  return fmt::format("/v1/{}/{}/{}/{}", collection,
                     ref.tenant.empty() ? "-" : percent_encode(ref.tenant), to_string(ref.kind),
                     percent_encode(ref.name));
}

}  // namespace croft::cli
