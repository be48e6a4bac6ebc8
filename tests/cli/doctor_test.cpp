#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/doctor/clock.hpp"
#include "cli/doctor/machine.hpp"
#include "cli/doctor/places.hpp"
#include "cli/doctor/services.hpp"
#include "core/base/files.hpp"
#include "core/secret/keyring.hpp"
#include "core/store/sqlite.hpp"
#include "tests/cli/command_line.hpp"

namespace croft::cli {

namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using Level = Finding::Level;

/// A finding of that level that says so, and, if it is bad, what to do.
MATCHER_P2(Finds, level, text, "") {
  return arg.level == level && arg.what.find(text) != std::string::npos &&
         (level == Level::Ok) == arg.advice.empty();
}

MachineFacts good_machine() {
  MachineFacts facts;
  facts.controllers = "cpuset cpu io memory hugetlb pids";
  facts.forwards = 1;
  facts.watches = 65'536;
  facts.watch_instances = 1'024;
  facts.open_files = 1U << 20U;
  facts.has_docker_socket = true;
  facts.docker = "Docker 20.10.24, API 1.41";
  return facts;
}

std::vector<Finding> judged(const MachineFacts& facts) {
  std::vector<Finding> findings;
  judge_machine(facts, findings);
  return findings;
}

TEST(DoctorTest, FindsNothingWrongWithAGoodMachine) {
  EXPECT_THAT(judged(good_machine()), Each(Field(&Finding::level, Level::Ok)));
}

TEST(DoctorTest, NamesWhatTheMachineLacks) {
  const auto without = [](const std::function<void(MachineFacts&)>& change) {
    MachineFacts facts = good_machine();
    change(facts);
    return judged(facts);
  };
  EXPECT_THAT(without([](auto& facts) { facts.controllers.reset(); }),
              Contains(Finds(Level::Fail, "no cgroups are mounted")));
  EXPECT_THAT(without([](auto& facts) { facts.controllers = "cpuset cpu io"; }),
              Contains(Finds(Level::Fail, "lacks memory, pids")));
  EXPECT_THAT(without([](auto& facts) { facts.forwards = 0; }),
              Contains(Finds(Level::Warn, "ip_forward is off")));
  EXPECT_THAT(without([](auto& facts) { facts.open_files = 1'024; }),
              Contains(Finds(Level::Warn, "may open 1024 files only")));
  EXPECT_THAT(without([](auto& facts) { facts.watches = 100; }),
              Contains(Finds(Level::Warn, "max_user_watches is 100")));
  EXPECT_THAT(without([](auto& facts) { facts.watch_instances = 8; }),
              Contains(Finds(Level::Warn, "max_user_instances is 8")));
  EXPECT_THAT(without([](auto& facts) { facts.missing = {{"namespaces", "no bwrap"}}; }),
              Contains(Finds(Level::Warn, "namespaces: no bwrap")));
  EXPECT_THAT(without([](auto& facts) { facts.missing_programs = {"git"}; }),
              Contains(Finds(Level::Fail, "'git' is not installed")));
  EXPECT_THAT(without([](auto& facts) { facts.missing_verifiers = {"gpgv"}; }),
              Contains(Finds(Level::Warn, "'gpgv' is not installed")));
  EXPECT_THAT(without([](auto& facts) { facts.needs_ssh = true; }),
              Contains(Finds(Level::Fail, "ssh knows no host")));
  EXPECT_THAT(without([](auto& facts) { facts.docker_error = "no access"; }),
              Contains(Finds(Level::Warn, "does not answer: no access")));
}

TEST(DoctorTest, ReadsTheKernelsFiles) {
  const TemporaryDirectory root = TemporaryDirectory::make("croft-doctor-").value();
  const auto put = [&](const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root.path() / file).parent_path());
    ASSERT_TRUE(write_file_atomic(root.path() / file, text, 0644).has_value());
  };
  put("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  put("proc/sys/net/ipv4/ip_forward", "1\n");
  put("proc/self/mountinfo", "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  put("proc/sys/fs/inotify/max_user_watches", "77\n");
  const MachineFacts facts = read_machine(root.path(), "git@example.com:alice/hosting.git");
  EXPECT_EQ(facts.controllers, "cpu memory pids");
  EXPECT_EQ(facts.cgroups, 2);
  EXPECT_EQ(facts.forwards, 1);
  EXPECT_EQ(facts.watches, 77);
  EXPECT_FALSE(facts.watch_instances.has_value());
  EXPECT_TRUE(facts.needs_ssh);
  EXPECT_FALSE(facts.has_docker_socket);
  EXPECT_GT(facts.open_files, 0U);
}

TEST(DoctorTest, TakesTheCgroupsOfBefore) {
  const TemporaryDirectory root = TemporaryDirectory::make("croft-doctor-").value();
  std::filesystem::create_directories(root.path() / "proc/self");
  ASSERT_TRUE(write_file_atomic(root.path() / "proc/self/mountinfo",
                                "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                "31 25 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
                                0644));
  const MachineFacts facts = read_machine(root.path(), "/srv/platform");
  EXPECT_EQ(facts.cgroups, 1);
  EXPECT_THAT(facts.controllers.value_or(""), HasSubstr(" memory pids"));
  EXPECT_THAT(judged(facts), Contains(Finds(Level::Fail, "cgroup v1 lacks cpu")));
}

TEST(DoctorTest, JudgesTheClock) {
  const auto judge = [](ClockFacts facts) {
    std::vector<Finding> findings;
    judge_clock(facts, findings);
    return findings.front();
  };
  EXPECT_THAT(judge({true, true, 0.01}), Finds(Level::Ok, "within 10 ms"));
  EXPECT_THAT(judge({true, true, 3}), Finds(Level::Warn, "may be off by 3.0 s"));
  EXPECT_THAT(judge({true, false, 0}), Finds(Level::Warn, "nobody keeps the clock"));
  EXPECT_THAT(judge({false, false, 0}), Finds(Level::Warn, "does not say"));
}

TEST(DoctorTest, JudgesTheRoomOnADisk) {
  const auto judge = [](Room room) {
    std::vector<Finding> findings;
    Findings disk(findings, "disk");
    judge_room(room, "/data", disk);
    return findings.front();
  };
  constexpr std::uint64_t kGib = 1ULL << 30U;
  EXPECT_THAT(judge({100 * kGib, 50 * kGib, 1'000, 900}), Finds(Level::Ok, "50.0 GiB"));
  EXPECT_THAT(judge({100 * kGib, 5 * kGib, 1'000, 900}), Finds(Level::Warn, "(5 %)"));
  EXPECT_THAT(judge({2'000 * kGib, 100 * kGib, 1'000, 900}), Finds(Level::Ok, "100.0 GiB"));
  EXPECT_THAT(judge({100 * kGib, kGib / 20, 1'000, 900}), Finds(Level::Fail, "0.0 GiB"));
  EXPECT_THAT(judge({100 * kGib, 50 * kGib, 1'000, 50}), Finds(Level::Warn, "5 % of the inodes"));
  EXPECT_THAT(judge({100 * kGib, 50 * kGib, 1'000, 5}), Finds(Level::Fail, "of the inodes"));
  EXPECT_THAT(judge({100 * kGib, 50 * kGib, 0, 0}), Finds(Level::Ok, "100 % of the inodes"));
}

class DoctorPlacesTest : public testing::Test {
 protected:
  DoctorPlacesTest() {
    settings_.data = root_.path();
    settings_.secrets_dir = root_.path() / "secrets";
    std::filesystem::create_directory(settings_.secrets_dir);
  }
  std::vector<Finding> places() const {
    std::vector<Finding> findings;
    check_places(settings_, findings);
    return findings;
  }
  std::vector<Finding> store() const {
    std::vector<Finding> findings;
    check_store(settings_, findings);
    return findings;
  }
  TemporaryDirectory root_ = TemporaryDirectory::make("croft-doctor-").value();
  Settings settings_;
};

TEST_F(DoctorPlacesTest, WantsADataDirectoryThatNobodyElseWritesTo) {
  EXPECT_THAT(places(), Contains(Finds(Level::Ok, "belongs to user")));
  ::chmod(root_.path().c_str(), 0777);
  EXPECT_THAT(places(), Contains(Finds(Level::Fail, "others may write to")));
  settings_.data = root_.path() / "nowhere" / "at all";
  EXPECT_THAT(places(), Contains(Finds(Level::Warn, "No such file")));
  ASSERT_TRUE(write_file_atomic(root_.path() / "file", "", 0600).has_value());
  settings_.data = root_.path() / "file";
  EXPECT_THAT(places(), Contains(Finds(Level::Fail, "is no directory")));
}

TEST_F(DoctorPlacesTest, WantsSecretsThatNobodyElseReads) {
  ASSERT_TRUE(write_file_atomic(settings_.secrets_dir / "token", "x", 0600).has_value());
  EXPECT_THAT(places(), Contains(Finds(Level::Ok, "1 secret files")));
  ::chmod((settings_.secrets_dir / "token").c_str(), 0640);
  EXPECT_THAT(places(), Contains(Finds(Level::Fail, "token (mode 0640)")));
}

TEST_F(DoctorPlacesTest, LooksAtTheStoreBesideItsDaemon) {
  EXPECT_THAT(store(), Contains(Field(&Finding::level, Level::Warn)));
  {
    const auto daemon = open_sqlite_store(root_.path()).value();
    EXPECT_THAT(store(), Contains(Finds(Level::Ok, "SQLite")));
  }
  ASSERT_TRUE(write_file_atomic(root_.path() / "croft.db", "no database", 0600).has_value());
  EXPECT_THAT(store(), Contains(Field(&Finding::level, Level::Fail)));
  settings_.store_url = "postgres://nobody@127.0.0.1:1/none";
  EXPECT_THAT(store(), Contains(Finds(Level::Fail, "127.0.0.1")));
}

DaemonFacts good_daemon() {
  DaemonFacts facts;
  facts.where = "unix:/run/croft/api.sock";
  facts.version = ServerVersion{"1.2.3", "v1", false};
  SourceStatus source;
  source.key = "alice/main";
  source.url = "https://git.example.com/alice.git";
  source.conditions = {{"Ready", ConditionStatus::True, "Loaded", "", {}}};
  facts.sources = {source};
  ProviderStatus provider{.name = "local", .adapter = "process"};
  provider.is_ready = true;
  facts.providers = {provider};
  WebhookSummary webhook;
  webhook.ref = parse_ref("alice/Webhook/ops").value();
  webhook.ready = {"Ready", ConditionStatus::True, "Delivering", "", {}};
  facts.webhooks = {webhook};
  return facts;
}

std::vector<Finding> judged(const DaemonFacts& facts) {
  std::vector<Finding> findings;
  judge_daemon(facts, "1.2.3", findings);
  return findings;
}

TEST(DoctorTest, FindsNothingWrongWithAGoodDaemon) {
  EXPECT_THAT(judged(good_daemon()), Each(Field(&Finding::level, Level::Ok)));
}

TEST(DoctorTest, NamesWhatADaemonHasTroubleWith) {
  const auto with = [](const std::function<void(DaemonFacts&)>& change) {
    DaemonFacts facts = good_daemon();
    change(facts);
    return judged(facts);
  };
  const auto source_is = [&](const std::string& reason, const std::string& message) {
    return with([&](DaemonFacts& facts) {
      facts.sources[0].conditions = {{"Ready", ConditionStatus::False, reason, message, {}}};
    });
  };
  EXPECT_THAT(with([](auto& facts) { facts.version.reset(); }),
              Contains(Finds(Level::Warn, "no daemon answers")));
  EXPECT_THAT(with([](auto& facts) { facts.version->version = "0.0.1"; }),
              Contains(Finds(Level::Warn, "version 0.0.1 answers")));
  EXPECT_THAT(with([](auto& facts) { facts.error = "not allowed"; }),
              Contains(Finds(Level::Warn, "not allowed")));
  EXPECT_THAT(source_is("FetchFailed", "no route to host"),
              Contains(Finds(Level::Fail, "cannot be fetched: no route to host")));
  EXPECT_THAT(source_is("InvalidManifests", "a.yaml:1:1: bad\n  more"),
              Contains(Finds(Level::Warn, "InvalidManifests: a.yaml:1:1: bad")));
  EXPECT_THAT(with([](auto& facts) { facts.sources[0].conditions.clear(); }),
              Contains(Finds(Level::Warn, "was not fetched yet")));
  EXPECT_THAT(with([](auto& facts) {
                facts.providers[0].is_ready = false;
                facts.providers[0].message = "no credentials";
              }),
              Contains(Finds(Level::Fail, "provider local (process): no credentials")));
  EXPECT_THAT(with([](auto& facts) { facts.providers[0].message = "runs on as it was"; }),
              Contains(Finds(Level::Warn, "runs on as it was")));
  EXPECT_THAT(with([](auto& facts) { facts.webhooks[0].disabled_at = Timestamp(); }),
              Contains(Finds(Level::Warn, "alice/Webhook/ops is disabled")));
  EXPECT_THAT(with([](auto& facts) {
                facts.webhooks[0].ready = {"Ready", ConditionStatus::False, "Failing", "503", {}};
              }),
              Contains(Finds(Level::Warn, "alice/Webhook/ops: 503")));
}

TEST(DoctorTest, ConnectsToWhatShouldListen) {
  Settings settings;
  settings.data = "/nowhere";
  settings.edge_listen = "127.0.0.1:1";
  settings.hooks_listen = "127.0.0.1:1";
  settings.metrics_listen = "127.0.0.1:1";
  std::vector<Finding> findings;
  check_listeners(settings, true, findings);
  EXPECT_THAT(findings, Contains(Finds(Level::Fail, "127.0.0.1:1, where edge should")));
  EXPECT_THAT(findings, Contains(Finds(Level::Fail, "/nowhere/run/hooks.sock")));
  EXPECT_THAT(findings, Contains(Finds(Level::Fail, "127.0.0.1:1, where metrics should")));
  findings.clear();
  check_listeners(settings, false, findings);
  EXPECT_THAT(findings, Each(Field(&Finding::level, Level::Warn)));
}

TEST(DoctorTest, ConnectsToWhereMailGoes) {
  Settings settings;
  const auto found = [&] {
    std::vector<Finding> findings;
    check_mail(settings, findings);
    return findings;
  };
  EXPECT_THAT(found(), IsEmpty()) << "no mail is sent";
  settings.smtp_server = "127.0.0.1:1";
  EXPECT_THAT(found(), ElementsAre(Finds(Level::Fail, "smtp.from must be an address")));
  settings.smtp_from = "croft@example.com";
  EXPECT_THAT(found(), ElementsAre(Finds(Level::Fail, "nothing takes connections at 127.0.0.1:1")));
}

TEST_F(DoctorPlacesTest, LooksForTheKeysThatOpenSecrets) {
  EXPECT_THAT(places(), Contains(Finds(Level::Warn, "no key yet")));
  const secret::KeyringFiles files(settings_.secrets_dir, settings_.data / "keys");
  ASSERT_TRUE(files.load_or_make());
  EXPECT_THAT(places(), Contains(Finds(Level::Ok, "1 keys that open sealed Secrets")));
  ASSERT_TRUE(write_file_atomic(settings_.data / "keys" / secret::KeyringFiles::kSealFile,
                                "no key\n", 0600));
  EXPECT_THAT(places(), Contains(Field(&Finding::level, Level::Fail)));
}

TEST(DoctorTest, ExitsWithOneOnlyIfSomethingIsWrong) {
  const TemporaryDirectory root = TemporaryDirectory::make("croft-doctor-").value();
  const auto doctor = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"doctor", "--data", root.path().string(), "--edge-listen",
                                   "127.0.0.1:1"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, {});
  };
  const Ran ran = doctor({"-o", "json"});
  const Result<Value> answer = parse_json(ran.out);
  ASSERT_TRUE(answer.has_value()) << ran.err;
  const auto& findings = answer->find("findings")->as_list();
  const auto is_fail = [](const Value& one) { return one.text_or("level", "") == "FAIL"; };
  EXPECT_EQ(ran.status, std::ranges::any_of(findings, is_fail) ? 1 : 0);
  ::chmod(root.path().c_str(), 0777);
  const Ran wrong = doctor({});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.out, HasSubstr("FAIL  data"));
  EXPECT_THAT(wrong.out, HasSubstr("→ chmod go-w " + root.path().string()));
  EXPECT_THAT(wrong.out, HasSubstr("WARN  daemon"));
}

}  // namespace

}  // namespace croft::cli
