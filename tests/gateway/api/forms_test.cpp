#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/secret.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/price_forms.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const Timestamp kTime(Duration(1'700'000'000'123));

/// What is read back from a form has that form again, also after it was text.
template <typename Thing>
void expect_round_trip(const Thing& thing, Result<Thing> (*read)(const Value&)) {
  const Value form = to_form(thing);
  const Result<Value> parsed = parse_json(to_json(form));
  ASSERT_TRUE(parsed);
  const Result<Thing> back = read(*parsed);
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(to_json(to_form(*back)), to_json(form));
}

DirectiveRow directive() {
  return {
      parse_ref("alice/Site/blog").value(), DirectiveVerb::Suspend, "root", "why", kTime, kTime};
}

ResourceStatus resource() {
  ResourceStatus status;
  status.ref = parse_ref("alice/Site/blog").value();
  status.uid = "u";
  status.provider = "site";
  status.source = "alice/main";
  status.phase = Phase::Asleep;
  status.conditions = {{"Ready", ConditionStatus::True, "Asleep", "it sleeps", kTime}};
  status.attempted_revision = "1";
  status.applied_revision = "2";
  status.url = "http://alice-blog.localhost:8080";
  status.message = "ü";
  status.restarts = 3;
  status.created_at = kTime;
  status.observed_at = kTime;
  status.spec =
      std::make_shared<const Value>(Value::map({{"files", Value::map({{"path", "public"}})}}));
  status.directives = {directive()};
  return status;
}

Money dollars(std::int64_t minor) { return {minor, "USD"}; }

ChangesetPrice price() {
  ChangesetPrice out;
  out.rule = "hourly";
  out.before = dollars(1080);
  out.after = dollars(1440);
  out.delta = dollars(360);
  out.shared = dollars(-5);
  out.lines = {{.text = "active hours",
                .resource = "Instance/api",
                .meter = "activeHours",
                .rate = "0.005",
                .quantity = "3600",
                .per = 3600,
                .unit = "hour",
                .amount = dollars(1)}};
  out.basis = "always-on (730 h)";
  out.notices = {"a notice"};
  out.unpriced = {"egress: not measured yet"};
  return out;
}

Changeset changeset() {
  Changeset out;
  out.refusals = {{parse_ref("alice/Instance/api").value(), "spec", "too many", "another plan"},
                  {Ref{}, "", "nobody's", ""}};
  out.quotas = {{"instances", "4", "3", true}, {"memory", "1GiB", "2GiB", false}};
  out.price = price();
  out.unpriced = "plan 'trial' has no price";
  out.tenant = "alice";
  out.plan = "studio";
  out.before = "3f2a9c1";
  out.after = "working tree";
  out.observed = false;
  out.notes = {"note"};
  out.records = {{parse_ref("alice/Secret/api").value(),
                  Action::Update,
                  {{"values.value", "(sealed)", "(sealed anew)"}}}};
  out.guard = Guard{"DataLoss", "volume data goes"};
  out.digest = std::string(64, '7');
  for (const Action action : {Action::Create, Action::Update, Action::Replace, Action::Start,
                              Action::Stop, Action::Destroy, Action::Adopt, Action::Keep}) {
    Change change;
    change.ref = parse_ref("alice/Instance/api").value();
    change.uid = "u";
    change.action = action;
    change.provider = "local";
    change.provider_before = "fly";
    change.reason = "SpecChanged";
    change.why = "its declaration changed";
    change.fields = {{"env.A", std::nullopt, "\"x\""}, {"env.B", "\"y\"", std::nullopt}};
    change.before = std::make_shared<const Value>(Value::map({{"a", 1}}));
    change.spec_digest = "d";
    change.is_drift = change.loses_data = change.erases_data = change.is_record_only =
        change.stops_first = true;
    change.manner = UpdateManner{UpdateWay::Replace, "it has a host port"};
    change.depends_on = {parse_ref("alice/Site/blog").value()};
    change.price = {dollars(10), dollars(7), dollars(-3)};
    out.changes.push_back(change);
  }
  return out;
}

TEST(FormsTest, ReadBackAsTheyWere) {
  expect_round_trip(ServerVersion{"1.0", "v1", true}, version_from_form);
  expect_round_trip(Condition{"Ready", ConditionStatus::Unknown, "R", "m", kTime},
                    condition_from_form);
  expect_round_trip(directive(), directive_from_form);
  expect_round_trip(resource(), status_from_form);
  expect_round_trip(changeset(), changeset_from_form);
  expect_round_trip(
      SourceStatus{"alice/main", "alice", "/u", "main", "1", "2", resource().conditions, kTime},
      source_from_form);
  const EventRow event{7, kTime, "alice", "alice/Site/blog", Severity::Warning, "R", "m\n\"", "r"};
  expect_round_trip(event, event_from_form);
  EXPECT_EQ(event_from_form(to_form(event)).value(), event);
  expect_round_trip(TokenSummary{"id", "n", "alice", kTime, std::nullopt}, token_from_form);
  expect_round_trip(ResourceDetail{resource(), {event}, "tail"}, detail_from_form);
}

