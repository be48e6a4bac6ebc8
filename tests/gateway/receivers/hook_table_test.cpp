#include "gateway/receivers/hook_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/receivers/hooks_publisher.hpp"
#include "gateway/receivers/repository_name.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/run_task.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

HookedSource source(const std::string& key, const std::string& url,
                    const std::string& ref = "main") {
  HookedSource made;
  made.key = key;
  made.url = url;
  made.ref = ref;
  made.is_operators = key == "platform";
  return made;
}

const std::string kHosting = "https://git.example.com/alice/hosting.git";
const std::string kOther = "https://git.example.com/alice/other.git";

Delivery push(const std::string& ref, std::vector<std::string> repositories = {kHosting}) {
  Delivery delivery;
  delivery.kind = Delivery::Kind::Push;
  delivery.repositories = std::move(repositories);
  delivery.moves.push_back({ref, "1", "2"});
  return delivery;
}

TEST(HookTableTest, NamesARepositoryTheSameHoweverItIsReached) {
  const RepositoryName name{"git.example.com", "alice/hosting"};
  for (const char* url :
       {"https://git.example.com/alice/hosting.git", "https://Git.Example.com/Alice/Hosting/",
        "https://git.example.com:8443/alice/hosting",
        "ssh://git@git.example.com:2222/alice/hosting.git", "git@git.example.com:alice/hosting.git",
        "git.example.com:alice/hosting", "https://user@git.example.com/alice/hosting.git"}) {
    EXPECT_EQ(repository_name(url), name) << url;
  }
  EXPECT_EQ(repository_name("file:///srv/Git/x.git"), (RepositoryName{"", "srv/Git/x"}));
  EXPECT_EQ(repository_name("/srv/Git/x.git"), (RepositoryName{"", "srv/Git/x"}));
  EXPECT_EQ(repository_name("ssh://[::1]:22/x"), (RepositoryName{"[::1]", "x"}));
  EXPECT_EQ(repository_name(""), RepositoryName{});
}

TEST(HookTableTest, ConcernsOnlySourcesOfThatRepositoryAndRef) {
  const HookTable table{{source("alice/a", kHosting), source("alice/b", kHosting, "dev"),
                         source("bob/c", "git@git.example.com:alice/hosting.git"),
                         source("bob/d", kOther)}};
  const HookedSource& from = table.sources[0];
  EXPECT_THAT(concerned_by(push("refs/heads/main"), from, table),
              ElementsAre(HookNotice{"alice/a"}, HookNotice{"bob/c"}));
  EXPECT_THAT(concerned_by(push("refs/heads/dev"), from, table),
              ElementsAre(HookNotice{"alice/b"}));
  EXPECT_THAT(concerned_by(push("refs/heads/unknown"), from, table), IsEmpty());
  EXPECT_THAT(concerned_by(push("refs/tags/main"), from, table), IsEmpty());
  // The hook stands at another repository of that host.
  EXPECT_THAT(concerned_by(push("refs/heads/main", {kOther}), from, table), IsEmpty());
}

TEST(HookTableTest, FollowsTagsAndHead) {
  const HookTable table{
      {source("a/tag", kHosting, "refs/tags/v1"), source("a/head", kHosting, "HEAD")}};
  EXPECT_THAT(concerned_by(push("refs/tags/v1"), table.sources[0], table),
              ElementsAre(HookNotice{"a/tag"}));
  EXPECT_THAT(concerned_by(push("refs/heads/anything"), table.sources[0], table),
              ElementsAre(HookNotice{"a/head"}));
}

TEST(HookTableTest, TakesARepositoryThatIsCalledOtherwiseThereForTheRightOne) {
  const HookTable table{
      {source("alice/a", "https://mirror.internal/x.git"), source("alice/b", "file:///srv/x.git")}};
  for (const HookedSource& from : table.sources) {
    EXPECT_THAT(concerned_by(push("refs/heads/main"), from, table),
                ElementsAre(HookNotice{from.key}));
  }
}

TEST(HookTableTest, LetsOnlyTheOperatorsHookSpeakForOtherRepositories) {
  const HookTable table{{source("platform", "https://git.example.com/ops/platform.git"),
                         source("alice/a", kHosting), source("bob/b", kOther)}};
  EXPECT_THAT(concerned_by(push("refs/heads/main"), table.sources[0], table),
              ElementsAre(HookNotice{"alice/a"}));
  EXPECT_THAT(concerned_by(push("refs/heads/main"), table.sources[2], table), IsEmpty());
}

TEST(HookTableTest, ConcernsMergeRequestsOnlyWhereTheyAreWanted) {
  HookTable table{{source("alice/a", kHosting), source("alice/b", kHosting)}};
  table.sources[0].wants_merge_requests = true;
  Delivery delivery;
  delivery.kind = Delivery::Kind::MergeRequest;
  delivery.repositories = {kHosting};
  delivery.merge_request = 7;
  delivery.target_ref = "refs/heads/main";
  EXPECT_THAT(concerned_by(delivery, table.sources[0], table),
              ElementsAre(HookNotice{"alice/a", 7}));
  delivery.target_ref = "refs/heads/dev";
  EXPECT_THAT(concerned_by(delivery, table.sources[0], table), IsEmpty());
}

