// log, time, base64, hash, hmac, url: what needs no waiting.

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/hmac.hpp"
#include "core/base/id.hpp"
#include "core/base/log.hpp"
#include "core/base/units.hpp"
#include "lua/bindings/arguments.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

namespace {

constexpr int kMostLines = 200;                    // that one call may log
constexpr std::size_t kLongestLine = 4096;         // bytes
constexpr double kLatestTime = 253402300799999.0;  // the end of the year 9999, in ms

void push_text(lua_State* state, std::string_view text) {
  lua_pushlstring(state, text.data(), text.size());
}

using LogFunction = void (*)(std::string_view, std::string_view, LogFields);

/// The fields as one text, without what is hidden: in JSON it may be written otherwise.
std::string shown_fields(const Machine& machine, const Value& fields) {
  const Fiber* const fiber = machine.running();
  if (fiber == nullptr) return to_json(fields);
  const HiddenTexts& hidden = *fiber->call->hidden;
  return to_json(with_texts(fields, [&](std::string_view text) { return hidden.cut(text); }));
}

/// One line, with the call it is of; the log itself hides the secrets that all of Croft has.
void write_line(const Machine& machine, LogFunction log, std::string message,
                const std::string& fields) {
  if (const Fiber* const fiber = machine.running()) message = fiber->call->hidden->cut(message);
  std::ranges::replace(message, '\n', ' ');
  if (message.size() > kLongestLine) message = message.substr(0, kLongestLine) + "...";
  const Fiber* const fiber = machine.running();
  const std::string verb = fiber != nullptr ? fiber->call->function : "loading";
  const std::string subject = fiber != nullptr ? fiber->call->subject : "";
  const std::string& provider = machine.services().name;
  if (fields.empty()) {
    log("adapter", message, {{"provider", provider}, {"verb", verb}, {"for", subject}});
  } else {
    log("adapter", message,
        {{"provider", provider}, {"verb", verb}, {"for", subject}, {"fields", fields}});
  }
}

template <LogFunction Log>
int log_line(lua_State* state) {
  const std::string message(text_argument(state, 1, "log", "the message"));
  const Machine& machine = Machine::of(state);
  std::string fields;
  if (!lua_isnoneornil(state, 2)) {
    const Result<Value> read = read_loose_document(state, 2);
    if (!read || !lua_istable(state, 2)) {
      throw Misuse{"log: the fields must be a table" + (read ? "" : ": " + read.error().message())};
    }
    fields = shown_fields(machine, *read).substr(0, kLongestLine);
  }
  Fiber* const fiber = machine.running();
  if (fiber != nullptr && ++fiber->call->lines_logged > kMostLines) {
    if (fiber->call->lines_logged == kMostLines + 1)
      write_line(machine, log_warning, "this call logs no more: it has logged enough", "");
    return 0;
  }
  write_line(machine, Log, message, fields);
  return 0;
}

void set_function(lua_State* state, const char* name, lua_CFunction function) {
  lua_pushcfunction(state, function);
  lua_setfield(state, -2, name);
}

int now(lua_State* state) {
  const Machine& machine = Machine::of(state);
  const Fiber* const fiber = machine.running();
  if (fiber == nullptr || !fiber->call->may_wait)
    throw Misuse{"time.now: only within a verb that may wait; this one is pure"};
  lua_pushnumber(state,
                 static_cast<double>(machine.services().clock->now().time_since_epoch().count()));
  return 1;
}

int parse_time_text(lua_State* state) {
  const Result<Timestamp> time = parse_time(text_argument(state, 1, "time.parse", "the text"));
  if (!time) return push_failure(state, time.error());
  lua_pushnumber(state, static_cast<double>(time->time_since_epoch().count()));
  return 1;
}

int format_time_number(lua_State* state) {
  const double time = number_argument(state, 1, "time.format", "the time");
  if (time < 0 || time > kLatestTime)
    throw Misuse{"time.format: the time must be milliseconds since 1970"};
  push_text(state, format_time(Timestamp(Duration(std::llround(time)))));
  return 1;
}

int encode_base64(lua_State* state) {
  push_text(state, to_base64(text_argument(state, 1, "base64.encode", "the text")));
  return 1;
}

int decode_base64(lua_State* state) {
  const auto bytes = from_base64(text_argument(state, 1, "base64.decode", "the text"));
  if (!bytes) return push_failure(state, Error(ErrorCode::Invalid, "not base64"));
  push_text(state, *bytes);
  return 1;
}

int hash_sha256(lua_State* state) {
  push_text(state, sha256_hex(text_argument(state, 1, "hash.sha256", "the text")));
  return 1;
}

int hmac_sha256(lua_State* state) {
  const std::string_view key = text_argument(state, 1, "hmac.sha256", "the key");
  push_text(state, hmac_sha256_hex(key, text_argument(state, 2, "hmac.sha256", "the text")));
  return 1;
}

int encode_url(lua_State* state) {
  push_text(state, percent_encode(text_argument(state, 1, "url.encode", "the text")));
  return 1;
}

std::string query_value(const Value& value, std::string_view name, std::string_view key) {
  if (value.is_text()) return value.as_text();
  if (value.is_boolean()) return value.as_boolean() ? "true" : "false";
  if (value.is_integer()) return std::to_string(value.as_integer());
  if (value.is_real()) return to_json(value);
  throw Misuse{
      fmt::format("{}: '{}' must be a text, a number, a boolean or a list of them", name, key)};
}

int make_query(lua_State* state) {
  push_text(state, query_of(state, 1, "url.query"));
  return 1;
}

}  // namespace

