// What is sent, judged by the reference verifier of Standard Webhooks and the schemas of
// CloudEvents and of docs/events (tests/vendors/judge.mjs).

#include <cstdlib>
#include <filesystem>

#include "core/base/child.hpp"
#include "core/resource/event_type.hpp"
#include "reconciler/notify/what_happened.hpp"
#include "tests/reconciler/notify/dispatcher_fixture.hpp"

namespace croft::notify {
namespace {

namespace fs = std::filesystem;

const fs::path kVendors = fs::path(CROFT_SOURCE) / "tests" / "vendors";

fs::path specs() {
  const char* folder = std::getenv("CROFT_VENDOR_SPECS");
  return folder != nullptr ? folder : CROFT_VENDOR_SPECS;
}

class JudgeTest : public DispatcherTest {
 protected:
  void SetUp() override {
    if (!fs::exists(kVendors / "node_modules" / "standardwebhooks"))
      GTEST_SKIP() << "the packages of tests/vendors are not installed; ./dev test does it";
    if (!fs::exists(cloud_events()))
      GTEST_SKIP() << "there is no schema of CloudEvents in " << specs();
  }

  static fs::path cloud_events() { return specs() / "cloudevents" / "cloudevents-schema.json"; }

  ChildOutput judge(const std::vector<std::string>& secrets, const std::vector<Received>& got) {
    Value deliveries = Value::list();
    for (const Received& one : got) {
      Value headers = Value::map();
      for (const char* name : {"webhook-id", "webhook-timestamp", "webhook-signature"})
        headers.set(name, one.headers.value_or(name, ""));
      deliveries.push_back(Value::map({{"headers", headers}, {"body", one.body}}));
    }
    Value keys = Value::list();
    for (const std::string& secret : secrets) keys.push_back(secret);
    ChildCommand command;
    command.arguments = {"node", (kVendors / "judge.mjs").string()};
    command.input =
        to_json(Value::map({{"secrets", keys},
                            {"cloudEvents", cloud_events().string()},
                            {"schemas", (fs::path(CROFT_SOURCE) / "docs/events").string()},
                            {"deliveries", deliveries}}));
    return run_child(command).value();
  }

  /// One of each type, as the engine makes them.
  void tell_all() {
    Transaction transaction;
    for (const EventType& type : event_types()) {
      NotificationRow row = example_of(type);
      row.id = random_.id();
      transaction.add(AppendNotification{std::move(row)});
    }
    ASSERT_TRUE(run(store_->commit(std::move(transaction))).has_value());
    dispatcher_->wake("alice");
  }

 private:
  static NotificationRow example_of(const EventType& type) {
    const Timestamp now(Duration(1'700'000'000'000));
    NotificationRow row = about_webhook(std::string(type.name), ref("ops"), Severity::Warning,
                                        "Reason", "message", now);
    if (type.topic == EventTopic::Usage) {
      EventRow event;
      event.time = now;
      event.tenant = "alice";
      event.subject = "alice";
      event.reason = "UsageThreshold";
      event.message = "memory reached 80%";
      return about_quota(event, {"memory", 80, "13GiB", "16GiB"});
    }
    if (type.topic == EventTopic::Source) {
      Value data = *row.data;
      data.set("source", "alice/main");
      data.set("revision", "8d1c0aa");
      row.data = std::make_shared<const Value>(std::move(data));
    }
    return row;
  }
};

TEST_F(JudgeTest, AcceptsEventsOfEveryTypeSignedWithBothKeys) {
  declare({webhook("ops", serve("ops"))});
  const std::string old_key = key_of("ops");
  const std::string new_key = run(dispatcher_->rotate(ref("ops"))).value();
  tell_all();
  expect_received("ops", event_types().size());
  const ChildOutput verdict = judge({new_key, old_key}, received_["ops"]);
  EXPECT_EQ(verdict.status, 0) << verdict.output << verdict.error;
}

TEST_F(JudgeTest, RefusesAnotherKeyAndAChangedBody) {
  declare({webhook("ops", serve("ops"))});
  tell("alice/Instance/api");
  expect_received("ops", 1);
  const ChildOutput verdict = judge({key_of("ops")}, received_["ops"]);
  ASSERT_EQ(verdict.status, 0) << verdict.output << verdict.error;
  EXPECT_EQ(judge({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, received_["ops"]).status, 1);
  std::vector<Received> changed = received_["ops"];
  changed[0].body += " ";
  EXPECT_EQ(judge({key_of("ops")}, changed).status, 1);
}

}  // namespace
}  // namespace croft::notify
