#include "providers/script/adapter.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/suggest.hpp"
#include "core/base/units.hpp"

namespace croft::script {

namespace {

constexpr std::array<std::string_view, 5> kTypes = {"text", "integer", "boolean", "duration",
                                                    "bytes"};
constexpr std::array<std::string_view, 8> kVerbs = {
    "capabilities", "normalize", "observe", "create", "update", "start", "stop", "destroy"};
constexpr std::string_view kLogs = "logs";

std::unexpected<Error> refuse(std::string why, std::string hint = "") {
  Error error(ErrorCode::Invalid, std::move(why));
  if (!hint.empty()) error = std::move(error).with_hint(std::move(hint));
  return fail(std::move(error));
}

/// Invalid if the map at `where` has a key that is none of `known`.
Result<void> check_keys(const Value& map, std::string_view where,
                        std::span<const std::string_view> known) {
  if (!map.is_map()) return refuse(fmt::format("{} must be a table", where));
  for (const Value::Entry& entry : map.as_map()) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    return refuse(fmt::format("{} has no '{}'", where, entry.key), did_you_mean(entry.key, known));
  }
  return {};
}

Result<void> check_functions(const std::vector<std::string>& functions) {
  for (const std::string_view verb : kVerbs) {
    if (std::ranges::find(functions, verb) == functions.end())
      return refuse(fmt::format("there is no function '{}'", verb));
  }
  std::vector<std::string_view> all(kVerbs.begin(), kVerbs.end());
  all.push_back(kLogs);
  for (const std::string& function : functions) {
    if (std::ranges::find(all, function) != all.end()) continue;
    return refuse(fmt::format("no verb is called '{}'", function), did_you_mean(function, all));
  }
  return {};
}

/// A text as it stands in the resource, in the setting's type.
Result<Value> parse_setting(const AdapterSetting& setting, const std::string& text) {
  switch (setting.type) {
    case AdapterSetting::Type::Text:
      return Value(text);
    case AdapterSetting::Type::Boolean:
      if (text == "true" || text == "false") return Value(text == "true");
      return refuse(fmt::format("must be true or false, got '{}'", text));
    case AdapterSetting::Type::Duration: {
      TRY_ASSIGN(const Duration duration, parse_duration(text));
      return Value(std::int64_t{duration.count()});
    }
    case AdapterSetting::Type::Bytes: {
      TRY_ASSIGN(const Bytes bytes, parse_bytes(text));
      return Value(bytes.count);
    }
    case AdapterSetting::Type::Integer:
      break;
  }
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size())
    return refuse(fmt::format("must be a whole number, got '{}'", text));
  return Value(number);
}

bool has_type(const Value& value, AdapterSetting::Type type) {
  switch (type) {
    case AdapterSetting::Type::Text:
      return value.is_text();
    case AdapterSetting::Type::Boolean:
      return value.is_boolean();
    default:
      return value.is_integer();
  }
}

Result<AdapterSetting> read_setting(const Value& table, const std::string& where) {
  static constexpr std::array<std::string_view, 5> kKeys = {"type", "required", "default",
                                                            "choices", "help"};
  TRY(check_keys(table, where, kKeys));
  AdapterSetting setting;
  const std::string type = table.text_or("type", "text");
  const auto found = std::ranges::find(kTypes, type);
  if (found == kTypes.end()) {
    return refuse(
        fmt::format("{}.type must be one of {}, got '{}'", where, fmt::join(kTypes, ", "), type));
  }
  setting.type = static_cast<AdapterSetting::Type>(found - kTypes.begin());
  setting.is_required = table.boolean_or("required", false);
  setting.help = table.text_or("help", "");
  if (const Value* fallback = table.find("default")) {
    // Durations and sizes as people write them, too.
    if (has_type(*fallback, setting.type)) {
      setting.fallback = *fallback;
    } else if (fallback->is_text()) {
      TRY_ASSIGN(setting.fallback,
                 while_doing(parse_setting(setting, fallback->as_text()), where + ".default"));
    } else {
      return refuse(fmt::format("{}.default is no {}", where, type));
    }
  }
  const Value* choices = table.find("choices");
  for (std::size_t i = 0; choices != nullptr && i < choices->size(); ++i) {
    const Value* choice = choices->is_list() ? &choices->as_list()[i] : nullptr;
    if (choice == nullptr || !choice->is_text())
      return refuse(where + ".choices must be a list of texts");
    setting.choices.push_back(choice->as_text());
  }
  return setting;
}

Result<VendorAuth> read_auth(const Value& auth) {
  using Kind = VendorAuth::Kind;
  if (auth.is_text() && auth.as_text() == "bearer") return VendorAuth{Kind::Bearer, ""};
  if (auth.is_text() && auth.as_text() == "none") return VendorAuth{Kind::None, ""};
  if (auth.is_map() && auth.size() == 1) {
    const std::string header = auth.text_or("header", "");
    const bool is_token = !header.empty() && std::ranges::all_of(header, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
    });
    if (is_token) return VendorAuth{Kind::Header, header};
    const std::string user = auth.text_or("basic_user", "");
    if (!user.empty() && user.find(':') == std::string::npos) return VendorAuth{Kind::Basic, user};
  }
  return refuse("server.auth must be \"bearer\", \"none\", {header = NAME} or {basic_user = NAME}");
}

