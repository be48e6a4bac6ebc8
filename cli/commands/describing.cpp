#include "cli/commands/commands.hpp"
#include "core/manifest/reference.hpp"
#include "core/manifest/schema.hpp"
#include "core/resource/kind.hpp"

namespace croft::cli {

namespace {

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const Kind kind : all_kinds()) names.emplace_back(to_string(kind));
  return names;
}

Result<int> schema(const Invocation& invocation) {
  // The parser lets only names of kinds through.
  const auto kind = kind_from(invocation.arguments.text("KIND"));
  const Value document = kind ? manifest::schema_of(*kind) : manifest::schema_of_all();
  invocation.terminal.out << to_pretty_json(document) << '\n';
  return 0;
}

Result<int> explain(const Invocation& invocation) {
  const std::string path = invocation.arguments.text("FIELD");
  if (path.empty()) {
    invocation.terminal.out << manifest::reference_markdown();
    return 0;
  }
  TRY_ASSIGN(const std::string text, manifest::explain(path));
  invocation.terminal.out << text << (text.ends_with('\n') ? "" : "\n");
  return 0;
}

}  // namespace

void add_describing(std::vector<Command>& commands) {
  const std::string group = "Write manifests";
  commands.push_back({.name = "explain",
                      .summary = "Show what a kind or a field of it means",
                      .description = "Without a field, the whole reference is printed as Markdown.",
                      .group = group,
                      .positionals = {{.name = "FIELD", .help = "Kind, or path of a field in it."}},
                      .examples = {"croft explain Instance", "croft explain Instance.spec.health"},
                      .run = explain});
  commands.push_back({.name = "schema",
                      .summary = "Print the JSON Schema of manifests, for editors",
                      .group = group,
                      .positionals = {{.name = "KIND",
                                       .help = "Only this kind.",
                                       .fallback = "a schema for all of them",
                                       .completes = Completes::Choices,
                                       .choices = kind_names()}},
                      .outputs = {"json"},
                      .examples = {"croft schema > croft.schema.json"},
                      .run = schema});
}

}  // namespace croft::cli
