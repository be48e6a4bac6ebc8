#include "reconciler/records.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "reconciler/digest.hpp"
#include "reconciler/world.hpp"

namespace croft {

namespace {

using testing::IsEmpty;
using testing::SizeIs;

/// "update Webhook/ops url: A -> B", one a line.
std::string text_of(const std::vector<RecordChange>& changes) {
  std::string text;
  for (const RecordChange& change : changes) {
    text += fmt::format("{} {}", to_string(change.action), local_name(change.ref));
    for (const FieldChange& field : change.fields)
      text += fmt::format(" {}: {} -> {}", field.path, field.before.value_or("none"),
                          field.after.value_or("none"));
    text += "\n";
  }
  return text;
}

const Ref kWebhook{"alice", Kind::Webhook, "ops"};
const Ref kSecret{"alice", Kind::Secret, "api"};

std::shared_ptr<const Value> spec(const Value& value) {
  return std::make_shared<const Value>(value);
}

std::shared_ptr<const Value> webhook(const std::string& url) {
  return spec(Value::map({{"url", url}}));
}

std::shared_ptr<const Value> sealed(const std::string& text) {
  return spec(Value::map({{"values", Value::map({{"value", "sealed:v1:" + text}})}}));
}

Resource resource(const Ref& ref, std::shared_ptr<const Value> of) {
  Resource made;
  made.ref = ref;
  made.spec = std::move(of);
  return made;
}

TEST(RecordsTest, WhatIsNewOtherOrGoneIsAChange) {
  const Records before{{kSecret, sealed("a")}, {kWebhook, webhook("https://a.example")}};
  EXPECT_THAT(diff_records(before, before), IsEmpty());
  EXPECT_THAT(diff_records({{kSecret, sealed("a")}}, {{kSecret, sealed("a")}}), IsEmpty())
      << "the same in another place";
  const auto created = diff_records({}, before);
  ASSERT_THAT(created, SizeIs(2));
  EXPECT_EQ(created[0].action, Action::Create);
  EXPECT_EQ(text_of(diff_records(
                before, {{kSecret, sealed("a")}, {kWebhook, webhook("https://b.example")}})),
            "update Webhook/ops url: \"https://a.example\" -> \"https://b.example\"\n");
  EXPECT_EQ(text_of(diff_records(before, {{kSecret, sealed("a")}})), "destroy Webhook/ops\n");
}

TEST(RecordsTest, CiphertextIsNotRepeated) {
  EXPECT_EQ(text_of(diff_records({{kSecret, sealed("a")}}, {{kSecret, sealed("b")}})),
            "update Secret/api values.value: (sealed) -> (sealed anew)\n");
  EXPECT_EQ(text_of(diff_records({}, {{kSecret, sealed("a")}})),
            "create Secret/api values.value: none -> (sealed)\n");
}

TEST(RecordsTest, AFileIsItsContent) {
  const auto records_of = [](const std::string& text) {
    Records records;
    add_records(records,
                {resource(kSecret, spec(Value::map({{"file", "s.enc.yaml"}}))),
                 resource({"alice", Kind::Site, "blog"}, spec(Value::map()))},
                {{"s.enc.yaml", text}});
    return records;
  };
  EXPECT_THAT(records_of("one"), SizeIs(1)) << "a Site is no record";
  EXPECT_THAT(diff_records(records_of("one"), records_of("one")), IsEmpty());
  const auto changed = diff_records(records_of("one"), records_of("two"));
  ASSERT_THAT(changed, SizeIs(1));
  ASSERT_THAT(changed[0].fields, SizeIs(1));
  EXPECT_EQ(changed[0].fields[0].path, "content");
}

TEST(RecordsTest, TheDigestOfAChangesetCoversThemWhereTheyDiffer) {
  World world;
  world.tenant = "alice";
  const std::string nothing = digest_of(world);
  world.records_before = world.records = {{kWebhook, webhook("https://a.example")}};
  EXPECT_EQ(digest_of(world), nothing);
  world.records = {{kWebhook, webhook("https://b.example")}};
  const std::string changed = digest_of(world);
  EXPECT_NE(changed, nothing);
  world.records = {{kWebhook, webhook("https://c.example")}};
  EXPECT_NE(digest_of(world), changed);
  EXPECT_TRUE(has_changes(diff(world)));
}

}  // namespace

}  // namespace croft
