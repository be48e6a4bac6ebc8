#include "reconciler/notify/template.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "core/base/json.hpp"

namespace croft::notify {

namespace {

constexpr lua::Limits kLimits{.memory_bytes = 16 << 20, .instructions = 1'000'000};
constexpr std::size_t kLargestBody = 256U << 10U;
constexpr std::size_t kLongestHeader = 1'000;
constexpr std::size_t kMostHeaders = 20;
// None of these says how the request is to be read, or to whom it goes.
constexpr std::array<std::string_view, 5> kHeaders{"accept", "idempotency-key", "priority", "tags",
                                                   "title"};

std::unexpected<Error> wrong(std::string message) {
  return fail(Error(ErrorCode::Invalid, std::move(message))
                  .with_hint("return {body = TEXT or TABLE, content_type = TEXT, headers = {}}"));
}

bool may_be_set(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool is_word = std::ranges::all_of(
      name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
  return is_word && (name.starts_with("x-") || std::ranges::find(kHeaders, name) != kHeaders.end());
}

Result<std::string> header_value(const std::string& name, const Value& value) {
  if (!value.is_text()) return wrong(fmt::format("the header {} is no text", name));
  const std::string& text = value.as_text();
  const bool is_line = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_line || text.size() > kLongestHeader)
    return wrong(fmt::format("the header {} is no line of printable ASCII", name));
  return text;
}

Result<void> add_headers(Message& message, const Value& headers) {
  if (headers.is_list() && headers.size() == 0) return {};  // an empty table
  if (!headers.is_map()) return wrong("its headers are no table of names and texts");
  if (headers.as_map().size() > kMostHeaders) return wrong("it sets too many headers");
  for (const Value::Entry& entry : headers.as_map()) {
    if (!may_be_set(entry.key)) {
      return wrong(fmt::format("it may not set the header '{}': X-... may be set, and {}",
                               entry.key.substr(0, 100), fmt::join(kHeaders, ", ")));
    }
    TRY_ASSIGN(std::string value, header_value(entry.key, entry.value));
    message.headers.set(entry.key, std::move(value));
  }
  return {};
}

Result<Message> read_message(const Value& returned) {
  if (!returned.is_map()) return wrong("it returned no message");
  const Value* body = returned.find("body");
  if (body == nullptr) return wrong("it returned no body");
  Message message;
  const bool is_text = body->is_text();
  message.body = is_text ? body->as_text() : to_json(*body);
  if (message.body.size() > kLargestBody) return wrong("its body is larger than 256 KiB");
  const Value usual(is_text ? "text/plain; charset=utf-8" : "application/json");
  const Value* type = returned.find("content_type");
  TRY_ASSIGN(std::string content_type,
             header_value("content_type", type == nullptr ? usual : *type));
  message.headers.set("Content-Type", std::move(content_type));
  if (const Value* headers = returned.find("headers")) {
    TRY(add_headers(message, *headers));
  }
  return message;
}

NotificationRow sample() {
  NotificationRow row;
  row.id = "0";
  row.type = "croft.webhook.test";
  row.tenant = "alice";
  row.subject = "alice/Webhook/ops";
  row.data = std::make_shared<const Value>(Value::map({{"tenant", "alice"},
                                                       {"ref", row.subject},
                                                       {"kind", "Webhook"},
                                                       {"name", "ops"},
                                                       {"severity", "Normal"},
                                                       {"reason", "Test"},
                                                       {"message", "this is a test"}}));
  return row;
}

}  // namespace

Result<std::shared_ptr<Template>> Template::make(const std::string& name, std::string_view text) {
  TRY_ASSIGN(lua::Script script, lua::Script::compile(name, text));
  TRY_ASSIGN(std::unique_ptr<lua::Sandbox> sandbox, lua::Sandbox::make(kLimits));
  TRY_ASSIGN(const Value api, sandbox->read(script, "api"));
  if (api != Value(kTemplateApi)) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} says `api = {}`; this Croft has version {}", name,
                                              api.is_null() ? "nil" : to_json(api), kTemplateApi))
            .with_hint("return {api = 1, message = function(event) ... end}"));
  }
  std::shared_ptr<Template> made(new Template(std::move(script), std::move(sandbox)));
  TRY(made->compose(cloud_event(sample(), "example.com")));
  return made;
}

Result<Message> Template::compose(const Value& event) {
  Result<Value> returned = sandbox_->call(script_, "message", {event});
  if (!returned) return std::unexpected(std::move(returned.error()));
  Result<Message> message = read_message(*returned);
  if (message) return message;
  return fail(
      Error(ErrorCode::Invalid, fmt::format("{}: {}", script_.name(), message.error().message()))
          .with_hint(message.error().hint()));
}

}  // namespace croft::notify
