// http: requests to the provider's server. And what else suspends a coroutine: join, sleep.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/secret.hpp"
#include "core/base/units.hpp"
#include "lua/bindings/arguments.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

namespace {

constexpr std::size_t kMostOfBody = 64U << 10U;  // in an error
constexpr std::size_t kMostInMessage = 200;
constexpr std::size_t kLongestPath = 8192;
constexpr int kMostAtOnce = 1000;  // functions in one await.all
constexpr double kLongestWait = 86'400'000;

/// The engine's own: they say who asks, whom, and how the message is framed.
constexpr std::array<std::string_view, 11> kReservedHeaders = {
    "authorization", "connection", "content-length",      "cookie", "expect",
    "host",          "keep-alive", "proxy-authorization", "te",     "transfer-encoding",
    "upgrade"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

void push_text(lua_State* state, std::string_view text) {
  lua_pushlstring(state, text.data(), text.size());
}

// Reading a request

void check_path(std::string_view path, const std::string& name) {
  const auto refuse = [&](std::string_view why) {
    throw Misuse{fmt::format("{}: the path {}, got '{}'", name, why, path)};
  };
  if (path.size() > kLongestPath)
    throw Misuse{fmt::format("{}: the path has more than {} bytes", name, kLongestPath)};
  const std::string_view plain = path.substr(0, path.find('?'));
  if (plain.find("://") != std::string_view::npos || plain.starts_with("//"))
    refuse("is relative to the provider's base URL: no scheme, no host");
  const bool is_clean = std::ranges::all_of(path, [](char c) {
    return c > ' ' && c < '\x7f' && c != '#' && c != '\\' && c != '"' && c != '<' && c != '>';
  });
  if (!is_clean) refuse("must be encoded (url.encode)");
  // Servers decode before they look for dots.
  std::string decoded = lower(plain);
  for (std::size_t at = decoded.find("%2e"); at != std::string::npos; at = decoded.find("%2e"))
    decoded.replace(at, 3, ".");
  for (std::size_t at = decoded.find("%2f"); at != std::string::npos; at = decoded.find("%2f"))
    decoded.replace(at, 3, "/");
  decoded = "/" + decoded + "/";
  if (decoded.find("/../") != std::string::npos || decoded.find("/./") != std::string::npos)
    refuse("may not go up ('..')");
}

void read_headers(const Options& options, AdapterRequest& request) {
  if (!options.push("headers")) return;
  lua_State* const state = options.state();
  if (!lua_istable(state, -1)) options.refuse("headers", "a table");
  const int table = lua_gettop(state);
  for (lua_pushnil(state); lua_next(state, table) != 0; lua_pop(state, 1)) {
    if (lua_type(state, -2) != LUA_TSTRING || lua_isstring(state, -1) == 0)
      throw Misuse{options.name() + ": options.headers has texts as names and values"};
    const std::string name = lua_tostring(state, -2);
    lua_pushvalue(state, -1);  // a copy: reading a number as text would change it in the table
    const std::string value = lua_tostring(state, -1);
    lua_pop(state, 1);
    const bool is_token = !name.empty() && std::ranges::all_of(name, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    });
    const bool is_one_line = std::ranges::none_of(
        value, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
    if (!is_token || !is_one_line)
      throw Misuse{fmt::format("{}: '{}' is no header, or its value has control characters",
                               options.name(), name)};
    if (std::ranges::find(kReservedHeaders, lower(name)) != kReservedHeaders.end()) {
      throw Misuse{fmt::format(
          "{}: the header '{}' is the engine's: credentials come from the Provider resource",
          options.name(), name)};
    }
    request.headers.set(name, value);
  }
  lua_pop(state, 1);
}

void read_body(const Options& options, AdapterRequest& request) {
  lua_State* const state = options.state();
  if (auto body = options.text("body")) request.body = std::move(*body);
  if (!options.push("json")) return;
  if (options.has("body"))
    throw Misuse{options.name() + ": give either options.body or options.json"};
  const Result<Value> document = read_marked_document(state, lua_gettop(state));
  if (!document)
    throw Misuse{fmt::format("{}: options.json: {}", options.name(), document.error().message())};
  lua_pop(state, 1);
  request.body = to_json(*document);
  if (request.headers.find("Content-Type") == nullptr)
    request.headers.set("Content-Type", "application/json");
}

void read_accept(const Options& options, AdapterRequest& request) {
  if (!options.push("accept")) return;
  lua_State* const state = options.state();
  if (!lua_istable(state, -1)) options.refuse("accept", "a list of statuses");
  const auto count = static_cast<int>(lua_objlen(state, -1));
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(state, -1, i);
    if (lua_type(state, -1) != LUA_TNUMBER) options.refuse("accept", "a list of statuses");
    request.accept.push_back(static_cast<int>(lua_tonumber(state, -1)));
    lua_pop(state, 1);
  }
  lua_pop(state, 1);
}

void read_method(const Options& options, AdapterRequest& request) {
  request.method = options.text("method").value_or("GET");
  constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD",  "POST",
                                                        "PUT", "PATCH", "DELETE"};
  if (std::ranges::find(kMethods, request.method) == kMethods.end()) {
    throw Misuse{
        fmt::format("{}: options.method must be GET, HEAD, POST, PUT, PATCH or DELETE, "
                    "got '{}'",
                    options.name(), request.method)};
  }
}

