#include "core/manifest/reference.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/resource/field.hpp"
#include "core/resource/kinds.hpp"

namespace croft::manifest {

namespace {

// The fields that stand directly below one, through the elements of lists and maps.
const std::vector<Field>& fields_below(const Field& field) {
  const Field* here = &field;
  while (here->element != nullptr) here = here->element.get();
  return here->fields;
}

std::string bounds_of(const Field& field) {
  const bool is_number = field.type == FieldType::Integer || field.type == FieldType::Duration ||
                         field.type == FieldType::Bytes || field.type == FieldType::Cpu;
  if (!is_number || (!field.minimum && !field.maximum)) return "";
  const auto print = [&](std::int64_t number) { return print_value(field, Value(number), false); };
  if (field.minimum && field.maximum)
    return fmt::format("{} to {}", print(*field.minimum), print(*field.maximum));
  return field.minimum ? fmt::format("at least {}", print(*field.minimum))
                       : fmt::format("at most {}", print(*field.maximum));
}

// "text, required", "duration, default 10s".
std::string facts_of(const Field& field) {
  std::string facts = type_name(field);
  if (!field.choices.empty()) facts = fmt::format("one of `{}`", fmt::join(field.choices, "`, `"));
  const Field& value = field.element != nullptr ? *field.element : field;
  if (value.allows_secret) facts += " or `{secret: NAME}`";
  if (field.required) facts += ", required";
  if (field.fallback && field.type != FieldType::Object)
    facts += fmt::format(", default `{}`", print_value(field, *field.fallback, false));
  const std::string bounds = bounds_of(field);
  if (!bounds.empty()) facts += fmt::format(", {}", bounds);
  if (field.effect == ChangeEffect::Replace) facts += ", a change replaces what runs";
  return facts;
}

std::string without_backquotes(std::string text) {
  std::erase(text, '`');
  return text;
}

void explain_fields(const std::vector<Field>& fields, std::string& text) {
  std::size_t width = 0;
  for (const Field& field : fields) width = std::max(width, field.name.size());
  for (const Field& field : fields) {
    const std::string facts = field.arrives_with.empty() ? without_backquotes(facts_of(field))
                                                         : "arrives with a later version of Croft";
    text += fmt::format("  {:<{}}  {}\n", field.name, width, facts);
    if (!field.help.empty())
      text += fmt::format("  {:<{}}  {}\n", "", width, without_backquotes(field.help));
  }
}

std::string explain_field(std::string_view title, const Field& field, std::string_view help) {
  std::string text = fmt::format("{}: {}\n", title, without_backquotes(facts_of(field)));
  if (!help.empty()) text += fmt::format("\n{}\n", without_backquotes(std::string(help)));
  if (!field.example.empty())
    text += fmt::format("\nFor example:\n  {}: {}\n", field.name, field.example);
  if (!field.arrives_with.empty())
    text += fmt::format("\nIt comes with {}, in a later version of Croft.\n", field.arrives_with);
  const auto& below = fields_below(field);
  if (!below.empty()) {
    text += "\nFields:\n";
    explain_fields(below, text);
  }
  return text;
}

std::string all_kind_names() {
  std::string names;
  for (const Kind kind : all_kinds())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", to_string(kind));
  return names;
}

Error unknown_field(std::string_view path, const Field& root, std::string_view rest) {
  // Walks as far as the path is good, then suggests among what is there.
  const Field* here = &root;
  while (true) {
    const std::string_view step = rest.substr(0, rest.find('.'));
    const auto& below = fields_below(*here);
    const auto next = std::ranges::find(below, step, &Field::name);
    if (next == below.end() || step.size() == rest.size()) {
      std::vector<std::string_view> names;
      for (const Field& field : below) names.push_back(field.name);
      std::string hint = did_you_mean(step, names);
      if (hint.empty())
        hint =
            names.empty() ? "it has no fields" : fmt::format("there is {}", fmt::join(names, ", "));
      return Error(ErrorCode::NotFound, fmt::format("there is no field '{}'", path))
          .with_hint(std::move(hint));
    }
    here = &*next;
    rest.remove_prefix(step.size() + 1);
  }
}

void table_of(const Field& root, const std::string& prefix, std::string& text) {
  for (const Field& field : fields_below(root)) {
    if (!field.arrives_with.empty()) continue;
    const std::string path = prefix.empty() ? field.name : fmt::format("{}.{}", prefix, field.name);
    const Field* inner = &field;
    std::string suffix;
    for (; inner->element != nullptr; inner = inner->element.get())
      suffix += inner->type == FieldType::List ? "[]" : ".NAME";
    std::string help = field.help;
    if (!field.example.empty())
      help += fmt::format(" For example `{}: {}`.", field.name, field.example);
    text += fmt::format("| `{}` | {} | {} |\n", path, facts_of(field), help);
    table_of(field, path + (inner->fields.empty() ? "" : suffix), text);
  }
}

std::string later_fields(const Field& root) {
  std::string names;
  for (const Field& field : root.fields) {
    if (!field.arrives_with.empty())
      names += fmt::format("{}`{}`", names.empty() ? "" : ", ", field.name);
  }
  return names;
}

constexpr std::string_view kPreface =
    "# Manifest reference\n\n"
    "<!-- Generated from the field descriptions in core/resource; UPDATE_GOLDEN=1 on "
    "manifest_tests rewrites it. -->\n\n"
    "A manifest is a YAML file with any number of resources, one a document. Every resource has "
    "the same frame:\n\n"
    "```yaml\n"
    "apiVersion: croft/v1\n"
    "kind: Site\n"
    "metadata: {name: blog}\n"
    "spec:\n"
    "  files: {path: public}\n"
    "```\n\n"
    "Every `*.yaml` and `*.yml` file of a source is looked at, in any directory. A document with "
    "`apiVersion: croft/v1` is a\n"
    "resource; files without one are left alone. A document that names a kind of Croft's but no "
    "apiVersion is an error, unless\n"
    "it lies below a directory that some `files.path` names.\n\n"
    "The field decides what a value is, not YAML: where text is expected, `no`, `012` and `1e3` "
    "are text. Durations are written\n"
    "`250ms`, `90s`, `15m`, `1h30m`, `30d`; sizes `256MiB` (powers of 1024) or `10GB` (powers of "
    "1000); cpu `250m` or `0.25`.\n"
    "A file has at most 1 MiB, a source at most 10,000 documents, a value at most 64 levels. "
    "Aliases work within a document;\n"
    "merge keys (`<<`), tags and tabs in the indentation are errors.\n";

void write_kind(Kind kind, std::string& text) {
  const Field& spec = spec_of(kind);
  const bool is_operators = scope_of(kind) == KindScope::Operator;
  text += fmt::format(
      "\n## {}\n\n{} Declared {}.\n\n| field of `spec` | what it takes | what it means "
      "|\n|---|---|---|\n",
      to_string(kind), help_of(kind),
      scope_of(kind) == KindScope::Anybody ? "in either repository"
      : is_operators                       ? "in the platform repository"
                                           : "in a tenant's repository");
  table_of(spec, "", text);
  const std::string later = later_fields(spec);
  if (!later.empty()) text += fmt::format("\nKnown, but of a later version: {}.\n", later);
}

}  // namespace

Result<std::string> explain(std::string_view path) {
  const std::size_t dot = std::min(path.find('.'), path.size());
  const std::string_view kind_name = path.substr(0, dot);
  const auto kind = kind_from(kind_name);
  if (!kind) {
    std::vector<std::string_view> names;
    for (const Kind one : all_kinds()) names.push_back(to_string(one));
    std::string hint = did_you_mean(kind_name, names);
    if (hint.empty()) hint = "there is " + all_kind_names();
    return fail(Error(ErrorCode::NotFound, fmt::format("there is no kind '{}'", kind_name))
                    .with_hint(std::move(hint)));
  }
  std::string_view rest = path.substr(std::min(dot + 1, path.size()));
  const bool is_metadata = rest == "metadata" || rest.starts_with("metadata.");
  const Field& root = is_metadata ? metadata_of_resources() : spec_of(*kind);
  const std::string_view part = is_metadata ? "metadata" : "spec";
  if (rest == part || rest.starts_with(std::string(part) + "."))
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  if (rest.empty())
    return explain_field(path, root, is_metadata ? std::string_view(root.help) : help_of(*kind));
  const Field* field = root.at_path(rest);
  if (field == nullptr) return fail(unknown_field(path, root, rest));
  return explain_field(path, *field, field->help);
}

std::string reference_markdown() {
  std::string text(kPreface);
  text +=
      "\n## metadata\n\n| field of `metadata` | what it takes | what it means |\n|---|---|---|\n";
  table_of(metadata_of_resources(), "", text);
  for (const Kind kind : all_kinds()) write_kind(kind, text);
  return text;
}

}  // namespace croft::manifest
