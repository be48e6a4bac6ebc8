#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"

namespace croft::cli {

using Keys = std::initializer_list<std::string_view>;

namespace compose_label {
inline constexpr std::string_view kPrefix = "com.docker.compose.";
inline constexpr std::string_view kProject = "com.docker.compose.project";
inline constexpr std::string_view kService = "com.docker.compose.service";
inline constexpr std::string_view kVolume = "com.docker.compose.volume";
inline constexpr std::string_view kNetwork = "com.docker.compose.network";
inline constexpr std::string_view kNumber = "com.docker.compose.container-number";
inline constexpr std::string_view kOneOff = "com.docker.compose.oneoff";
inline constexpr std::string_view kDependsOn = "com.docker.compose.depends_on";
inline constexpr std::string_view kDirectory = "com.docker.compose.project.working_dir";
}  // namespace compose_label

// What stands below these keys, one after the other; labels have dots in their names, so that paths
// of Value do not reach them. What is not there is null, "", 0, false or empty.
const Value& at(const Value& from, Keys keys);
std::string text_at(const Value& from, Keys keys);
std::int64_t integer_at(const Value& from, Keys keys);
bool truth_at(const Value& from, Keys keys);
std::vector<std::string> texts_at(const Value& from, Keys keys);
/// Texts by name: labels, options.
std::map<std::string, std::string> pairs_at(const Value& from, Keys keys);
/// A list of NAME=VALUE.
std::map<std::string, std::string> variables_at(const Value& from, Keys keys);

Value to_list(const std::vector<std::string>& texts);
Value to_map(const std::map<std::string, std::string>& pairs);

}  // namespace croft::cli
