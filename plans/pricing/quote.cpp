#include "plans/pricing/quote.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/embedded.hpp"
#include "core/base/suggest.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_pricing_library();  // made by croft_embed()
}

namespace croft::plans {

namespace {

constexpr lua::Limits kLimits{.memory_bytes = 16 << 20, .instructions = 5'000'000};
constexpr std::size_t kMostLines = 10'000;
/// Of a quote, in minor units: beyond it, differences of quotes might not be exact.
constexpr std::int64_t kMostMoney = 1'000'000'000'000'000'000;
constexpr std::array<std::string_view, 8> kLineFields = {"amount", "meter",    "per",  "quantity",
                                                         "rate",   "resource", "text", "unit"};

std::optional<std::int64_t> sum(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (!a || !b) return a ? a : b;
  std::int64_t total = 0;
  return __builtin_add_overflow(*a, *b, &total) ? INT64_MAX : total;
}

Value known(std::optional<std::int64_t> quantity) { return quantity ? Value(*quantity) : Value(); }

/// What a rule gets of each resource, of usage and of the period; lua/meta/pricing.lua says it.
const lua::TableShape& resource_shape() {
  static const lua::TableShape shape(
      {"ref", "kind", "name", "provider", "cpu_millis", "memory_bytes", "storage_bytes", "hosts",
       "usage.active_seconds", "usage.storage_bytes", "usage.egress_bytes", "usage.requests"});
  return shape;
}
const lua::TableShape& usage_shape() {
  static const lua::TableShape shape(
      {"active_seconds", "storage_bytes", "egress_bytes", "requests"});
  return shape;
}
const lua::TableShape& period_shape() {
  static const lua::TableShape shape({"months", "hours", "seconds"});
  return shape;
}

std::array<Value, 4> cells_of(const Usage& usage) {
  return {known(usage.active_seconds), known(usage.storage_bytes), known(usage.egress_bytes),
          known(usage.requests)};
}

constexpr std::size_t kFirstOfUsage = 8;  // of the cells of a resource

std::optional<std::int64_t> quantity_in(const Value& cell) {
  return cell.is_integer() ? std::optional(cell.as_integer()) : std::nullopt;
}

Usage usage_in(const lua::Row& row) {
  const Value* cells = &row[kFirstOfUsage];
  return {.active_seconds = quantity_in(cells[0]),
          .storage_bytes = quantity_in(cells[1]),
          .egress_bytes = quantity_in(cells[2]),
          .requests = quantity_in(cells[3])};
}

lua::Row row_of(const PricedResource& resource) {
  const Footprint& footprint = resource.footprint;
  auto cells = std::make_shared<Value[]>(resource_shape().size());
  Value* next = cells.get();
  for (Value cell :
       {Value(local_name(footprint.ref)), Value(to_string(footprint.ref.kind)),
        Value(footprint.ref.name), Value(footprint.provider), Value(footprint.cpu_millis),
        Value(footprint.memory_bytes), Value(footprint.storage_bytes), Value(footprint.hosts)})
    *next++ = std::move(cell);
  std::ranges::move(cells_of(resource.usage), &cells[kFirstOfUsage]);
  return cells;
}

/// Reads one line that a rule returned.
class LineReader {
 public:
  LineReader(const Value& line, std::size_t number, const std::string& currency)
      : line_(line), number_(number), currency_(currency) {}

  Result<QuoteLine> read() {
    if (!line_.is_map()) return refuse("is no table of fields");
    for (const Value::Entry& entry : line_.as_map()) {
      TRY(check_name(entry.key));
    }
    QuoteLine out;
    TRY_ASSIGN(out.text, text("text"));
    TRY_ASSIGN(out.resource, text("resource"));
    TRY_ASSIGN(out.meter, text("meter"));
    TRY_ASSIGN(out.unit, text("unit"));
    if (out.text.empty()) return refuse("needs a text");
    const bool has_amount = line_.find("amount") != nullptr;
    if (has_amount == (line_.find("rate") != nullptr))
      return refuse("needs either an amount, or a rate with a quantity");
    if (has_amount) {
      TRY_ASSIGN(out.amount, amount(*line_.find("amount")));
      return out;
    }
    TRY_ASSIGN(out.rate, decimal("rate"));
    TRY_ASSIGN(out.quantity, decimal("quantity"));
    TRY_ASSIGN(out.per, per());
    Result<Money> money = charge(out.rate, out.quantity, out.per, currency_);
    if (!money) return refuse(money.error().message());
    out.amount = std::move(*money);
    return out;
  }

