#include "cli/commands/stalled_sources.hpp"

#include <fmt/format.h>

#include "cli/output/changeset_words.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

Result<void> print_stalled_sources(const Client& client, const Terminal& terminal,
                                   const std::string& tenant) {
  const std::string query = tenant.empty() ? "" : "?tenant=" + percent_encode(tenant);
  TRY_ASSIGN(const Value answer, client.get("/v1/sources" + query));
  TRY_ASSIGN(const auto sources, list_from_form<SourceStatus>(answer, "sources", source_from_form));
  for (const SourceStatus& source : sources) {
    const Condition* stalled = find_condition(source.conditions, "Stalled");
    if (stalled == nullptr || stalled->status != ConditionStatus::True) continue;
    const std::string at = source.applied_revision.empty()
                               ? "nothing of it is applied"
                               : "what runs is still " + short_revision(source.applied_revision);
    terminal.err << terminal.paint(
        Colour::Red,
        fmt::format(
            "\nsource {} is stalled at {} ({}): {}\n", source.key,
            source.attempted_revision.empty() ? "-" : short_revision(source.attempted_revision),
            stalled->reason, at));
    terminal.err << printable(stalled->message) << (stalled->message.ends_with('\n') ? "" : "\n");
  }
  return {};
}

}  // namespace croft::cli