TEST(FormsTest, KeepEveryFieldOfAChangeset) {
  const Changeset before = changeset();
  const Changeset after = changeset_from_form(to_form(before)).value();
  EXPECT_EQ(after.guard, before.guard);
  EXPECT_EQ(after.notes, before.notes);
  EXPECT_EQ(after.observed, before.observed);
  EXPECT_EQ(after.refusals, before.refusals);
  EXPECT_EQ(after.quotas, before.quotas);
  EXPECT_EQ(after.records, before.records);
  EXPECT_EQ(after.price, before.price);
  EXPECT_EQ(after.unpriced, before.unpriced);
  ASSERT_THAT(after.changes, SizeIs(8));
  for (std::size_t i = 0; i < after.changes.size(); ++i) {
    EXPECT_EQ(after.changes[i].action, before.changes[i].action);
    EXPECT_EQ(after.changes[i].fields, before.changes[i].fields);
    EXPECT_EQ(*after.changes[i].before, *before.changes[i].before);
    EXPECT_EQ(after.changes[i].after, nullptr);
    EXPECT_EQ(after.changes[i].depends_on, before.changes[i].depends_on);
    EXPECT_EQ(after.changes[i].price, before.changes[i].price);
    EXPECT_EQ(after.changes[i].manner, before.changes[i].manner);
    EXPECT_TRUE(after.changes[i].stops_first && after.changes[i].is_record_only &&
                after.changes[i].is_drift);
  }
}

TEST(FormsTest, KeepEveryFieldOfAPriceList) {
  PlanPrice priced{.plan = "studio", .is_current = true, .rule = "tiered"};
  priced.quote = plans::Quote{price().lines, dollars(1), {"a notice"}};
  priced.unpriced = {"requests: not measured yet"};
  PlanPrice unpriced{.plan = "free", .problem = "the plan has no price"};
  unpriced.refusals = {{parse_ref("alice/Instance/api").value(), "spec", "too many", ""}};
  const PriceList list{.plans = {priced, unpriced}, .basis = "always-on (730 h)"};
  EXPECT_EQ(price_list_from_form(to_form(list)).value(), list);

  const SupposedUsage supposed{.hours = 20, .storage_bytes = 5, .requests = 0};
  EXPECT_EQ(supposed_from_form(to_form(supposed)).value(), supposed);
  EXPECT_EQ(supposed_from_form(Value::map()).value(), SupposedUsage{});
  EXPECT_FALSE(supposed_from_form(Value::map({{"hours", -1}})));
}

TEST(FormsTest, MoneyThatIsNoneIsRefused) {
  Value form = to_form(changeset());
  form.find("price")->set("delta", "3.6000");
  const auto read = changeset_from_form(form);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().describe(), testing::HasSubstr("too many digits"));
}

TEST(FormsTest, IgnoreFieldsOfANewerServerAndMissingOptionalOnes) {
  Value form = to_form(resource());
  form.set("invented", 1);
  EXPECT_TRUE(status_from_form(form));
  for (const char* field : {"url", "spec", "observedAt", "directives", "restarts", "message"})
    form.erase(field);
  EXPECT_TRUE(status_from_form(form));
}

TEST(FormsTest, NameWhatIsWrong) {
  Value form = to_form(resource());
  form.set("phase", "Levitating");
  EXPECT_THAT(status_from_form(form).error().describe(), HasSubstr("'phase'"));
  form = to_form(resource());
  form.set("createdAt", "yesterday");
  EXPECT_THAT(status_from_form(form).error().describe(), HasSubstr("'createdAt'"));
  form = to_form(resource());
  form.erase("ref");
  EXPECT_THAT(status_from_form(form).error().describe(),
              HasSubstr("'ref' of a resource is missing"));
  form = to_form(resource());
  form.set("conditions", Value(Value::List{Value::map({{"type", 1}})}));
  EXPECT_THAT(status_from_form(form).error().describe(), HasSubstr("'type' of a condition"));
  EXPECT_FALSE(status_from_form(Value("x")));
  EXPECT_FALSE(detail_from_form(Value::map()));
  EXPECT_FALSE(list_from_form(Value::map({{"resources", 1}}), "resources", status_from_form));
}

TEST(FormsTest, ErrorsCrossTheWireWithoutSecrets) {
  remember_secret(Secret<std::string>("hunter2-hunter2"));
  const Error error =
      Error(ErrorCode::Conflict, "it moved to hunter2-hunter2").with_hint("look again");
  const std::string body = to_json(to_form(error));
  EXPECT_THAT(body, Not(HasSubstr("hunter2")));
  EXPECT_EQ(error_from_answer(409, body).code(), ErrorCode::Conflict);
  EXPECT_EQ(error_from_answer(409, body).hint(), "look again");
}

TEST(FormsTest, AnAnswerOfAnotherServerIsAnErrorToo) {
  EXPECT_EQ(error_from_answer(404, "<html>").code(), ErrorCode::NotFound);
  EXPECT_EQ(error_from_answer(502, "").code(), ErrorCode::Unavailable);
  EXPECT_EQ(error_from_answer(401, "{}").code(), ErrorCode::Denied);
  EXPECT_EQ(error_from_answer(418, "[]").code(), ErrorCode::Invalid);
  EXPECT_THAT(error_from_answer(502, "").message(), HasSubstr("502"));
}

}  // namespace
}  // namespace croft