AdapterRequest read_request(lua_State* state, std::string_view method) {
  static constexpr std::array<std::string_view, 9> kOptions = {
      "query", "headers", "body", "json", "timeout_ms", "idempotent", "accept", "method", "path"};
  const bool is_general = method.empty();
  const std::string name = is_general ? "http.request" : "http." + lower(method);
  AdapterRequest request;
  const Options options(state, is_general ? 1 : 2, name);
  options.allow(std::span(kOptions).first(is_general ? 9 : 7));
  if (is_general) {
    read_method(options, request);
    request.path = options.text("path").value_or("");
  } else {
    request.method = method;
    request.path = text_argument(state, 1, name, "the path");
  }
  check_path(request.path, name);
  if (options.push("query")) {
    const std::string query = query_of(state, lua_gettop(state), name);
    lua_pop(state, 1);
    if (!query.empty())
      request.path += (request.path.find('?') == std::string::npos ? "?" : "&") + query;
  }
  read_headers(options, request);
  read_body(options, request);
  read_accept(options, request);
  if (const auto timeout = options.number("timeout_ms")) {
    if (*timeout < 1 || *timeout > kLongestWait)
      throw Misuse{name + ": options.timeout_ms must be between 1 and 86400000"};
    request.timeout = Duration(std::llround(*timeout));
  }
  request.is_idempotent = options.boolean("idempotent") || request.method == "GET" ||
                          request.method == "HEAD" || request.method == "PUT" ||
                          request.method == "DELETE";
  return request;
}

// Giving an answer

ErrorCode code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::Denied;
    case 404:
    case 410:
      return ErrorCode::NotFound;
    case 409:
    case 412:
      return ErrorCode::Conflict;
    case 408:
    case 504:
      return ErrorCode::Timeout;
    case 425:
    case 429:
      return ErrorCode::Unavailable;
    default:
      return status >= 500 ? ErrorCode::Unavailable : ErrorCode::Invalid;
  }
}

