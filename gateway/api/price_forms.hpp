#pragma once

#include <optional>

#include "gateway/api/form_reader.hpp"
#include "reconciler/pricing.hpp"

namespace croft {

// The parts of a changeset's form that speak of plans. Amounts are decimal texts, "14.40"; the
// currency stands beside them once.

Value to_form(const std::optional<plans::ChangePrice>& price);
Value to_form(const std::optional<ChangesetPrice>& price);
Value to_form(const plans::QuotaUse& use);
Value to_form(const Problem& refusal);

Value to_form(const PriceList& list);
Value to_form(const SupposedUsage& supposed);
Result<PriceList> price_list_from_form(const Value& form);
Result<SupposedUsage> supposed_from_form(const Value& form);

/// Null or absent is none.
std::optional<plans::ChangePrice> change_price_from_form(FormReader& change);
std::optional<ChangesetPrice> changeset_price_from_form(FormReader& changeset);
Result<plans::QuotaUse> quota_use_from_form(const Value& form);
Result<Problem> refusal_from_form(const Value& form);

}  // namespace croft
