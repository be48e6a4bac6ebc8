#pragma once

#include <string>
#include <vector>

#include "reconciler/changeset.hpp"

namespace croft::cli {

// The words for money and quotas, shared by the forms of a changeset.

/// "+3.60", "-3.60", "+0.00".
std::string signed_amount(const Money& money);
/// "+3.60"; "1.80 → 3.00  +1.20" of what costs something both before and after, and not the same.
std::string change_phrase(const plans::ChangePrice& price);
/// "10.80 → 14.40 USD/month (+3.60)".
std::string total_phrase(const ChangesetPrice& price);
/// "Basis: always-on (730 h), by rule hourly."
std::string basis_phrase(const ChangesetPrice& price);
/// "Quota after: instances 4/20, memory 640MiB/16GiB."; empty without quotas.
std::string quota_phrase(const std::vector<plans::QuotaUse>& quotas);
/// "Instance/worker: plan 'hobby' allows 3 instances, ...".
std::string refusal_phrase(const Problem& refusal);

}  // namespace croft::cli
