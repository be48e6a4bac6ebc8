#include "cli/output/price_list.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "cli/output/table.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kMostTextColumns = 60;

/// "630 hour × 0.005", for lines that have a rate.
std::string computation_of(const plans::QuoteLine& line) {
  if (line.rate.empty()) return "";
  const double units = std::strtod(line.quantity.c_str(), nullptr) / static_cast<double>(line.per);
  return fmt::format("{:.6g} {} × {}", units, line.unit.empty() ? "unit" : line.unit, line.rate);
}

std::string name_of(const plans::QuoteLine& line) {
  return line.resource.empty() ? line.text : fmt::format("{}: {}", line.resource, line.text);
}

std::string amount_line(const std::string& left, const std::string& amount) {
  return fmt::format("  {}  {:>12}\n",
                     pad_text(truncate_text(left, kMostTextColumns), kMostTextColumns), amount);
}

std::string notes_of(const PlanPrice& price) {
  std::string text;
  if (price.quote) {
    for (const std::string& notice : price.quote->notices)
      text += "Price: " + printable(notice) + "\n";
  }
  for (const std::string& what : price.unpriced) text += "Not priced: " + printable(what) + "\n";
  for (const Problem& refusal : price.refusals)
    text += "Not allowed: " + printable(refusal.message) + "\n";
  return text;
}

}  // namespace

std::string price_text(const PriceList& list, const Terminal& terminal) {
  if (list.plans.empty()) return "There is no plan that could price it.\n";
  const PlanPrice& price = list.plans.front();
  if (!price.quote) return fmt::format("plan {}: {}\n", price.plan, printable(price.problem));
  std::string text = terminal.paint(
      Colour::Bold, fmt::format("plan {}, {} a month", price.plan, price.quote->total.currency));
  text += "\n\n";
  for (const plans::QuoteLine& line : price.quote->lines) {
    const std::string computation = computation_of(line);
    const std::string name = pad_text(printable(name_of(line)), 30);
    text += amount_line(computation.empty() ? name : name + "  " + printable(computation),
                        format_amount(line.amount));
  }
  text += amount_line("total", format_amount(price.quote->total)) + "\n";
  if (!list.basis.empty()) text += "Basis: " + printable(list.basis) + ".\n";
  return text + notes_of(price);
}

void print_comparison(const PriceList& list, const Terminal& terminal) {
  Table table({{"PLAN"}, {"A MONTH"}, {"RULE"}, {"", 20}});
  for (const PlanPrice& price : list.plans) {
    std::string remark = price.is_current ? "yours" : "";
    const auto add = [&](const std::string& more) {
      remark += (remark.empty() ? "" : "; ") + more;
    };
    if (!price.problem.empty()) add(printable(price.problem));
    for (const Problem& refusal : price.refusals) add(printable(refusal.message));
    if (price.quote) {
      for (const std::string& notice : price.quote->notices) add(printable(notice));
    }
    table.add({{price.plan, {Colour::Bold}},
               {price.quote ? format_money(price.quote->total) : "-"},
               {price.rule.empty() ? "-" : price.rule},
               {remark}});
  }
  table.print(terminal);
  if (!list.basis.empty()) terminal.out << "\nBasis: " << printable(list.basis) << ".\n";
}

}  // namespace croft::cli