std::string query_of(lua_State* state, int index, std::string_view name) {
  if (!lua_istable(state, index))
    throw Misuse{
        fmt::format("{}: the query must be a table, got {}", name, describe_type(state, index))};
  const Result<Value> table = read_document(state, index);
  if (!table) throw Misuse{fmt::format("{}: {}", name, table.error().message())};
  if (!table->is_map() && table->size() > 0)
    throw Misuse{fmt::format("{}: the query has names as keys", name)};
  std::string query;
  const auto add = [&](std::string_view key, const Value& value) {
    query += fmt::format("{}{}={}", query.empty() ? "" : "&", percent_encode(key),
                         percent_encode(query_value(value, name, key)));
  };
  if (!table->is_map()) return query;
  for (const Value::Entry& entry : table->as_map()) {
    if (!entry.value.is_list()) {
      add(entry.key, entry.value);
      continue;
    }
    for (const Value& item : entry.value.as_list()) add(entry.key, item);
  }
  return query;
}

void push_log_module(lua_State* state) {
  lua_newtable(state);
  set_function(state, "debug", bound<log_line<log_debug>>);
  set_function(state, "info", bound<log_line<log_info>>);
  set_function(state, "warn", bound<log_line<log_warning>>);
  set_function(state, "error", bound<log_line<log_error>>);
}

void push_time_module(lua_State* state) {
  lua_newtable(state);
  set_function(state, "now", bound<now>);
  set_function(state, "parse", bound<parse_time_text>);
  set_function(state, "format", bound<format_time_number>);
}

void push_base64_module(lua_State* state) {
  lua_newtable(state);
  set_function(state, "encode", bound<encode_base64>);
  set_function(state, "decode", bound<decode_base64>);
}

void push_hash_module(lua_State* state) {
  lua_newtable(state);
  set_function(state, "sha256", bound<hash_sha256>);
}

void push_hmac_module(lua_State* state) {
  lua_newtable(state);
  set_function(state, "sha256", bound<hmac_sha256>);
}

void push_url_module(lua_State* state) {
  lua_newtable(state);
  set_function(state, "encode", bound<encode_url>);
  set_function(state, "query", bound<make_query>);
}

}  // namespace croft::lua
