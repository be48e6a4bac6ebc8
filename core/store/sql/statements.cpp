#include "core/store/sql/statements.hpp"

#include <array>

#include <fmt/format.h>

namespace croft::sql {

namespace {

std::string compose_events_statement(bool by_tenant, bool by_subject, bool is_forward) {
  std::string text =
      "SELECT sequence, happened_at, tenant, subject, severity, reason, message, revision FROM "
      "events "
      "WHERE sequence ";
  text += is_forward ? "> $1" : "< $1";
  if (by_tenant) text += " AND tenant = $2";
  if (by_subject) text += by_tenant ? " AND subject = $3" : " AND subject = $2";
  text += is_forward ? " ORDER BY sequence" : " ORDER BY sequence DESC";
  text += by_tenant && by_subject   ? " LIMIT $4"
          : by_tenant || by_subject ? " LIMIT $3"
                                    : " LIMIT $2";
  return text;
}

/// The statement with "VALUES ($1, $2, ...)" said of arrays.
RowsAtOnce put_many(std::string_view one, std::string_view types) {
  std::string arrays;
  for (std::size_t i = 0; i < types.size(); ++i) {
    arrays += fmt::format("{}unnest(${}::{}[])", i == 0 ? "" : ", ", i + 1,
                          types[i] == 'i' ? "bigint" : "text");
  }
  const std::size_t values = one.find("VALUES (");
  const std::size_t end = one.find(')', values) + 1;
  return {one, fmt::format("{}SELECT {}{}", one.substr(0, values), arrays, one.substr(end)), types};
}

}  // namespace

std::span<const RowsAtOnce> rows_at_once() {
  static const std::array<RowsAtOnce, 7> kForms{
      put_many(kPutSource, "ttttttti"),
      put_many(kPutResource, "ttttttttttttttiii"),
      put_many(kPutIntent, "ttttttttttti"),
      put_many(kPutUsage, "tttitiiiit"),
      put_many(kPutDelivery, "tttititttttiiitii"),
      RowsAtOnce{kAppendEvent, std::string(kAppendEvents), "itttttt", false},
      RowsAtOnce{kAppendNotification, std::string(kAppendNotifications), "titttt", false}};
  return kForms;
}

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