 private:
  std::unexpected<Error> refuse(std::string_view why) const {
    return fail(ErrorCode::Invalid, fmt::format("{} {}", where(), why));
  }
  std::unexpected<Error> refuse_float(std::string_view field, double number) const {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{}: {} is the float {}", where(), field, number))
            .with_hint("give money and quantities as whole numbers or as texts like \"0.15\": "
                       "floats are not exact"));
  }

  Result<void> check_name(std::string_view name) const {
    if (std::ranges::find(kLineFields, name) != kLineFields.end()) return {};
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} has an unknown field '{}'", where(), name))
            .with_hint(did_you_mean(name, kLineFields)));
  }

  Result<std::string> text(std::string_view field) const {
    const Value* value = line_.find(field);
    if (value == nullptr) return std::string();
    if (!value->is_text()) return refuse(fmt::format("has a '{}' that is no text", field));
    return value->as_text();
  }

  /// Whole numbers are minor units, texts are decimals in major units.
  Result<Money> amount(const Value& value) const {
    if (value.is_integer()) return Money{value.as_integer(), currency_};
    if (value.is_real()) return refuse_float("amount", value.as_real());
    if (!value.is_text()) return refuse("has an amount that is neither a number nor a text");
    Result<Money> money = charge(value.as_text(), "1", 1, currency_);
    if (!money) return refuse(money.error().message());
    return money;
  }

  Result<std::string> decimal(std::string_view field) const {
    const Value* value = line_.find(field);
    if (value == nullptr) return refuse(fmt::format("has a rate, but no {}", field));
    if (value->is_text()) return value->as_text();
    if (value->is_real()) return refuse_float(field, value->as_real());
    if (!value->is_integer())
      return refuse(fmt::format("has a '{}' that is neither a number nor a text", field));
    if (field == "rate")
      return refuse("has a rate that is a number; write it as text, in major units: \"5.00\"");
    return std::to_string(value->as_integer());
  }

  Result<std::int64_t> per() const {
    const Value* value = line_.find("per");
    if (value == nullptr) return 1;
    if (value->is_real()) return refuse_float("per", value->as_real());
    if (!value->is_integer()) return refuse("has a 'per' that is no whole number");
    return value->as_integer();
  }

  std::string where() const { return fmt::format("line {} that it returned", number_); }

  const Value& line_;
  std::size_t number_;
  const std::string& currency_;
};

Result<std::vector<std::string>> read_notices(const Value* notices) {
  std::vector<std::string> texts;
  if (notices == nullptr) return texts;
  if (!notices->is_list()) return fail(ErrorCode::Invalid, "`notices` is no list of texts");
  for (const Value& notice : notices->as_list()) {
    if (!notice.is_text()) return fail(ErrorCode::Invalid, "`notices` is no list of texts");
    texts.push_back(notice.as_text());
  }
  return texts;
}

/// A list of lines, or a table {lines = ..., notices = ...}.
Result<Quote> read_quote(const Value& returned, const std::string& currency) {
  const bool is_table = returned.is_map();
  const Value* lines = is_table ? returned.find("lines") : &returned;
  if (lines == nullptr || !lines->is_list())
    return fail(Error(ErrorCode::Invalid, "it returned no list of lines")
                    .with_hint("return {{text = \"plan\", amount = 2000}}, for example"));
  if (lines->size() > kMostLines)
    return fail(ErrorCode::Invalid, fmt::format("it returned more than {} lines", kMostLines));
  Quote quote;
  quote.total.currency = currency;
  if (is_table) {
    TRY_ASSIGN(quote.notices, read_notices(returned.find("notices")));
  }
  quote.lines.reserve(lines->size());
  for (const Value& line : lines->as_list()) {
    TRY_ASSIGN(QuoteLine read, LineReader(line, quote.lines.size() + 1, currency).read());
    TRY_ASSIGN(quote.total, add_money(quote.total, read.amount));
    if (quote.total.minor > kMostMoney || quote.total.minor < -kMostMoney)
      return fail(ErrorCode::Invalid, "its lines add up to more than Croft can count");
    quote.lines.push_back(std::move(read));
  }
  return quote;
}

}  // namespace

