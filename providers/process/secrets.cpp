#include "providers/process/secrets.hpp"

#include <functional>

#include <fmt/format.h>

#include "core/resource/field.hpp"

namespace croft {

namespace {

constexpr std::size_t kLongest = 256 << 10;
constexpr std::size_t kMostOfFiles = 1 << 20;  // they lie in memory

/// Each secret of a spec: "env" or "file", its name there, and the reference.
void for_each(
    const Value& spec,
    const std::function<void(std::string_view, const std::string&, const Value&)>& visit) {
  const auto entries = [&](const char* field, std::string_view key) {
    const Value* map = spec.find(field);
    if (map == nullptr || !map->is_map()) return;
    for (const Value::Entry& entry : map->as_map()) {
      if (!is_secret_reference(entry.value)) continue;
      visit(key, key == "file" ? entry.key.substr(1) : entry.key, entry.value);
    }
  };
  entries("env", "env");
  entries("secretFiles", "file");
}

}  // namespace

std::vector<std::string> secret_names(const Value& spec) {
  std::vector<std::string> names;
  for_each(spec, [&](std::string_view key, const std::string& name, const Value&) {
    names.push_back(fmt::format("{}:{}", key, name));
  });
  return names;
}

Result<std::vector<shim::Line>> secret_lines(const Value& spec, const SecretValues* values) {
  std::vector<shim::Line> lines;
  Result<void> outcome;
  std::size_t of_files = 0;
  for_each(spec, [&](std::string_view key, const std::string& name, const Value& reference) {
    const std::string text = reference.text_or("secret", "");
    const auto found = values == nullptr ? SecretValues::const_iterator() : values->find(text);
    if (values == nullptr || found == values->end()) {
      outcome = fail(ErrorCode::Internal, fmt::format("the secret '{}' is not at hand", text));
      return;
    }
    if (key == "file") of_files += found->second.reveal().size();
    if (found->second.reveal().size() > kLongest || of_files > kMostOfFiles) {
      outcome = fail(ErrorCode::Invalid,
                     fmt::format("the secret '{}' is too large: one has at most 256 KiB, all files "
                                 "of an app together 1 MiB",
                                 text));
      return;
    }
    shim::Line line("secret");
    line.add("name", fmt::format("{}:{}", key, name)).add("value", found->second.reveal());
    lines.push_back(std::move(line));
  });
  TRY(outcome);
  return lines;
}

}  // namespace croft
