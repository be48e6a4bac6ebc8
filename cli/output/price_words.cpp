#include "cli/output/price_words.hpp"

#include <fmt/format.h>

namespace croft::cli {

std::string signed_amount(const Money& money) {
  const std::string amount = format_amount(money);
  return money.minor < 0 ? amount : "+" + amount;
}

std::string change_phrase(const plans::ChangePrice& price) {
  const bool is_moved = price.before.minor != 0 && price.after.minor != 0 && price.delta.minor != 0;
  if (!is_moved) return signed_amount(price.delta);
  return fmt::format("{} → {}  {}", format_amount(price.before), format_amount(price.after),
                     signed_amount(price.delta));
}

std::string total_phrase(const ChangesetPrice& price) {
  return fmt::format("{} → {} {}/month ({})", format_amount(price.before),
                     format_amount(price.after), price.after.currency, signed_amount(price.delta));
}

std::string basis_phrase(const ChangesetPrice& price) {
  const std::string basis = price.basis.empty() ? "" : price.basis + ", by ";
  return fmt::format("Basis: {}rule {}.", basis, price.rule);
}

std::string quota_phrase(const std::vector<plans::QuotaUse>& quotas) {
  if (quotas.empty()) return "";
  std::vector<std::string> parts;
  for (const plans::QuotaUse& use : quotas)
    parts.push_back(fmt::format("{} {}/{}{}", use.name, use.used, use.limit,
                                use.is_exceeded ? " (exceeded)" : ""));
  return fmt::format("Quota after: {}.", fmt::join(parts, ", "));
}

std::string refusal_phrase(const Problem& refusal) {
  std::string text = refusal.message;
  if (!refusal.ref.name.empty()) text = local_name(refusal.ref) + ": " + text;
  if (!refusal.place.empty()) text = refusal.place + ": " + text;
  return refusal.hint.empty() ? text : text + "; " + refusal.hint;
}

}  // namespace croft::cli
