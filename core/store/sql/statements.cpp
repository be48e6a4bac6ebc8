#include "core/store/sql/statements.hpp"

#include <array>

namespace croft::sql {

namespace {

std::string compose_events_statement(bool by_tenant, bool by_subject, bool is_forward) {
  std::string text =
      "SELECT sequence, happened_at, tenant, subject, severity, reason, message, revision FROM "
      "events "
      "WHERE sequence > $1";
  if (by_tenant) text += " AND tenant = $2";
  if (by_subject) text += by_tenant ? " AND subject = $3" : " AND subject = $2";
  text += is_forward ? " ORDER BY sequence" : " ORDER BY sequence DESC";
  text += by_tenant && by_subject   ? " LIMIT $4"
          : by_tenant || by_subject ? " LIMIT $3"
                                    : " LIMIT $2";
  return text;
}

}  // namespace

std::string_view events_statement(bool by_tenant, bool by_subject, bool is_forward) {
  static const std::array<std::string, 8> kTexts = [] {
    std::array<std::string, 8> texts;
    for (unsigned i = 0; i < texts.size(); ++i) {
      texts[i] = compose_events_statement((i & 1U) != 0, (i & 2U) != 0, (i & 4U) != 0);
    }
    return texts;
  }();
  return kTexts[(by_tenant ? 1U : 0U) + (by_subject ? 2U : 0U) + (is_forward ? 4U : 0U)];
}

}  // namespace croft::sql
