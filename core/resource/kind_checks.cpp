#include "core/resource/kind_checks.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>

#include "core/base/money.hpp"
#include "core/resource/ref.hpp"
#include "core/resource/secret_name.hpp"

namespace croft {

namespace {

Error invalid(std::string message) { return Error(ErrorCode::Invalid, std::move(message)); }

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Why a path's parts are not plain names, or nothing.
std::optional<Error> check_path_parts(std::string_view path, std::string_view written) {
  if (has_control_character(path)) return invalid("must not have control characters");
  while (true) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (part == "..") return invalid(fmt::format("must not have '..' in it, got '{}'", written));
    if (part.empty() || part == ".") {
      return invalid(
          fmt::format("must be written without '.', '//' and a final '/', got '{}'", written));
    }
    if (end == std::string_view::npos) return std::nullopt;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<Error> check_relative_path(const Value& value) {
  const std::string& path = value.as_text();
  if (path == ".") return std::nullopt;
  if (path.starts_with('/'))
    return invalid(fmt::format("must be relative, without a leading '/', got '{}'", path));
  return check_path_parts(path.starts_with("./") ? std::string_view(path).substr(2) : path, path);
}

std::optional<Error> check_absolute_path(const Value& value) {
  const std::string& path = value.as_text();
  if (!path.starts_with('/'))
    return invalid(fmt::format("must be absolute, got '{}'; write '/{}'", path, path));
  return check_path_parts(std::string_view(path).substr(1), path);
}

std::optional<Error> check_host_name(const Value& value) {
  const std::string& host = value.as_text();
  if (is_host_name(host)) return std::nullopt;
  if (std::ranges::any_of(host, [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return invalid(fmt::format("must be in lower case, got '{}'", host));
  }
  if (host.starts_with("*."))
    return invalid(fmt::format("must name one host; wildcards are not supported, got '{}'", host));
  if (host.find("://") != std::string::npos || host.find_first_of(":/") != std::string::npos) {
    return invalid(
        fmt::format("must be a host name alone, without scheme, port or path, got '{}'", host));
  }
  if (std::ranges::any_of(host, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return invalid(fmt::format("must be written in its ASCII form ('xn--...'), got '{}'", host));
  }
  return invalid(fmt::format("must be a host name such as 'blog.example.com', got '{}'", host));
}

std::optional<Error> check_resource_name(const Value& value) {
  if (is_resource_name(value.as_text())) return std::nullopt;
  return invalid(
      fmt::format("must be lower-case letters, digits and single dashes inside, at most 63 "
                  "characters, got '{}'",
                  value.as_text()));
}

std::optional<Error> check_tenant_name(const Value& value) {
  if (is_tenant_name(value.as_text())) return std::nullopt;
  return invalid(
      fmt::format("must be lower-case letters and digits, beginning with a letter, at most 32 "
                  "characters, no dash, got '{}'",
                  value.as_text()));
}

std::optional<Error> check_url_path(const Value& value) {
  const std::string& path = value.as_text();
  if (!path.starts_with('/')) return invalid(fmt::format("must start with '/', got '{}'", path));
  if (has_control_character(path) || path.find_first_of(" #") != std::string::npos) {
    return invalid(fmt::format(
        "must be a path as it stands in a request, without spaces and '#', got '{}'", path));
  }
  return std::nullopt;
}

std::optional<Error> check_dependency(const Value& value) {
  const std::string& text = value.as_text();
  if (std::ranges::count(text, '/') > 1) {
    return invalid(fmt::format("must name your own resources as 'Kind/name', got '{}'", text));
  }
  // Any valid tenant's name does: whose it is does not matter to the form.
  const auto ref = parse_ref(text, "home");
  if (!ref) return invalid(fmt::format("must name a resource: {}", ref.error().message()));
  if (scope_of(ref->kind) != KindScope::Tenant) {
    return invalid(fmt::format("must name an Instance, a Site or a Stack, got '{}'", text));
  }
  return std::nullopt;
}

std::optional<Error> check_secret_name(const Value& value) {
  const std::string& name = value.as_text();
  if (!secret_name_problem(name)) return std::nullopt;
  return invalid(
      fmt::format("must be a name of letters, digits, '-', '_' and '.', got '{}'", name));
}

std::optional<Error> check_label_value(const Value& value) {
  if (!has_control_character(value.as_text())) return std::nullopt;
  return invalid("must not have control characters");
}

std::vector<FieldProblem> check_secret_variables(const Value& map) {
  std::vector<FieldProblem> problems = check_environment(map);
  for (const auto& [name, value] : map.as_map()) {
    if (!is_secret_reference(value))
      problems.push_back(
          {name, "must be {secret: NAME}; what is no secret belongs in the compose file"});
  }
  return problems;
}

std::vector<FieldProblem> check_secret_files(const Value& map) {
  std::vector<FieldProblem> problems;
  for (const auto& [path, value] : map.as_map()) {
    if (const auto problem = check_absolute_path(Value(path)))
      problems.push_back({path, problem->message()});
    if (!is_secret_reference(value))
      problems.push_back({path, "must be {secret: NAME}; what is no secret belongs in 'files'"});
  }
  return problems;
}

std::vector<FieldProblem> check_environment(const Value& map) {
  std::vector<FieldProblem> problems;
  for (const auto& [name, value] : map.as_map()) {
    const bool is_fine =
        !name.empty() && (name.front() < '0' || name.front() > '9') &&
        std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '_'; });
    if (!is_fine)
      problems.push_back({name,
                          "is not a name for an environment variable: use letters, digits and '_', "
                          "not a digit first"});
    if (name == "PORT")
      problems.push_back(
          {name, "is set by Croft: it tells the app where to listen; use http.port to choose it"});
  }
  return problems;
}

std::vector<FieldProblem> check_label_names(const Value& map) {
  std::vector<FieldProblem> problems;
  for (const auto& [name, value] : map.as_map()) {
    const bool is_fine =
        !name.empty() && name.size() <= 253 && is_alphanumeric(name.front()) &&
        is_alphanumeric(name.back()) && std::ranges::all_of(name, [](char c) {
          return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '/';
        });
    if (!is_fine)
      problems.push_back(
          {name, "is not a name for a label: use letters, digits, '-', '_', '.' and '/' inside"});
    if (name.starts_with("croft."))
      problems.push_back({name, "is reserved: names that begin with 'croft.' are Croft's own"});
  }
  return problems;
}

std::vector<FieldProblem> check_distinct(const Value& list) {
  std::vector<FieldProblem> problems;
  std::set<std::string> known;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value& item = list.as_list()[i];
    if (!item.is_text() && !item.is_integer()) continue;
    const std::string text = item.is_text() ? item.as_text() : std::to_string(item.as_integer());
    if (!known.insert(text).second)
      problems.push_back({fmt::format("[{}]", i), fmt::format("says '{}' a second time", text)});
  }
  return problems;
}

std::vector<FieldProblem> check_volumes(const Value& list) {
  std::vector<FieldProblem> problems;
  const Value::List& volumes = list.as_list();
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const std::string name = volumes[i].text_or("name", "");
    const std::string path = volumes[i].text_or("path", "");
    for (std::size_t k = 0; k < i; ++k) {
      const std::string other = volumes[k].text_or("path", "");
      if (volumes[k].text_or("name", "") == name) {
        problems.push_back({fmt::format("[{}].name", i),
                            fmt::format("is '{}', as of volume {} already", name, k + 1)});
      }
      if (path == other || path.starts_with(other + "/") || other.starts_with(path + "/")) {
        problems.push_back(
            {fmt::format("[{}].path", i),
             fmt::format("is '{}', which overlaps '{}' of volume {}", path, other, k + 1)});
      }
    }
  }
  return problems;
}

std::vector<FieldProblem> check_health(const Value& health) {
  std::vector<std::string> given;
  for (const char* name : {"http", "tcp", "exec"}) {
    if (health.find(name) != nullptr) given.emplace_back(name);
  }
  if (given.empty()) return {{"", "must have one of http, tcp, exec"}};
  if (given.size() > 1) {
    return {{given[1],
             fmt::format("must not stand beside {}: one way of checking at a time", given[0])}};
  }
  return {};
}

std::vector<FieldProblem> check_price(const Value& price) {
  const auto digits = currency_digits(price.text_or("currency", ""));
  if (!digits) return {{"currency", fmt::format("is unknown: {}", digits.error().message())}};
  const auto money = parse_money(price.text_or("amount", ""), price.text_or("currency", ""));
  if (!money) return {{"amount", fmt::format("is wrong: {}", money.error().message())}};
  if (money->minor < 0)
    return {{"amount", fmt::format("must not be negative, got '{}'", price.text_or("amount", ""))}};
  return {};
}

std::vector<FieldProblem> check_provider(const Value& spec) {
  if (spec.text_or("adapter", "") != "process") return {};
  const Value* isolation = spec.at_path("settings.isolation");
  if (isolation == nullptr || spec.text_or("settings.isolation", "") == "none" ||
      spec.text_or("settings.isolation", "") == "full") {
    return {};
  }
  return {{"settings.isolation", fmt::format("must be 'full' or 'none', got '{}'",
                                             spec.text_or("settings.isolation", "a secret"))}};
}

std::vector<FieldProblem> check_ignored_paths(const Field& spec_field, const Value& spec) {
  std::vector<FieldProblem> problems;
  const Value* paths = spec.find("ignore");
  for (std::size_t i = 0; paths != nullptr && i < paths->size(); ++i) {
    const std::string& path = paths->as_list()[i].as_text();
    const Field* field = path.empty() ? nullptr : spec_field.at_path(path);
    if (field == nullptr || !field->arrives_with.empty()) {
      problems.push_back({fmt::format("ignore[{}]", i),
                          fmt::format("must be the path of a field of the spec, such as 'env' or "
                                      "'resources.memory', got '{}'",
                                      path)});
    }
  }
  return problems;
}

}  // namespace croft
