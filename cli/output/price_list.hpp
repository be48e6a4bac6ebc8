#pragma once

#include <string>

#include "cli/output/terminal.hpp"
#include "reconciler/pricing.hpp"

namespace croft::cli {

/// The lines of the first plan's price, as `croft price` shows them.
std::string price_text(const PriceList& list, const Terminal& terminal);
/// A line a plan: what it costs, and what it would not allow.
void print_comparison(const PriceList& list, const Terminal& terminal);

}  // namespace croft::cli
