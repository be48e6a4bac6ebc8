#include "gateway/api/price_forms.hpp"

namespace croft {

namespace {

/// Reads the amounts of a form, all in one currency.
class AmountReader {
 public:
  explicit AmountReader(FormReader& form) : form_(form), currency_(form.text("currency")) {}

  Money read(std::string_view field) {
    const std::string text = form_.text(field);
    Result<Money> money = parse_money(text, currency_);
    if (money) return std::move(*money);
    form_.refuse(field, "is no amount: " + money.error().message());
    return {};
  }

 private:
  FormReader& form_;
  std::string currency_;
};

Value texts(const std::vector<std::string>& list) {
  Value out = Value::list();
  for (const std::string& text : list) out.push_back(text);
  return out;
}

Result<std::string> text_of(const Value& form) {
  if (!form.is_text()) return fail(ErrorCode::Invalid, "expected a text");
  return form.as_text();
}

Value to_form(const plans::QuoteLine& line) {
  return Value::map({{"text", line.text},
                     {"resource", line.resource},
                     {"meter", line.meter},
                     {"rate", line.rate},
                     {"quantity", line.quantity},
                     {"per", line.per},
                     {"unit", line.unit},
                     {"amount", format_amount(line.amount)},
                     {"currency", line.amount.currency}});
}

Result<plans::QuoteLine> line_from_form(const Value& form) {
  FormReader reader(form, "a line");
  plans::QuoteLine line;
  line.text = reader.text("text");
  line.resource = reader.text_or("resource", "");
  line.meter = reader.text_or("meter", "");
  line.rate = reader.text_or("rate", "");
  line.quantity = reader.text_or("quantity", "");
  line.per = reader.integer_or("per", 1);
  line.unit = reader.text_or("unit", "");
  line.amount = AmountReader(reader).read("amount");
  return reader.finish(std::move(line));
}

/// The form that stands there, or null if there is none.
const Value* part(FormReader& form, std::string_view field) {
  const Value* found = form.find(field);
  if (found == nullptr || found->is_null()) return nullptr;
  if (found->is_map()) return found;
  form.refuse(field, "is no object");
  return nullptr;
}

Result<plans::ChangePrice> read_change_price(const Value& form) {
  FormReader reader(form, "a price");
  AmountReader amounts(reader);
  plans::ChangePrice price;
  price.before = amounts.read("before");
  price.after = amounts.read("after");
  price.delta = amounts.read("delta");
  return reader.finish(std::move(price));
}

Result<ChangesetPrice> read_changeset_price(const Value& form) {
  FormReader reader(form, "a price");
  AmountReader amounts(reader);
  ChangesetPrice price;
  price.rule = reader.text_or("rule", "");
  price.before = amounts.read("before");
  price.after = amounts.read("after");
  price.delta = amounts.read("delta");
  price.shared = amounts.read("shared");
  price.lines = reader.list("lines", line_from_form);
  price.basis = reader.text_or("basis", "");
  price.notices = reader.list("notices", text_of);
  price.unpriced = reader.list("unpriced", text_of);
  return reader.finish(std::move(price));
}

/// What is read, or nothing after refusing the field.
template <typename Price>
std::optional<Price> optional_part(FormReader& form, Result<Price> (*read)(const Value&)) {
  const Value* found = part(form, "price");
  if (found == nullptr) return std::nullopt;
  Result<Price> price = read(*found);
  if (price) return std::move(*price);
  form.refuse("price", price.error().describe());
  return std::nullopt;
}

}  // namespace

Value to_form(const std::optional<plans::ChangePrice>& price) {
  if (!price) return {};
  return Value::map({{"currency", price->after.currency},
                     {"before", format_amount(price->before)},
                     {"after", format_amount(price->after)},
                     {"delta", format_amount(price->delta)}});
}

Value to_form(const std::optional<ChangesetPrice>& price) {
  if (!price) return {};
  Value lines = Value::list();
  for (const plans::QuoteLine& line : price->lines) lines.push_back(to_form(line));
  return Value::map({{"currency", price->after.currency},
                     {"per", "month"},
                     {"rule", price->rule},
                     {"before", format_amount(price->before)},
                     {"after", format_amount(price->after)},
                     {"delta", format_amount(price->delta)},
                     {"shared", format_amount(price->shared)},
                     {"lines", std::move(lines)},
                     {"basis", price->basis},
                     {"notices", texts(price->notices)},
                     {"unpriced", texts(price->unpriced)}});
}

Value to_form(const plans::QuotaUse& use) {
  return Value::map({{"quota", use.name},
                     {"used", use.used},
                     {"limit", use.limit},
                     {"exceeded", use.is_exceeded}});
}

Value to_form(const Problem& refusal) {
  return Value::map({{"ref", refusal.ref.name.empty() ? "" : to_string(refusal.ref)},
                     {"path", refusal.path},
                     {"message", refusal.message},
                     {"hint", refusal.hint},
                     {"place", refusal.place}});
}

namespace {

Value to_form(const PlanPrice& price) {
  Value lines = Value::list();
  Value refusals = Value::list();
  if (price.quote) {
    for (const plans::QuoteLine& line : price.quote->lines) lines.push_back(to_form(line));
  }
  for (const Problem& refusal : price.refusals) refusals.push_back(to_form(refusal));
  return Value::map(
      {{"plan", price.plan},
       {"isCurrent", price.is_current},
       {"rule", price.rule},
       {"currency", price.quote ? price.quote->total.currency : ""},
       {"total", price.quote ? Value(format_amount(price.quote->total)) : Value()},
       {"lines", std::move(lines)},
       {"notices", texts(price.quote ? price.quote->notices : std::vector<std::string>())},
       {"problem", price.problem},
       {"refusals", std::move(refusals)},
       {"unpriced", texts(price.unpriced)}});
}

Result<PlanPrice> plan_price_from_form(const Value& form) {
  FormReader reader(form, "a plan's price");
  PlanPrice price;
  price.plan = reader.text("plan");
  price.is_current = reader.boolean_or("isCurrent", false);
  price.rule = reader.text_or("rule", "");
  price.problem = reader.text_or("problem", "");
  price.refusals = reader.list("refusals", refusal_from_form);
  price.unpriced = reader.list("unpriced", text_of);
  if (reader.optional_text("total")) {
    plans::Quote quote;
    quote.total = AmountReader(reader).read("total");
    quote.lines = reader.list("lines", line_from_form);
    quote.notices = reader.list("notices", text_of);
    price.quote = std::move(quote);
  }
  return reader.finish(std::move(price));
}

}  // namespace

Value to_form(const PriceList& list) {
  Value plans = Value::list();
  for (const PlanPrice& price : list.plans) plans.push_back(to_form(price));
  return Value::map({{"per", "month"}, {"plans", std::move(plans)}, {"basis", list.basis}});
}

Result<PriceList> price_list_from_form(const Value& form) {
  FormReader reader(form, "a price list");
  PriceList list;
  list.plans = reader.list("plans", plan_price_from_form);
  list.basis = reader.text_or("basis", "");
  return reader.finish(std::move(list));
}

Value to_form(const SupposedUsage& supposed) {
  Value form = Value::map();
  const auto put = [&](std::string_view name, std::optional<std::int64_t> amount) {
    if (amount) form.set(name, *amount);
  };
  put("hours", supposed.hours);
  put("storage", supposed.storage_bytes);
  put("egress", supposed.egress_bytes);
  put("requests", supposed.requests);
  return form;
}

Result<SupposedUsage> supposed_from_form(const Value& form) {
  FormReader reader(form, "a usage");
  SupposedUsage supposed;
  const auto take = [&](std::string_view name, std::optional<std::int64_t>& amount) {
    if (reader.find(name) == nullptr) return;
    amount = reader.integer_or(name, 0);
    if (*amount < 0) reader.refuse(name, "is negative");
  };
  take("hours", supposed.hours);
  take("storage", supposed.storage_bytes);
  take("egress", supposed.egress_bytes);
  take("requests", supposed.requests);
  return reader.finish(std::move(supposed));
}

std::optional<plans::ChangePrice> change_price_from_form(FormReader& change) {
  return optional_part(change, read_change_price);
}

std::optional<ChangesetPrice> changeset_price_from_form(FormReader& changeset) {
  return optional_part(changeset, read_changeset_price);
}

Result<plans::QuotaUse> quota_use_from_form(const Value& form) {
  FormReader reader(form, "a quota");
  plans::QuotaUse use;
  use.name = reader.text("quota");
  use.used = reader.text("used");
  use.limit = reader.text("limit");
  use.is_exceeded = reader.boolean_or("exceeded", false);
  return reader.finish(std::move(use));
}

Result<Problem> refusal_from_form(const Value& form) {
  FormReader reader(form, "a refusal");
  Problem refusal;
  if (!reader.text_or("ref", "").empty()) refusal.ref = reader.ref("ref");
  refusal.path = reader.text_or("path", "");
  refusal.message = reader.text("message");
  refusal.hint = reader.text_or("hint", "");
  refusal.place = reader.text_or("place", "");
  return reader.finish(std::move(refusal));
}

}  // namespace croft