/// What the server says of it, in a line: the usual members of a JSON body, or its beginning.
std::string excerpt(const std::string& body) {
  std::string text;
  if (const Result<Value> document = parse_json(body)) {
    for (const char* path : {"error.message", "message", "error", "detail", "errors[0].message"}) {
      if (text.empty()) text = document->text_or(path, "");
    }
  }
  if (text.empty()) text = body;
  text = repair_utf8(text.substr(0, kMostInMessage));
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

int push_json_of_body(lua_State* state) {
  std::size_t size = 0;
  const char* body = lua_tolstring(state, lua_upvalueindex(1), &size);
  if (push_json(state, {body, size})) return 1;
  const std::string why = lua_tostring(state, -1);
  return push_failure(state, Error(ErrorCode::Unavailable, "the server's answer is " + why));
}

void push_response(lua_State* state, const HttpResponse& response) {
  lua_createtable(state, 0, 4);
  lua_pushinteger(state, response.status);
  lua_setfield(state, -2, "status");
  lua_createtable(state, 0, static_cast<int>(response.headers.fields().size()));
  for (const auto& [name, value] : response.headers.fields()) {
    const std::string key = lower(name);
    push_text(state, key);
    push_text(state, response.headers.value_or(key, value));  // the first of several
    lua_rawset(state, -3);
  }
  lua_setfield(state, -2, "headers");
  push_text(state, response.body);
  lua_pushvalue(state, -1);
  lua_setfield(state, -3, "body");
  lua_pushcclosure(state, push_json_of_body, 1);
  lua_setfield(state, -2, "json");
}

/// A request, what is said of it in an error, and what became of it.
struct Exchange {
  explicit Exchange(AdapterRequest what)
      : request(std::move(what)),
        method(request.method),
        path(request.path.substr(0, request.path.find('?'))),
        accept(request.accept) {}
  AdapterRequest request;  // gone once it was sent
  std::string method;
  std::string path;
  std::vector<int> accept;
  Result<HttpResponse> outcome;
};

int push_status_error(lua_State* state, const Exchange& exchange, const HttpResponse& response) {
  const std::string said = excerpt(response.body);
  const Error error(
      code_of_status(response.status),
      fmt::format("{} {}: {} {}{}{}", exchange.method, exchange.path.empty() ? "/" : exchange.path,
                  response.status, reason_phrase(response.status), said.empty() ? "" : ": ", said));
  push_failure(state, error);
  // A conflict of a provider's own is a fact, which the same request meets again.
  lua_pushboolean(
      state, error.code() == ErrorCode::Unavailable || error.code() == ErrorCode::Timeout ? 1 : 0);
  lua_setfield(state, -2, "retryable");
  lua_pushinteger(state, response.status);
  lua_setfield(state, -2, "status");
  push_text(state, std::string_view(response.body).substr(0, kMostOfBody));
  lua_pushvalue(state, -1);
  lua_setfield(state, -3, "body");
  lua_pushcclosure(state, push_json_of_body, 1);
  lua_setfield(state, -2, "json");
  return 2;
}

int push_exchange(lua_State* state, const Exchange& exchange) {
  if (!exchange.outcome) return push_failure(state, exchange.outcome.error());
  const HttpResponse& response = *exchange.outcome;
  const bool is_accepted =
      response.status < 400 ||
      std::ranges::find(exchange.accept, response.status) != exchange.accept.end();
  if (!is_accepted) return push_status_error(state, exchange, response);
  push_response(state, response);
  return 1;
}

Task<Reply> perform(std::shared_ptr<AdapterHttp> http, std::shared_ptr<Exchange> exchange) {
  exchange->outcome = co_await http->send(std::move(exchange->request));
  Reply reply = [exchange](lua_State* state) { return push_exchange(state, *exchange); };
  co_return reply;
}

/// Upvalue: the method, or nil for http.request.
int request(lua_State* state) {
  const char* method = lua_tostring(state, lua_upvalueindex(1));
  Machine& machine = Machine::of(state);
  const std::string name = method == nullptr ? "http.request" : "http." + lower(method);
  machine.require_waiting(state, name);
  auto exchange = std::make_shared<Exchange>(read_request(state, method == nullptr ? "" : method));
  const std::shared_ptr<CallState> call = machine.running()->call;
  if (machine.services().coverage) exchange->request.asked_at = line_of_script(state);
  exchange->request.deadline = call->deadline;
  exchange->request.is_wanted = [call] { return !call->is_called_off(); };
  return machine.suspend(
      state, [http = machine.services().http, exchange] { return perform(http, exchange); });
}

// Side by side

struct Branches {
  explicit Branches(const asio::any_io_executor& executor) : ended(executor) {}
  std::vector<std::shared_ptr<Fiber>> fibers;
  std::vector<Result<void>> outcomes;
  std::size_t running = 0;
  Signal ended;
};

Task<> run_branch(std::shared_ptr<Branches> branches, std::size_t index, Drive drive) {
  // On a stack of its own: one within another, a thousand times, must not use up ours.
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  Result<void> outcome = fail(ErrorCode::Internal, "it ended with an exception");
  try {
    outcome = co_await drive(branches->fibers[index]);
  } catch (const std::exception& error) {
    outcome = fail(ErrorCode::Internal, error.what());
  }
  branches->outcomes[index] = std::move(outcome);
  if (--branches->running == 0) branches->ended.notify();
}

/// {ok = true, value = ...} or {ok = false, err = ...} for each, or the text of what was raised.
int push_branches(lua_State* state, const Branches& branches) {
  for (const Result<void>& outcome : branches.outcomes) {
    if (outcome) continue;
    lua_pushboolean(state, 0);
    push_text(state, outcome.error().message());
    return 2;
  }
  lua_pushboolean(state, 1);
  lua_createtable(state, static_cast<int>(branches.fibers.size()), 0);
  int index = 0;
  for (const std::shared_ptr<Fiber>& fiber : branches.fibers) {
    lua_settop(fiber->thread, 2);
    lua_xmove(fiber->thread, state, 2);
    const bool is_ok = lua_toboolean(state, -2) != 0 || lua_isnil(state, -1);
    lua_createtable(state, 0, 2);
    lua_pushboolean(state, is_ok ? 1 : 0);
    lua_setfield(state, -2, "ok");
    lua_pushvalue(state, is_ok ? -3 : -2);
    lua_setfield(state, -2, is_ok ? "value" : "err");
    lua_rawseti(state, -4, ++index);
    lua_pop(state, 2);
  }
  return 2;
}

Task<Reply> wait_for_branches(std::shared_ptr<Branches> branches, Drive drive) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  branches->running = branches->fibers.size();
  for (std::size_t i = 0; i < branches->fibers.size(); ++i)
    spawn(executor, run_branch(branches, i, drive), "await.all");
  while (branches->running > 0) co_await branches->ended.wait(Duration(3'600'000));
  Reply reply = [branches](lua_State* state) { return push_branches(state, *branches); };
  co_return reply;
}

