#include "providers/fake/fake_provider.hpp"

#include <chrono>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include "core/base/clock.hpp"

namespace croft {
namespace {

class FakeProviderTest : public testing::Test {
 protected:
  template <typename T>
  std::optional<Result<T>> run(Task<Result<T>> task) {
    std::optional<Result<T>> result;
    context_.restart();
    asio::co_spawn(context_, std::move(task), [&](std::exception_ptr failure, Result<T> value) {
      if (!failure) result = std::move(value);
    });
    // A call that hangs leaves nothing to do but a timer without an end.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!result && !is_hung_ && std::chrono::steady_clock::now() < deadline) {
      context_.run_one_for(std::chrono::milliseconds(10));
    }
    return result;
  }

  static Effect effect(const std::string& uid, const std::string& intent) {
    Effect effect;
    effect.uid = uid;
    effect.intent = intent;
    effect.ref = Ref{"alice", Kind::Instance, uid};
    effect.spec = std::make_shared<const Value>(Value::map({{"env", Value::map({{"A", "1"}})}}));
    effect.spec_digest = "digest";
    return effect;
  }

  ManualClock clock_;
  bool is_hung_ = false;
  asio::io_context context_;
  std::shared_ptr<FakeWorld> world_ = std::make_shared<FakeWorld>(clock_);
  FakeProvider provider_{world_};
};

TEST_F(FakeProviderTest, FailsTheNthCallOnly) {
  world_->add({.verb = FakeVerb::Create, .nth = 2, .fault = FakeFault::Fail});
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  EXPECT_FALSE(*run(provider_.create(effect("b", "2"))));
  EXPECT_TRUE(*run(provider_.create(effect("b", "2"))));
  EXPECT_EQ(world_->effects(), 2u);
  EXPECT_EQ(world_->calls_of(FakeVerb::Create), 3u);
}

TEST_F(FakeProviderTest, ALostReplyIsDoneAllTheSame) {
  world_->add({.verb = FakeVerb::Create, .fault = FakeFault::LoseReply});
  EXPECT_FALSE(*run(provider_.create(effect("a", "1"))));
  EXPECT_NE(world_->find("a"), nullptr);
}

TEST_F(FakeProviderTest, CreatingAgainUnderAnotherIntentIsCountedAsADouble) {
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  EXPECT_TRUE(world_->doubles().empty());
  EXPECT_TRUE(*run(provider_.create(effect("a", "2"))));
  EXPECT_EQ(world_->doubles(), std::vector<std::string>{"a"});
}

TEST_F(FakeProviderTest, OrphansAreWhatNobodyKnows) {
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  EXPECT_TRUE(*run(provider_.create(effect("b", "2"))));
  EXPECT_EQ(world_->orphans({"a"}), std::vector<std::string>{"b"});
}

TEST_F(FakeProviderTest, LatePastTheDeadlineDoesNothing) {
  world_->add({.verb = FakeVerb::Create, .fault = FakeFault::Late, .delay = Duration(60'000)});
  Effect hurried = effect("a", "1");
  hurried.deadline = Duration(20);
  const auto done = run(provider_.create(std::move(hurried)));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->error().code(), ErrorCode::Timeout);
  EXPECT_EQ(world_->find("a"), nullptr);
}

TEST_F(FakeProviderTest, LateWithinTheDeadlineIsDone) {
  world_->add({.verb = FakeVerb::Create, .fault = FakeFault::Late, .delay = Duration(20)});
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  EXPECT_NE(world_->find("a"), nullptr);
}

TEST_F(FakeProviderTest, HangsBeforeOrAfterTheEffect) {
  for (const FakeFault fault : {FakeFault::HangBefore, FakeFault::HangAfter}) {
    is_hung_ = false;
    std::string at;
    world_->on_hang = [&](const FakeCall& call) {
      is_hung_ = true;
      at = call.intent;
    };
    world_->add({.verb = FakeVerb::Create, .fault = fault});
    const std::string uid = fault == FakeFault::HangBefore ? "a" : "b";
    EXPECT_FALSE(run(provider_.create(effect(uid, "intent"))));
    EXPECT_EQ(at, "intent");
    EXPECT_EQ(world_->find(uid) != nullptr, fault == FakeFault::HangAfter);
  }
}

TEST_F(FakeProviderTest, AFrozenWorldAnswersWithThePast) {
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  world_->freeze();
  EXPECT_TRUE(*run(provider_.create(effect("b", "2"))));
  EXPECT_EQ((*run(provider_.observe()))->size(), 1u);
  world_->thaw();
  EXPECT_EQ((*run(provider_.observe()))->size(), 2u);
}

TEST_F(FakeProviderTest, UpdatesLeaveFieldsAloneThatNobodyDeclared) {
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  world_->set_field("a", "env.REGION", "cdg");
  Effect changed = effect("a", "2");
  changed.spec = std::make_shared<const Value>(Value::map({{"env", Value::map({{"B", "2"}})}}));
  EXPECT_TRUE(*run(provider_.update(std::move(changed))));
  EXPECT_EQ(to_json(*world_->find("a")->observed.fields), R"({"env":{"B":"2","REGION":"cdg"}})");
}

TEST_F(FakeProviderTest, ChangesByThemselvesAreSeenAndTold) {
  std::vector<std::string> heard;
  provider_.on_change([&](const std::string& uid) { heard.push_back(uid); });
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  world_->end_process("a");
  EXPECT_EQ(world_->find("a")->observed.phase, Phase::Stopped);
  world_->vanish("a");
  EXPECT_EQ(world_->find("a"), nullptr);
  EXPECT_EQ(heard.size(), 3u);
}

TEST_F(FakeProviderTest, SlowThingsRunAfterSomeObservations) {
  world_->observes_until_running = 2;
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  EXPECT_EQ((*run(provider_.observe()))->front().phase, Phase::Starting);
  EXPECT_EQ((*run(provider_.observe()))->front().phase, Phase::Running);
}

TEST_F(FakeProviderTest, KeepsLogsAndRunsCommandsInside) {
  EXPECT_TRUE(*run(provider_.create(effect("a", "1"))));
  for (const char* line : {"one", "two", "three"}) world_->write_log("a", line);
  std::string text;
  LogSink sink = [&](std::string_view part) {
    text += part;
    return true;
  };
  EXPECT_TRUE(*run(provider_.logs({.uid = "a", .last_lines = 2}, sink)));
  EXPECT_EQ(text, "two\nthree\n");
  EXPECT_EQ(**run(provider_.exec("a", {"read", "data", "x"}, Duration(1000))), 1);
}

}  // namespace
}  // namespace croft
