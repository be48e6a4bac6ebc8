#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.hpp"

namespace croft {

// The log explains to the operator what Croft is doing; it goes to standard error. State is in
// conditions, history in events: nothing is logged *and* returned. Secrets that were remembered
// never reach it. Thread safe.

enum class LogLevel { Debug, Info, Warning, Error };
enum class LogFormat { Text, Json };

/// Chosen once at start, before threads. The default is text from Info on.
void configure_log(LogLevel level, LogFormat format);
Result<LogLevel> parse_log_level(std::string_view text);

/// Facts beside a message: {{"ref", "alice/Site/blog"}, {"revision", "3f2a9c1"}}.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

/// `area` is the room or part that speaks: "git", "process", "edge".
void log_debug(std::string_view area, std::string_view message, LogFields fields = {});
void log_info(std::string_view area, std::string_view message, LogFields fields = {});
void log_warning(std::string_view area, std::string_view message, LogFields fields = {});
void log_error(std::string_view area, std::string_view message, LogFields fields = {});

}  // namespace croft