int join(lua_State* state) {
  Machine& machine = Machine::of(state);
  machine.require_waiting(state, "await.all");
  if (!lua_istable(state, 1))
    throw Misuse{"await.all: a list of functions, got " + describe_type(state, 1)};
  const auto count = static_cast<int>(lua_objlen(state, 1));
  if (count > kMostAtOnce)
    throw Misuse{fmt::format("await.all: at most {} functions at once", kMostAtOnce)};
  auto branches = std::make_shared<Branches>(machine.executor());
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(state, 1, i);
    if (!lua_isfunction(state, -1)) {
      throw Misuse{
          fmt::format("await.all: [{}] must be a function, got {}", i, describe_type(state, -1))};
    }
    branches->fibers.push_back(machine.branch(state, lua_gettop(state), machine.running()->call));
    lua_pop(state, 1);
  }
  branches->outcomes.resize(branches->fibers.size());
  return machine.suspend(
      state, [branches, drive = machine.drive] { return wait_for_branches(branches, drive); });
}

// Waiting

Task<Reply> wait_for(std::function<Task<>(Duration)> sleep, Duration time) {
  co_await sleep(time);
  Reply reply = [](lua_State*) { return 0; };
  co_return reply;
}

/// No longer than until the deadline of the call.
int pause(lua_State* state) {
  Machine& machine = Machine::of(state);
  machine.require_waiting(state, "poll");
  const double time = number_argument(state, 1, "poll", "the time");
  Duration wait(std::llround(std::clamp(time, 0.0, kLongestWait)));
  const std::shared_ptr<CallState>& call = machine.running()->call;
  if (call->deadline) {
    const Duration left = *call->deadline - machine.services().clock->steady();
    wait = std::clamp(wait, Duration(0), std::max(left, Duration(0)));
  }
  return machine.suspend(
      state, [sleep = machine.services().sleep, wait] { return wait_for(sleep, wait); });
}

int steady(lua_State* state) {
  const Machine& machine = Machine::of(state);
  lua_pushnumber(state, static_cast<double>(machine.services().clock->steady().count()));
  return 1;
}

void set_method(lua_State* state, const char* name, const char* method) {
  if (method == nullptr) {
    lua_pushnil(state);
  } else {
    lua_pushstring(state, method);
  }
  lua_pushcclosure(state, bound<request>, 1);
  lua_setfield(state, -2, name);
}

}  // namespace

void push_host_functions(lua_State* state) {
  lua_newtable(state);
  set_method(state, "get", "GET");
  set_method(state, "post", "POST");
  set_method(state, "put", "PUT");
  set_method(state, "patch", "PATCH");
  set_method(state, "delete", "DELETE");
  set_method(state, "request", nullptr);
  lua_pushcfunction(state, bound<join>);
  lua_setfield(state, -2, "join");
  lua_pushcfunction(state, bound<pause>);
  lua_setfield(state, -2, "pause");
  lua_pushcfunction(state, steady);
  lua_setfield(state, -2, "steady");
}

}  // namespace croft::lua
