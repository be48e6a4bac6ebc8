// Providers whose adapters are scripts of the platform repository.

#include <algorithm>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/files.hpp"
#include "providers/script/script_provider.hpp"
#include "tests/providers/script/harbor.hpp"
#include "tests/reconciler/engine/daemon.hpp"

namespace croft {
namespace {

using testing::HasSubstr;

std::string harbor_script() {
  return read_file(CROFT_SOURCE "/tests/providers/script/harbor.lua", 1 << 20).value();
}

/// A test bed with Harbor on a thread of its own.
class AdaptersTest : public testing::Test {
 protected:
  AdaptersTest() : guard_(asio::make_work_guard(io_)), harbor(io_) {
    const auto secrets = bed.data.path() / "secrets";
    std::filesystem::create_directories(secrets);
    EXPECT_TRUE(write_file_atomic(secrets / "harbor-token", Harbor::kToken, 0600));
    bed.configure = [this](EngineSettings& settings, const asio::any_io_executor& executor) {
      settings.scripted = std::make_shared<ScriptProviders>(ScriptParts{
          .executor = executor, .clock = bed.clock, .secrets_dir = settings.secrets_dir});
      if (poll_every) settings.platform_interval = *poll_every;
      settings.shipped_scripts = {{"dock", "providers/dock/adapter.lua", harbor_script()}};
    };
    thread_ = std::thread([this] { io_.run(); });
  }
  ~AdaptersTest() override {
    io_.stop();
    thread_.join();
  }

  std::string provider(const std::string& adapter, const std::string& more = "") const {
    return fmt::format(
        "---\napiVersion: croft/v1\nkind: Provider\nmetadata: {{name: cloud}}\nspec:\n  adapter: "
        "{}\n  settings: {{url: \"{}\"{}}}\n  credentials: {{secret: harbor-token}}\n",
        adapter, harbor.url(), more);
  }
  void push(const std::string& yaml, const std::string& script) {
    std::string text = platform_yaml(true) + yaml;
    text.replace(text.find("ALICE"), 5, bed.alice_remote.path().string());
    GitRepository::Files all{{"platform.yaml", text}};
    if (!script.empty()) all.push_back({"adapters/harbor/adapter.lua", script});
    all.insert(all.end(), files.begin(), files.end());
    bed.platform.commit(all);
    bed.platform.push("HEAD:refs/heads/main");
  }
  void push_web(const std::string& command) {
    bed.push_alice(
        {{"web.yaml",
          "apiVersion: croft/v1\nkind: Instance\nmetadata: {name: web}\nspec: {command: [\"" +
              command + "\"], provider: cloud}\n"}});
  }
  static std::string why_stalled(Daemon& daemon) {
    for (const SourceStatus& source : daemon.engine().sources("")) {
      const Condition* stalled = find_condition(source.conditions, "Stalled");
      if (source.tenant.empty() && stalled != nullptr) return stalled->message;
    }
    return "";
  }

  TestBed bed;
  GitRepository::Files files;  ///< beside the script, in the platform's repository
  std::optional<Duration> poll_every;

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_;

 protected:
  Harbor harbor;

 private:
  std::thread thread_;
};

TEST_F(AdaptersTest, AnOwnScriptRunsWhatTenantsDeclare) {
  push(provider("harbor"), harbor_script());
  push_web("server-1");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const ResourceStatus web = daemon.status("alice/Instance/web");
  EXPECT_EQ(find_condition(web.conditions, "Ready")->status, ConditionStatus::True)
      << find_condition(web.conditions, "Ready")->message;
  EXPECT_THAT(web.url, testing::StartsWith("https://"));
  EXPECT_THAT(web.url, HasSubstr(".harbor.example.com"));
  push_web("server-2");
  ASSERT_TRUE(daemon.run_until([&] {
    return daemon.status("alice/Instance/web").spec->text_or("command[0]", "") == "server-2";
  }));
}

TEST_F(AdaptersTest, AShippedOneIsThereByItself) {
  push(provider("dock"), "");
  push_web("server-1");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(find_condition(daemon.status("alice/Instance/web").conditions, "Ready")->status,
            ConditionStatus::True);
}

TEST_F(AdaptersTest, AnUnknownAdapterIsRefusedWithTheOneThatWasMeant) {
  push(provider("harbur"), harbor_script());
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("there is no adapter 'harbur'"));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("did you mean 'harbor'?"));
}