Result<int> read_count(const Value& rate, const char* key, int fallback) {
  const Value* value = rate.find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_integer() || value->as_integer() < 1 || value->as_integer() > 1'000'000)
    return refuse(fmt::format("rate.{} must be a whole number from 1 on", key));
  return static_cast<int>(value->as_integer());
}

}  // namespace

Result<AdapterDescription> read_adapter(const Value& table,
                                        const std::vector<std::string>& functions) {
  static constexpr std::array<std::string_view, 5> kKeys = {"api", "title", "settings", "server",
                                                            "rate"};
  const Value* api = table.find("api");
  if (api == nullptr || *api != Value(kAdapterApi)) {
    return refuse(fmt::format("api = {}: the adapter API that it was written for must be given",
                              kAdapterApi));
  }
  TRY(check_keys(table, "the adapter's table", kKeys));
  TRY(check_functions(functions));
  AdapterDescription adapter;
  adapter.title = table.text_or("title", "");
  adapter.has_logs = std::ranges::find(functions, kLogs) != functions.end();
  if (const Value* settings = table.find("settings"); settings != nullptr && settings->is_map()) {
    for (const Value::Entry& entry : settings->as_map()) {
      if (entry.key == kUrlSetting) return refuse("settings.url is there by itself");
      TRY_ASSIGN(AdapterSetting setting, read_setting(entry.value, "settings." + entry.key));
      adapter.settings.emplace(entry.key, std::move(setting));
    }
  }
  if (const Value* server = table.find("server")) {
    static constexpr std::array<std::string_view, 2> kServer = {"url", "auth"};
    TRY(check_keys(*server, "server", kServer));
    adapter.url = server->text_or("url", "");
    if (const Value* auth = server->find("auth")) {
      TRY_ASSIGN(adapter.auth, read_auth(*auth));
    }
  }
  if (const Value* rate = table.find("rate"); rate != nullptr && rate->size() > 0) {
    static constexpr std::array<std::string_view, 3> kRate = {"perSecond", "perHour",
                                                              "concurrency"};
    TRY(check_keys(*rate, "rate", kRate));
    TRY_ASSIGN(adapter.per_second, read_count(*rate, "perSecond", 0));
    TRY_ASSIGN(adapter.per_hour, read_count(*rate, "perHour", 0));
    TRY_ASSIGN(adapter.concurrency, read_count(*rate, "concurrency", adapter.concurrency));
  }
  return adapter;
}

namespace {

Result<Value> read_given(const AdapterSetting& setting, const std::string& name,
                         const Value& given) {
  if (!given.is_text()) {
    return refuse(fmt::format("settings.{} cannot be a secret: scripts see settings", name),
                  "credentials go into `credentials: {secret: NAME}`");
  }
  Result<Value> value = parse_setting(setting, given.as_text());
  if (!value) return refuse(fmt::format("settings.{}: {}", name, value.error().message()));
  const bool is_chosen =
      setting.choices.empty() || !value->is_text() ||
      std::ranges::find(setting.choices, value->as_text()) != setting.choices.end();
  if (is_chosen) return value;
  const std::vector<std::string_view> choices(setting.choices.begin(), setting.choices.end());
  return refuse(fmt::format("settings.{} must be one of {}, got '{}'", name,
                            fmt::join(setting.choices, ", "), value->as_text()),
                did_you_mean(value->as_text(), choices));
}

}  // namespace

Result<Value> read_settings(const AdapterDescription& adapter, const Value* given) {
  Value settings = Value::map();
  std::vector<std::string_view> known{kUrlSetting};
  for (const auto& [name, setting] : adapter.settings) known.push_back(name);
  for (const Value::Entry& entry : given != nullptr ? given->as_map() : Value::Map{}) {
    if (std::ranges::find(known, entry.key) == known.end()) {
      return refuse(fmt::format("settings.{}: the adapter has no setting of that name", entry.key),
                    did_you_mean(entry.key, known));
    }
  }
  for (const auto& [name, setting] : adapter.settings) {
    const Value* text = given != nullptr ? given->find(name) : nullptr;
    if (text != nullptr) {
      TRY_ASSIGN(Value value, read_given(setting, name, *text));
      settings.set(name, std::move(value));
    } else if (setting.is_required) {
      return refuse(fmt::format("settings.{} is required{}", name,
                                setting.help.empty() ? "" : ": " + setting.help));
    } else if (setting.fallback) {
      settings.set(name, *setting.fallback);
    }
  }
  return settings;
}

}  // namespace croft::script
