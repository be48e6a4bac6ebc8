#include "cli/lua/repl.hpp"

#include <fmt/format.h>

#include "plans/pricing/quote.hpp"

namespace croft::cli {

namespace {

constexpr std::string_view kPlan =
    R"({"name":"example","price":{"amount":"9.00","currency":"USD","per":"month"},
        "includes":{"activeHours":100},
        "rates":[{"meter":"activeHours","mode":"unit","amount":"0.01"}]})";
constexpr std::string_view kResources =
    R"([{"ref":"Instance/api","kind":"Instance","name":"api","provider":"local","cpu_millis":250,
         "memory_bytes":134217728,"storage_bytes":1073741824,"hosts":1,
         "usage":{"active_seconds":2628000,"storage_bytes":1073741824}},
        {"ref":"Site/blog","kind":"Site","name":"blog","provider":"site","cpu_millis":0,
         "memory_bytes":0,"storage_bytes":1048576,"hosts":0,"usage":{"storage_bytes":1048576}}])";
constexpr std::string_view kUsage = R"({"active_seconds":2628000,"storage_bytes":1074790400})";
constexpr std::string_view kPeriod = R"({"months":1,"hours":730,"seconds":2628000})";

/// The compiler met the end where something was still open.
bool is_unfinished(const Error& error) {
  return error.message().find("near '<eof>'") != std::string::npos;
}

std::string answer_of(const Value& values) {
  std::string text;
  for (const Value& value : values.as_list()) text += (text.empty() ? "" : "\t") + to_json(value);
  return text;
}

}  // namespace

Repl::Repl(std::string rule, std::unique_ptr<lua::Sandbox> sandbox)
    : rule_(std::move(rule)), sandbox_(std::move(sandbox)) {
  for (const std::string_view text : {kPlan, kResources, kUsage, kPeriod})
    given_.push_back(parse_json(text).value());
}

Result<Repl> Repl::make(std::string rule) {
  if (!rule.empty()) {
    TRY(lua::Script::compile("rule", rule));
  }
  TRY_ASSIGN(std::unique_ptr<lua::Sandbox> sandbox, plans::make_pricing_sandbox());
  return Repl(std::move(rule), std::move(sandbox));
}

/// Runs all statements, then the last one.
Result<Value> Repl::run(const std::string& last) {
  const std::string rule =
      rule_.empty() ? std::string() : "local rule = (function() " + rule_ + "\nend)()\n";
  const std::string text =
      fmt::format("{}return {{line = function(plan, resources, usage, period)\n{}{}\nend}}", rule,
                  statements_, last);
  TRY_ASSIGN(const lua::Script script, lua::Script::compile("line", text));
  return sandbox_->call_all(script, "line", {given_.begin(), given_.end()});
}

std::string Repl::take(std::string_view line) {
  const std::string text = begun_ + std::string(line);
  if (text.find_first_not_of(" \t\n") == std::string::npos) return "";
  // Compiled alone first: what is wrong with it is not to be looked for among the others.
  const bool is_expression = lua::Script::compile("line", "return " + text).has_value();
  const Result<lua::Script> alone =
      lua::Script::compile("line", is_expression ? "return " + text : text);
  if (!alone && is_unfinished(alone.error())) {
    begun_ = text + "\n";
    return "";
  }
  begun_.clear();
  const Result<Value> values = alone ? run(is_expression ? "return " + text : text)
                                     : Result<Value>(std::unexpected(alone.error()));
  if (!values) {
    has_failed_ = true;
    return values.error().message();
  }
  if (!is_expression) statements_ += text + "\n";
  return answer_of(*values);
}

}  // namespace croft::cli
