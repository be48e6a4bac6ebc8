#include "cli/lua/pricing_bench.hpp"

#include <array>

#include <fmt/format.h>

#include "cli/lua/adapter_bench.hpp"
#include "core/base/units.hpp"

namespace croft::cli {

namespace {

constexpr std::int64_t kMostMonths = 1200;

Value example_price() {
  return Value::map({{"amount", "9.00"}, {"currency", "USD"}, {"per", "month"}});
}

/// What is not given stays unknown, as for a rule.
Result<plans::Usage> usage_of(const Value& given, std::string_view what) {
  static constexpr std::array<std::string_view, 4> kKeys = {"active_seconds", "storage_bytes",
                                                            "egress_bytes", "requests"};
  TRY(check_keys(given, what, kKeys));
  plans::Usage usage;
  const auto take = [&](std::string_view key, std::optional<std::int64_t>& into) -> Result<void> {
    if (given.find(key) == nullptr) return {};
    TRY_ASSIGN(into, count_of(given, key, what, 0));
    return {};
  };
  TRY(take("active_seconds", usage.active_seconds));
  TRY(take("storage_bytes", usage.storage_bytes));
  TRY(take("egress_bytes", usage.egress_bytes));
  TRY(take("requests", usage.requests));
  return usage;
}

Result<plans::PricedResource> resource_of(const Value& given, std::size_t number,
                                          const Value& usage, plans::Period period) {
  static constexpr std::array<std::string_view, 9> kKeys = {
      "ref",          "kind",          "name",  "provider", "cpu_millis",
      "memory_bytes", "storage_bytes", "hosts", "usage"};
  const std::string what = fmt::format("resources[{}]", number);
  TRY(check_keys(given, what, kKeys));
  const std::string ref =
      given.text_or("ref", given.text_or("kind", "Instance") + "/" + given.text_or("name", "web"));
  plans::PricedResource resource;
  TRY_ASSIGN(resource.footprint.ref, while_doing(parse_ref(ref, "test"), what));
  resource.footprint.provider = given.text_or("provider", "local");
  plans::Footprint& footprint = resource.footprint;
  TRY_ASSIGN(footprint.cpu_millis, count_of(given, "cpu_millis", what, 250));
  TRY_ASSIGN(footprint.memory_bytes, count_of(given, "memory_bytes", what, 128 << 20));
  TRY_ASSIGN(footprint.storage_bytes, count_of(given, "storage_bytes", what, 1 << 30));
  TRY_ASSIGN(footprint.hosts, count_of(given, "hosts", what, 0));
  Value its = Value::map({{"storage_bytes", footprint.storage_bytes}});
  if (footprint.ref.kind == Kind::Instance) its.set("active_seconds", period.seconds());
  TRY_ASSIGN(const Value own, map_of(given.find("usage"), what + ".usage"));
  for (const Value* part : {&usage, &own}) {
    for (const Value::Entry& entry : part->as_map()) its.set(entry.key, entry.value);
  }
  TRY_ASSIGN(resource.usage, usage_of(its, "usage"));
  return resource;
}

Value form_of(const plans::Quote& quote) {
  Value lines = Value::list();
  for (const plans::QuoteLine& line : quote.lines) {
    Value form = Value::map({{"text", line.text}, {"amount", format_amount(line.amount)}});
    for (const auto& [key, text] :
         {std::pair<const char*, const std::string&>{"resource", line.resource},
          {"meter", line.meter},
          {"rate", line.rate},
          {"quantity", line.quantity},
          {"unit", line.unit}}) {
      if (!text.empty()) form.set(key, text);
    }
    lines.push_back(std::move(form));
  }
  Value notices = Value::list();
  for (const std::string& notice : quote.notices) notices.push_back(notice);
  return Value::map({{"total", format_amount(quote.total)},
                     {"currency", quote.total.currency},
                     {"lines", std::move(lines)},
                     {"notices", std::move(notices)}});
}

}  // namespace

Result<PricingBench> PricingBench::make(std::string file, std::string source,
                                        std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(plans::Pricer pricer, plans::Pricer::make(std::move(coverage)));
  return PricingBench(std::move(file), std::move(source), std::move(pricer));
}

Result<plans::PlanTerms> PricingBench::terms_of(const Value* plan) const {
  static constexpr std::array<std::string_view, 5> kKeys = {"name", "price", "includes", "rates",
                                                            "quotas"};
  TRY_ASSIGN(Value spec, map_of(plan, "plan"));
  TRY(check_keys(spec, "plan", kKeys));
  if (spec.find("price") == nullptr) spec.set("price", example_price());
  // Sizes may be written as in a manifest.
  if (Value* includes = spec.find("includes")) {
    for (const char* key : {"storage", "egress"}) {
      const Value* size = includes->find(key);
      if (size == nullptr || !size->is_text()) continue;
      TRY_ASSIGN(const Bytes bytes,
                 while_doing(parse_bytes(size->as_text()), fmt::format("plan.includes.{}", key)));
      includes->set(key, bytes.count);
    }
  }
  const std::string name = spec.text_or("name", "example");
  spec.erase("name");
  spec.set("rules", file_);
  return plans::make_terms(name, std::make_shared<const Value>(std::move(spec)),
                           [this](std::string_view) -> Result<std::string> { return source_; });
}

Result<void> PricingBench::check() {
  TRY_ASSIGN(const plans::PlanTerms terms, terms_of(nullptr));
  return pricer_.check(terms);
}

Result<Value> PricingBench::answer(const Value& given) {
  static constexpr std::array<std::string_view, 4> kKeys = {"plan", "resources", "usage", "months"};
  TRY_ASSIGN(const Value order, map_of(&given, "what is priced"));
  TRY(check_keys(order, "what is priced", kKeys));
  plans::Period period;
  TRY_ASSIGN(period.months, count_of(order, "months", "quote", 1));
  if (period.months < 1 || period.months > kMostMonths)
    return fail(ErrorCode::Invalid, fmt::format("months must be from 1 to {}", kMostMonths));
  TRY_ASSIGN(const plans::PlanTerms terms, terms_of(order.find("plan")));
  TRY_ASSIGN(const Value usage, map_of(order.find("usage"), "usage"));
  Value resources = Value::list();
  if (const Value* list = order.find("resources")) {
    if (!list->is_list()) return fail(ErrorCode::Invalid, "resources must be a list");
    resources = *list;
  } else {
    resources.push_back(Value::map());
  }
  plans::PricedSet set;
  for (const Value& one : resources.as_list()) {
    TRY_ASSIGN(const Value map, map_of(&one, "a resource"));
    TRY_ASSIGN(const plans::PricedResource priced, resource_of(map, set.size() + 1, usage, period));
    set.add(priced);
  }
  const Result<plans::Quote> quote = pricer_.quote(terms, set, period);
  if (quote) return Value::map({{"value", form_of(*quote)}});
  return failed_answer(quote.error(), file_);
}

}  // namespace croft::cli