Usage operator+(const Usage& a, const Usage& b) {
  return {.active_seconds = sum(a.active_seconds, b.active_seconds),
          .storage_bytes = sum(a.storage_bytes, b.storage_bytes),
          .egress_bytes = sum(a.egress_bytes, b.egress_bytes),
          .requests = sum(a.requests, b.requests)};
}

void PricedSet::add(const PricedResource& resource) { resources_.push_back(row_of(resource)); }

void PricedSet::replace(std::size_t index, const PricedResource& resource) {
  resources_[index] = row_of(resource);
}

void PricedSet::erase(std::size_t index) {
  resources_.erase(resources_.begin() + static_cast<std::ptrdiff_t>(index));
}

Result<std::unique_ptr<lua::Sandbox>> make_pricing_sandbox(
    std::shared_ptr<lua::Coverage> coverage) {
  const EmbeddedText& library = embedded_pricing_library().front();
  TRY_ASSIGN(lua::Script script,
             lua::Script::compile(std::string(library.name) + ".lua", library.text));
  std::vector<lua::Module> modules{{std::string(library.name), std::move(script)}};
  return lua::Sandbox::make(kLimits, std::move(modules), std::move(coverage));
}

Result<Pricer> Pricer::make(std::shared_ptr<lua::Coverage> coverage) {
  TRY_ASSIGN(std::unique_ptr<lua::Sandbox> sandbox, make_pricing_sandbox(std::move(coverage)));
  return Pricer(std::move(sandbox));
}

namespace {

std::unexpected<Error> in_context(const PlanTerms& terms, Error error) {
  return fail(std::move(error).while_doing(
      fmt::format("pricing plan {} by rule {}", terms.name, terms.rule ? terms.rule->name : "")));
}

/// One Instance that runs all the time: nothing that a rule may count on is missing.
PricedSet example_set(Period period) {
  const Footprint footprint{.ref = {"example", Kind::Instance, "example"},
                            .provider = "local",
                            .cpu_millis = 250,
                            .memory_bytes = 128 << 20,
                            .storage_bytes = 1 << 30};
  const Usage usage{.active_seconds = period.seconds(),
                    .storage_bytes = footprint.storage_bytes,
                    .egress_bytes = 0,
                    .requests = 0};
  const PricedResource example{footprint, usage};
  PricedSet set;
  set.add(example);
  return set;
}

}  // namespace

Result<Quote> Pricer::quote(const PlanTerms& terms, const PricedSet& set, Period period) {
  if (!terms.has_price())
    return in_context(terms, Error(ErrorCode::Invalid, "the plan has no price"));
  Usage total;
  for (const lua::Row& row : set.resources_) total = total + usage_in(row);
  const std::array<Value, 4> usage = cells_of(total);
  const std::array<Value, 3> length = {period.months, period.hours(), period.seconds()};
  const std::vector<lua::Argument> arguments{*terms.seen_by_rule,
                                             {resource_shape(), set.resources_},
                                             {usage_shape(), usage.data()},
                                             {period_shape(), length.data()}};
  Result<Value> returned = sandbox_->call(terms.rule->script, "price", arguments);
  if (!returned) return in_context(terms, std::move(returned.error()));
  Result<Quote> quote = read_quote(*returned, terms.currency);
  if (!quote) return in_context(terms, std::move(quote.error()));
  return quote;
}

Result<void> Pricer::check(const PlanTerms& terms) {
  if (!terms.has_price()) return {};
  Result<Value> api = sandbox_->read(terms.rule->script, "api");
  if (!api) return in_context(terms, std::move(api.error()));
  if (*api != Value(kPricingApi)) {
    return in_context(
        terms,
        Error(ErrorCode::Invalid, fmt::format("it says `api = {}`; this Croft has version {}",
                                              api->is_null() ? "nil" : to_json(*api), kPricingApi))
            .with_hint(
                fmt::format("return {{api = {}, price = function(...) ... end}}", kPricingApi)));
  }
  TRY(quote(terms, example_set({})));
  return {};
}

}  // namespace croft::plans