TEST(HookTableTest, ComesBackFromItsFile) {
  HookTable table{{source("platform", kHosting), source("alice/a", kOther, "HEAD")}};
  table.sources[0].hook = Hook{"abc", HookType::Forgejo, "platform-hook", "/run/secrets/hook"};
  table.sources[1].wants_merge_requests = true;
  EXPECT_EQ(read_hook_table(write_hook_table(table)).value(), table);
  for (const char* text : {"", "{}", R"({"version":2,"sources":[]})", R"({"version":1})",
                           R"({"version":1,"sources":[{}]})",
                           R"({"version":1,"sources":[{"key":"a","hook":{"type":"x"}}]})"}) {
    EXPECT_FALSE(read_hook_table(text)) << text;
  }
}

TEST(HookTableTest, GivesIdsThatStayAndThatNobodyCanGuess) {
  const Secret<std::string> key("key");
  EXPECT_EQ(hook_id(key, "alice/a"), hook_id(key, "alice/a"));
  EXPECT_NE(hook_id(key, "alice/a"), hook_id(key, "alice/b"));
  EXPECT_NE(hook_id(key, "alice/a"), hook_id(Secret<std::string>("other"), "alice/a"));
  EXPECT_EQ(hook_id(key, "alice/a").size(), 32u);
  const HookTable none{{source("alice/a", kHosting)}};
  EXPECT_EQ(none.find(""), nullptr);
}

class HooksPublisherTest : public testing::Test {
 protected:
  void declare(const std::string& key, const std::string& type) {
    SourceStatus status;
    status.key = key;
    status.tenant = "alice";
    status.url = kHosting;
    status.ref = "main";
    if (!type.empty()) status.receiver = ReceiverDeclaration{type, "alice-hook"};
    engine.watched.push_back(std::move(status));
    engine.tell();
  }
  std::size_t published() const {
    const Result<std::string> text = read_file(file, 1U << 20U);
    const Result<HookTable> table = text ? read_hook_table(*text) : Result<HookTable>(HookTable{});
    return table ? table->sources.size() : 0;
  }
  bool eventually(std::function<bool()> claim) {
    const auto wait = [](std::function<bool()> holds) -> Task<bool> {
      for (int i = 0; i < 1000 && !holds(); ++i) co_await sleep_for(Duration(5));
      co_return holds();
    };
    return run_task(io, wait(std::move(claim)));
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-hooks").value();
  std::filesystem::path file = directory.path() / "hooks.json";
  SystemRandom random;
  asio::io_context io;
  FakeEngine engine;
  secret::OperatorSecrets secrets{directory.path() / "secrets"};
};

TEST_F(HooksPublisherTest, WritesWhatSourcesDeclareAndEachChange) {
  declare("alice/alice", "github");
  const Secret<std::string> key = hook_key(directory.path() / "hooks.key", random).value();
  HooksPublisher publisher(engine, {file, secrets, directory.path()}, key, io.get_executor());
  ASSERT_TRUE(eventually([&] { return published() == 1; }));
  const HookTable table = read_hook_table(read_file(file, 1U << 20U).value()).value();
  EXPECT_NE(table.find(hook_id(key, "alice/alice")), nullptr);
  declare("alice/more", "");
  ASSERT_TRUE(eventually([&] { return published() == 2; }));
}

TEST_F(HooksPublisherTest, PutsSecretsOfThePlatformWhereTheRoleFindsThem) {
  declare("alice/alice", "github");
  const Secret<std::string> key = hook_key(directory.path() / "hooks.key", random).value();
  const auto secret_file = [&] {
    const Result<std::string> text = read_file(file, 1U << 20U);
    const HookTable table = text ? read_hook_table(*text).value() : HookTable{};
    const HookedSource* source = table.find(hook_id(key, "alice/alice"));
    return source != nullptr ? source->hook->secret_file : "";
  };
  const auto holds = [&](const std::string& text) {
    return [&, text] { return read_file(secret_file(), 100).value_or("") == text; };
  };
  HooksPublisher publisher(engine, {file, secrets, directory.path()}, key, io.get_executor());
  ASSERT_TRUE(eventually([&] { return !secret_file().empty(); }));
  EXPECT_EQ(secret_file(), directory.path() / "secrets" / "alice-hook");
  secrets.replace({{"alice-hook", Secret<std::string>("shared")}});
  engine.tell();
  ASSERT_TRUE(eventually(holds("shared")));
  EXPECT_FALSE(secret_file().starts_with(directory.path().string())) << "on no disk";
  secrets.replace({{"alice-hook", Secret<std::string>("rotated")}});
  engine.tell();
  EXPECT_TRUE(eventually(holds("rotated")));
}

TEST_F(HooksPublisherTest, KeepsItsKey) {
  const std::filesystem::path path = directory.path() / "hooks.key";
  const std::string made = hook_key(path, random).value().reveal();
  EXPECT_EQ(made.size(), 64u);
  EXPECT_EQ(hook_key(path, random).value().reveal(), made);
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace croft
