#include <charconv>

#include <fmt/format.h>

#include "core/resource/kind_checks.hpp"
#include "core/resource/ref.hpp"

// Checks of Stacks, and of what runs from images.

namespace croft {

namespace {

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failure == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

}  // namespace

std::optional<Error> check_service_port(const Value& value) {
  const std::string& text = value.as_text();
  const std::size_t colon = text.rfind(':');
  if (colon != std::string::npos && colon > 0 && is_port(std::string_view(text).substr(colon + 1)))
    return std::nullopt;
  return Error(ErrorCode::Invalid,
               fmt::format("must be SERVICE:PORT, such as 'web:80', got '{}'", text));
}

std::vector<FieldProblem> check_exposed_hosts(const Value& map) {
  std::vector<FieldProblem> problems;
  for (const auto& [host, target] : map.as_map()) {
    if (is_resource_name(host) || is_host_name(host)) continue;
    problems.push_back(
        {host, "must be named by a host such as 'shop.example.com', or by a name without a dot"});
  }
  return problems;
}

std::vector<FieldProblem> check_stack(const Value& spec) {
  std::vector<FieldProblem> problems;
  const bool has_file = spec.find("file") != nullptr;
  const bool has_inline = spec.find("inline") != nullptr;
  if (has_file && has_inline)
    problems.push_back({"inline", "must not stand beside 'file': there is one compose file"});
  if (!has_file && !has_inline)
    problems.push_back(
        {"", "needs 'file', the path of a compose file, or 'inline', the file itself"});
  return problems;
}

std::vector<FieldProblem> check_instance_image(const Value& spec) {
  const bool has_image = spec.find("image") != nullptr;
  const bool has_build = spec.find("build") != nullptr;
  if (has_image && has_build) return {{"build", "must not stand beside 'image': it has one image"}};
  if (!has_image && !has_build && spec.find("command") == nullptr)
    return {
        {"", "needs 'command', what it runs, or 'image' or 'build', which say that themselves"}};
  return {};
}

}  // namespace croft
