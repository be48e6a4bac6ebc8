#include "core/base/log.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"
#include "core/base/value.hpp"
#include "core/base/work.hpp"

namespace croft {

namespace {

std::atomic<LogFormat> chosen_format{LogFormat::Text};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_color_mt("croft");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warning:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr std::string_view kLevelNames[] = {"debug", "info", "warning", "error"};

/// The facts of the work in hand that the line does not say itself.
template <typename Use>
void for_facts_of_work(LogFields fields, Use use) {
  const WorkPtr& work = current_work();
  if (!work) return;
  for (const auto& [key, value] : work->facts) {
    const auto is_same = [&](const auto& field) { return field.first == key; };
    if (std::ranges::none_of(fields, is_same)) use(key, value);
  }
}

void add_text(std::string& line, std::string_view key, const std::string& value) {
  const bool quote = value.empty() || value.find_first_of(" \"=\n") != std::string::npos;
  line +=
      quote ? fmt::format(" {}={}", key, to_json(Value(value))) : fmt::format(" {}={}", key, value);
}

std::string as_text(std::string_view area, std::string_view message, LogFields fields) {
  std::string line = fmt::format("{}: {}", area, message);
  for (const auto& [key, value] : fields) add_text(line, key, value);
  for_facts_of_work(fields,
                    [&](const auto& key, const auto& value) { add_text(line, key, value); });
  return line;
}

std::string as_json(LogLevel level, std::string_view area, std::string_view message,
                    LogFields fields) {
  Value record = Value::map({{"time", format_time(SystemClock().now())},
                             {"level", kLevelNames[static_cast<std::size_t>(level)]},
                             {"area", area},
                             {"message", message}});
  for (const auto& [key, value] : fields) record.set(key, value);
  for_facts_of_work(fields, [&](const auto& key, const auto& value) { record.set(key, value); });
  return to_json(record);
}

void write(LogLevel level, std::string_view area, std::string_view message, LogFields fields) {
  if (!logger().should_log(to_spdlog(level))) return;
  const bool json = chosen_format.load() == LogFormat::Json;
  const std::string line =
      json ? as_json(level, area, message, fields) : as_text(area, message, fields);
  logger().log(to_spdlog(level), "{}", redact(line));
}

}  // namespace

void configure_log(LogLevel level, LogFormat format) {
  chosen_format = format;
  logger().set_level(to_spdlog(level));
  if (format == LogFormat::Json) logger().set_pattern("%v");
}

Result<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (kLevelNames[i] == text) return static_cast<LogLevel>(i);
  }
  return fail(ErrorCode::Invalid,
              fmt::format("'{}' is not a log level; use debug, info, warning or error", text));
}

void log_debug(std::string_view area, std::string_view message, LogFields fields) {
  write(LogLevel::Debug, area, message, fields);
}
void log_info(std::string_view area, std::string_view message, LogFields fields) {
  write(LogLevel::Info, area, message, fields);
}
void log_warning(std::string_view area, std::string_view message, LogFields fields) {
  write(LogLevel::Warning, area, message, fields);
}
void log_error(std::string_view area, std::string_view message, LogFields fields) {
  write(LogLevel::Error, area, message, fields);
}

}  // namespace croft