TEST_F(AdaptersTest, SettingsThatTheScriptDoesNotTakeAreRefused) {
  push(provider("harbor", ", regoin: north"), harbor_script());
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("settings.regoin"));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("did you mean 'region'?"));
}

TEST_F(AdaptersTest, AnEditedScriptTakesOverAndABrokenOneDoesNot) {
  push(provider("harbor"), harbor_script());
  push_web("server-1");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());

  push(provider("harbor"), "return {\n  api = 1,\n  create = function( end,\n}\n");
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("adapters/harbor/adapter.lua:3:"));
  push_web("server-2");
  ASSERT_TRUE(daemon.run_until([&] {
    return daemon.status("alice/Instance/web").spec->text_or("command[0]", "") == "server-2";
  })) << "the old one goes on";

  std::string edited = harbor_script();
  edited.replace(edited.find("phase = phases[box.state]"), 25,
                 "message = 'edited', phase = phases[box.state]");
  push(provider("harbor"), edited);
  ASSERT_TRUE(daemon.run_until([&] { return why_stalled(daemon).empty(); }));
  ASSERT_TRUE(daemon.run(daemon.engine().reconcile({"alice", std::nullopt})));
  EXPECT_EQ(daemon.status("alice/Instance/web").message, "edited");
}

TEST_F(AdaptersTest, AnAdapterMayHaveSeveralFiles) {
  std::string script = harbor_script();
  const std::string phases = "local phases = ";
  const auto at = script.find(phases);
  ASSERT_NE(at, std::string::npos);
  const auto end = script.find('\n', at);
  const std::string table = script.substr(at + phases.size(), end - at - phases.size());
  script.replace(at, end - at, "local phases = require 'phases'");
  files = {{"adapters/harbor/phases.lua", "return " + table + "\n"}};
  push(provider("harbor"), script);
  push_web("server-1");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(find_condition(daemon.status("alice/Instance/web").conditions, "Ready")->status,
            ConditionStatus::True);

  files = {{"adapters/harbor/phases.lua", "return {\n"}};
  push(provider("harbor"), script);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("adapters/harbor/phases.lua:"));
}

TEST_F(AdaptersTest, AProviderRunsOnAsItWasIfItsCredentialIsGoneWhenItIsEdited) {
  poll_every = Duration(50);
  push(provider("harbor"), harbor_script());
  push_web("server-1");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());

  const auto credential = bed.data.path() / "secrets" / "harbor-token";
  ASSERT_TRUE(std::filesystem::remove(credential));
  push(provider("harbor", ", region: south"), harbor_script());
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon),
              HasSubstr("provider 'cloud' runs on as it was before its last change"));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("harbor-token"));
  const auto said = [&] {
    return std::ranges::count_if(daemon.events(), [](const EventRow& event) {
      return event.reason == "ProviderNotMade" && event.severity == Severity::Warning;
    });
  };
  push_web("server-2");
  ASSERT_TRUE(daemon.run_until([&] {
    const ResourceStatus web = daemon.status("alice/Instance/web");
    return web.spec->text_or("command[0]", "") == "server-2" &&
           find_condition(web.conditions, "Ready")->status == ConditionStatus::True;
  })) << "the old one goes on";
  EXPECT_EQ(said(), 1) << "once, however often it is tried";

  ASSERT_TRUE(write_file_atomic(credential, Harbor::kToken, 0600));
  ASSERT_TRUE(daemon.run_until([&] { return why_stalled(daemon).empty(); }))
      << "it is made anew without another commit";
}

TEST_F(AdaptersTest, AProviderWithoutItsCredentialSaysSoAndIsMadeOnceItIsThere) {
  poll_every = Duration(50);
  const auto credential = bed.data.path() / "secrets" / "harbor-token";
  ASSERT_TRUE(std::filesystem::remove(credential));
  push(provider("harbor"), harbor_script());
  push_web("server-1");
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.run_until([&] { return !why_stalled(daemon).empty(); }));
  EXPECT_THAT(why_stalled(daemon), HasSubstr("provider 'cloud' cannot be used"));
  ASSERT_TRUE(write_file_atomic(credential, Harbor::kToken, 0600));
  ASSERT_TRUE(daemon.run_until([&] {
    const auto all = daemon.engine().status("alice");
    const Condition* ready =
        all.empty() ? nullptr : find_condition(all.front().conditions, "Ready");
    return ready != nullptr && ready->status == ConditionStatus::True;
  })) << "also what its tenant pushed meanwhile";
  EXPECT_EQ(why_stalled(daemon), "");
}

}  // namespace
}  // namespace croft
