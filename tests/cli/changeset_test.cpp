#include <gtest/gtest.h>

#include "cli/output/changeset_text.hpp"
#include "cli/output/changeset_words.hpp"
#include "cli/output/terraform.hpp"
#include "tests/cli/captured_terminal.hpp"
#include "tests/cli/golden.hpp"

namespace croft::cli {
namespace {

Ref ref(Kind kind, const std::string& name) { return {"alice", kind, name}; }

std::shared_ptr<const Value> spec(
    std::initializer_list<std::pair<std::string_view, Value>> entries) {
  return std::make_shared<const Value>(Value::map(entries));
}

Change make(const Ref& of, Action action, std::string reason, std::string why) {
  Change change;
  change.ref = of;
  change.uid = "uid-" + of.name;
  change.action = action;
  change.provider = of.kind == Kind::Site ? "site" : "local";
  change.reason = std::move(reason);
  change.why = std::move(why);
  return change;
}

/// One of everything that experience.md shows.
Changeset make_changeset() {
  Changeset changeset;
  changeset.tenant = "alice";
  changeset.plan = "studio";
  changeset.before = "3f2a9c1b5d7e8f90a1b2c3d4e5f60718293a4b5c";
  changeset.after = "working tree";
  changeset.digest = "7c1e09ab42d1" + std::string(52, '0');

  Change update = make(ref(Kind::Instance, "api"), Action::Update, "SpecChanged", "spec changed");
  update.fields = {{"resources.memory", "128MiB", "256MiB"},
                   {"env.GREETING", "\"hello\"", "\"hi\""},
                   {"health.http", std::nullopt, "/healthz"}};
  update.before = spec({{"resources", Value::map({{"memory", 134217728}})}});
  update.after = spec({{"resources", Value::map({{"memory", 268435456}})}});
  Change create =
      make(ref(Kind::Instance, "worker"), Action::Create, "Declared", "new in alice/main");
  create.fields = {{"command", std::nullopt, "python3 worker.py"}};
  create.after = spec({{"command", Value(Value::List{"python3", "worker.py"})}});
  Change moved = make(ref(Kind::Instance, "db"), Action::Replace, "ProviderChanged",
                      "moves from local to fly; volume data stays behind");
  moved.loses_data = true;
  moved.provider_before = "local";
  moved.provider = "fly";
  Change drift = make(ref(Kind::Instance, "report"), Action::Start, "Drifted",
                      "drifted: its process is gone since 12 min");
  drift.is_drift = true;
  Change adopt =
      make(ref(Kind::Site, "docs"), Action::Adopt, "Declared", "runs as declared already");
  adopt.after = spec({{"retain", 5}});
  Change destroy = make(ref(Kind::Site, "old"), Action::Destroy, "Removed",
                        "removed from alice/main; releases kept for 30 days");
  destroy.before = spec({{"retain", 5}});
  const Change held = make(ref(Kind::Instance, "batch"), Action::Keep, "Held",
                           "held by alice for 2 h (croft stop), left alone");
  const Change kept = make(ref(Kind::Site, "blog"), Action::Keep, "Unchanged", "");
  changeset.changes = {update, create, moved, drift, adopt, destroy, held, kept};
  changeset.records = {
      {ref(Kind::Secret, "api"), Action::Update, {{"values.value", "(sealed)", "(sealed anew)"}}},
      {ref(Kind::Webhook, "ops"), Action::Create, {{"url", std::nullopt, "https://ops.example"}}},
      {ref(Kind::Webhook, "past"), Action::Destroy, {}}};
  changeset.notes = {"source alice/extra failed to load: its 3 resources are left alone"};
  return changeset;
}

Money dollars(std::int64_t minor) { return {minor, "USD"}; }

/// The same with money, quotas and what the plan does not allow.
Changeset make_priced() {
  Changeset changeset = make_changeset();
  const std::int64_t before[] = {360, 0, 180, 360, 0, 50, 200, 0};
  const std::int64_t after[] = {360, 360, 300, 360, 0, 0, 200, 0};
  for (std::size_t i = 0; i < changeset.changes.size(); ++i)
    changeset.changes[i].price = {dollars(before[i]), dollars(after[i]),
                                  dollars(after[i] - before[i])};
  ChangesetPrice price;
  price.rule = "tiered";
  price.before = dollars(1080);
  price.after = dollars(1430);
  price.delta = dollars(350);
  price.shared = dollars(-80);
  price.basis = "40 active hours as in October; always-on (730 h) for what is new";
  price.notices = {"12 hours are past the free 100"};
  price.unpriced = {"egress: not measured yet; `croft price --usage` counts it"};
  price.lines = {{.text = "activeHours",
                  .meter = "activeHours",
                  .rate = "0.04",
                  .quantity = "86400",
                  .per = 3600,
                  .unit = "hour",
                  .amount = dollars(96)}};
  changeset.price = price;
  changeset.quotas = {{"instances", "4", "20", false}, {"memory", "640MiB", "512MiB", true}};
  return changeset;
}

Changeset make_refused() {
  Changeset changeset = make_priced();
  changeset.refusals = {{ref(Kind::Instance, "worker"), "spec",
                         "plan 'studio' allows 512MiB of memory, this asks for 640MiB (512MiB now)",
                         "plan 'large' allows 64GiB of memory", "hosting.yaml:9:5"},
                        {Ref{}, "", "the operator's policy: not on a Friday", ""}};
  return changeset;
}

std::string text_of(const Changeset& changeset, std::size_t width = 0, bool colour = false) {
  CapturedTerminal captured;
  captured.terminal.width = width;
  captured.terminal.has_colour = colour;
  return changeset_text(changeset, captured.terminal);
}

TEST(ChangesetTextTest, ReadsAsExperienceShows) {
  expect_golden("diff.txt", text_of(make_changeset()));
}

TEST(ChangesetTextTest, HasColoursOnATerminal) {
  expect_golden("diff-colour.txt", text_of(make_changeset(), 100, true));
}

TEST(ChangesetTextTest, FitsANarrowTerminal) {
  expect_golden("diff-narrow.txt", text_of(make_changeset(), 60));
}

TEST(ChangesetTextTest, SaysHowToAcceptWhatIsGuarded) {
  Changeset changeset = make_changeset();
  changeset.guard =
      Guard{"DataLoss", "moving alice/Instance/db leaves the data of volume data behind"};
  expect_golden("diff-guarded.txt", text_of(changeset));
}

TEST(ChangesetTextTest, SaysThatNothingWasObserved) {
  Changeset changeset = make_changeset();
  changeset.observed = false;
  changeset.before.clear();
  changeset.changes = {changeset.changes[1]};
  changeset.notes.clear();
  expect_golden("diff-offline.txt", text_of(changeset));
}

TEST(ChangesetTextTest, SaysThatThereIsNothingToDo) {
  Changeset changeset = make_changeset();
  changeset.changes = {changeset.changes.back()};
  changeset.notes.clear();
  expect_golden("diff-nothing.txt", text_of(changeset));
}

TEST(ChangesetTextTest, DoesNotObeyWhatAManifestSays) {
  Changeset changeset = make_changeset();
  changeset.changes[0].fields = {{"env.X", "\"\x1b[2J\"", "\"a\nb\""}};
  const std::string text = text_of(changeset);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("\"a b\""), std::string::npos) << "a field stays on its line";
}

TEST(ChangesetTextTest, ShowsMoneyAndQuotas) {
  expect_golden("diff-priced.txt", text_of(make_priced(), 100));
}

TEST(ChangesetTextTest, SaysWhyThereIsNoPrice) {
  Changeset changeset = make_changeset();
  EXPECT_EQ(text_of(changeset).find("ot priced"), std::string::npos) << "solo: there is no plan";
  EXPECT_EQ(changeset_markdown(changeset).find("ot priced"), std::string::npos);
  changeset.plan = "trial";
  changeset.unpriced = "plan 'trial' has no price";
  EXPECT_NE(text_of(changeset).find("\nNot priced: plan 'trial' has no price\n"), std::string::npos)
      << text_of(changeset);
  EXPECT_NE(changeset_markdown(changeset).find("\nNot priced: plan 'trial' has no price\n"),
            std::string::npos);
  EXPECT_EQ(to_terraform_plan(changeset).text_or("croft.unpriced", ""), changeset.unpriced);
}

TEST(ChangesetTextTest, SaysWhetherAnUpdateLeavesAGap) {
  Changeset changeset = make_changeset();
  changeset.changes = {changeset.changes[0]};
  const auto says = [&](const std::string& words) {
    return text_of(changeset).find(words) != std::string::npos &&
           changeset_markdown(changeset).find(words) != std::string::npos;
  };
  changeset.changes[0].manner = UpdateManner{UpdateWay::InPlace, {}};
  EXPECT_TRUE(says("update in place"));
  changeset.changes[0].manner = UpdateManner{UpdateWay::SideBySide, {}};
  EXPECT_TRUE(says("update without a gap"));
  changeset.changes[0].manner = UpdateManner{UpdateWay::Replace, "it has a host port"};
  EXPECT_TRUE(says("replace with a short gap, because it has a host port"));
  const Value plan = to_terraform_plan(changeset);
  EXPECT_EQ(plan.text_or("resource_changes[0].croft.manner.way", ""), "replace");
}

TEST(ChangesetTextTest, SaysWhatIsRefused) {
  expect_golden("diff-refused.txt", text_of(make_refused(), 80));
}

TEST(ChangesetMarkdownTest, ShowsMoneyQuotasAndRefusals) {
  expect_golden("diff-refused.md", changeset_markdown(make_refused()));
}

TEST(ChangesetMarkdownTest, ReadsWellInAMergeRequest) {
  Changeset changeset = make_changeset();
  changeset.guard =
      Guard{"DataLoss", "moving alice/Instance/db leaves the data of volume data behind"};
  for (int i = 0; i < 8; ++i) {
    changeset.changes[1].fields.push_back(
        {"env.V" + std::to_string(i), std::nullopt, "\"a|b `c` <d>\""});
  }
  expect_golden("diff.md", changeset_markdown(changeset));
}

TEST(TerraformTest, HasTheShapeOfATerraformPlan) {
  expect_golden("diff-plan.json", to_pretty_json(to_terraform_plan(make_changeset())) + "\n");
}

TEST(TerraformTest, HasTheQuoteBesideThePlan) {
  const Value plan = to_terraform_plan(make_refused());
  EXPECT_FALSE(plan.boolean_or("applyable", true)) << "what is refused is not applied";
  EXPECT_EQ(plan.text_or("croft.quote.after", ""), "14.30");
  EXPECT_EQ(plan.text_or("croft.quote.lines[0].amount", ""), "0.96");
  EXPECT_EQ(plan.text_or("resource_changes[1].croft.price.delta", ""), "3.60");
  EXPECT_EQ(plan.text_or("croft.quotas[1].limit", ""), "512MiB");
  EXPECT_EQ(plan.text_or("croft.refusals[0].ref", ""), "alice/Instance/worker");
}

std::string actions_of(Action action) {
  Changeset changeset;
  changeset.changes = {make(ref(Kind::Instance, "x"), action, "", "")};
  return to_json(*to_terraform_plan(changeset).at_path("resource_changes[0].change.actions"));
}

TEST(TerraformTest, UsesTerraformsWordsForActions) {
  EXPECT_EQ(actions_of(Action::Create), R"(["create"])");
  EXPECT_EQ(actions_of(Action::Update), R"(["update"])");
  EXPECT_EQ(actions_of(Action::Start), R"(["update"])");
  EXPECT_EQ(actions_of(Action::Stop), R"(["update"])");
  EXPECT_EQ(actions_of(Action::Replace), R"(["delete","create"])");
  EXPECT_EQ(actions_of(Action::Destroy), R"(["delete"])");
  EXPECT_EQ(actions_of(Action::Adopt), R"(["no-op"])");
  EXPECT_EQ(actions_of(Action::Keep), R"(["no-op"])");
}

TEST(TerraformTest, MarksWhatIsAdoptedAsImported) {
  const Value plan = to_terraform_plan(make_changeset());
  EXPECT_EQ(plan.text_or("resource_changes[4].change.importing.id", ""), "alice/Site/docs");
  EXPECT_EQ(plan.at_path("resource_changes[0].change.importing"), nullptr);
  EXPECT_EQ(plan.text_or("resource_changes[4].croft.action", ""), to_string(Action::Adopt));
}

TEST(ChangesetWordsTest, CountsEveryActionOnce) {
  EXPECT_EQ(count_phrase(make_changeset()),
            "3 to change, 1 to replace, 2 to create, 1 to adopt, 2 to destroy, 2 to keep.");
  EXPECT_EQ(count_phrase(Changeset{}), "No changes.");
}

TEST(ChangesetWordsTest, ShortensCommitsOnly) {
  EXPECT_EQ(short_revision("3f2a9c1b5d7e8f90a1b2c3d4e5f60718293a4b5c"), "3f2a9c1");
  EXPECT_EQ(short_revision("working tree"), "working tree");
  EXPECT_EQ(short_revision("HEAD~1"), "HEAD~1");
}

}  // namespace
}  // namespace croft::cli
