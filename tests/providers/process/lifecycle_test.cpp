#include <algorithm>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

class LifecycleTest : public ProcessTest {};

TEST_F(LifecycleTest, RunsAnAppAndHandsInConnections) {
  if (!needs_sandbox()) return;
  const Result<void> created = create("web", web_app("hello"));
  ASSERT_TRUE(created) << created.error().describe();
  const std::optional<Observed> one = seen("web");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->phase, Phase::Running);
  EXPECT_EQ(one->intent, "intent-1");
  EXPECT_EQ(to_string(one->ref), "tenant1/Instance/web");
  EXPECT_EQ(one->spec_digest, spec_digest(*one->fields));
  EXPECT_EQ(one->endpoint.scheme, Endpoint::Scheme::Shim);
  EXPECT_TRUE(one->started_at);
  EXPECT_TRUE(eventually([&] { return get("web") == "hello"; })) << get("web") << log_of("web");
}

TEST_F(LifecycleTest, SecondCreateWithTheSameSpecChangesNothing) {
  if (!needs_sandbox()) return;
  const Effect once = effect("web", web_app("hello"));
  ASSERT_TRUE(await(provider_->create(once)));
  const auto started = seen("web")->started_at;
  ASSERT_TRUE(await(provider_->create(once)));
  Effect other_intent = once;
  other_intent.intent = "another";
  ASSERT_TRUE(await(provider_->create(other_intent)));
  const std::vector<Observed> all = observe();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].started_at, started);
  EXPECT_EQ(all[0].intent, "another");
}

TEST_F(LifecycleTest, UpdateRunsTheNewSpec) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", web_app("old")));
  ASSERT_TRUE(await(provider_->update(effect("web", web_app("new")))));
  EXPECT_TRUE(eventually([&] { return get("web") == "new"; })) << get("web");
  EXPECT_EQ(observe().size(), 1U);
}

TEST_F(LifecycleTest, AppOutlivesCroftAndIsFoundAgain) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", web_app("hello")));
  ASSERT_TRUE(eventually([&] { return get("web") == "hello"; }));
  const std::optional<Observed> before = seen("web");
  restart_croft();
  const std::optional<Observed> after = seen("web");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->phase, Phase::Running);
  EXPECT_EQ(after->started_at, before->started_at);
  EXPECT_EQ(after->restarts, 0);
  EXPECT_EQ(*after->fields, *before->fields);
  EXPECT_EQ(get("web"), "hello");
  // And its changes are told to the new one.
  changes_.clear();
  // Whatever the shell's own status: it goes with the run that it ends, or just before.
  exec("web", {"sh", "-c", "kill -9 2"});
  EXPECT_TRUE(eventually(
      [&] { return std::find(changes_.begin(), changes_.end(), "web") != changes_.end(); }));
  EXPECT_TRUE(eventually([&] { return seen("web")->restarts == 1; }));
}

TEST_F(LifecycleTest, SupervisorIsNotPartOfCroftsSession) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", shell("sleep 1000")));
  const pid_t shim = shim_of("web");
  ASSERT_GT(shim, 0);
  EXPECT_NE(::getsid(shim), ::getsid(0));
  EXPECT_NE(::getpgid(shim), ::getpgid(0));
  // Nothing that Croft had open stays open in it.
  const Result<std::string> own =
      run_child_checked({.arguments = {"readlink", fmt::format("/proc/{}/fd/0", shim)}});
  ASSERT_TRUE(own);
  EXPECT_EQ(*own, "/dev/null\n");
}

TEST_F(LifecycleTest, StopKeepsTheAppStoppedAndStartRunsItAgain) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", web_app("hello")));
  ASSERT_TRUE(stop("web"));
  EXPECT_EQ(seen("web")->phase, Phase::Stopped);
  EXPECT_EQ(shim_of("web"), -1);
  ASSERT_TRUE(stop("web"));
  restart_croft();
  EXPECT_EQ(seen("web")->phase, Phase::Stopped);
  ASSERT_TRUE(start("web"));
  EXPECT_TRUE(eventually([&] { return get("web") == "hello"; }));
  ASSERT_TRUE(start("web"));
}

TEST_F(LifecycleTest, StartAndStopOfTheAbsentSayNotFound) {
  EXPECT_EQ(stop("nothing").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(start("nothing").error().code(), ErrorCode::NotFound);
  EXPECT_TRUE(destroy("nothing"));
  EXPECT_TRUE(destroy("../../etc"));
}

TEST_F(LifecycleTest, StopGivesTheAppTimeToFinish) {
  if (!needs_sandbox()) return;
  Value spec = shell(
      "trap 'echo finishing; sleep 0.3; echo finished; exit 0' TERM; echo ready; while :; do sleep "
      "0.05; done");
  ASSERT_TRUE(create("slow", spec));
  ASSERT_TRUE(says("slow", "ready"));
  ASSERT_TRUE(stop("slow"));
  EXPECT_NE(log_of("slow").find("finished"), std::string::npos) << log_of("slow");
}

TEST_F(LifecycleTest, StopKillsWhatDoesNotEndWithinTheGrace) {
  if (!needs_sandbox()) return;
  Value spec = shell(
      "trap '' TERM; (trap '' TERM; setsid sleep 1000) & echo ready; while :; do sleep 0.05; done");
  spec.set("grace", 200);
  ASSERT_TRUE(create("deaf", spec));
  ASSERT_TRUE(says("deaf", "ready"));
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(stop("deaf"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  EXPECT_EQ(seen("deaf")->phase, Phase::Stopped);
}

TEST_F(LifecycleTest, StopCutsTheGraceShortForTheDeadline) {
  if (!needs_sandbox()) return;
  Value spec = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
  spec.set("grace", 60'000);
  ASSERT_TRUE(create("deaf", spec));
  ASSERT_TRUE(says("deaf", "ready"));
  Effect hurried = order("deaf");
  hurried.deadline = Duration(3'000);
  const Result<void> stopped = await(provider_->stop(hurried));
  EXPECT_TRUE(stopped) << stopped.error().describe();
}

TEST_F(LifecycleTest, CrashingAppIsTriedAgainWithPausesAndSaysSo) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("broken", shell("echo no; exit 3")));
  ASSERT_TRUE(eventually([&] {
    const auto one = seen("broken");
    return one->phase == Phase::Failed && one->reason == "CrashLoop" && one->restarts >= 3;
  }));
  const auto one = seen("broken");
  EXPECT_NE(one->message.find("exit status 3, next try in "), std::string::npos) << one->message;
  EXPECT_EQ(one->endpoint.scheme, Endpoint::Scheme::None);
  ASSERT_TRUE(stop("broken"));
  EXPECT_EQ(seen("broken")->phase, Phase::Stopped);
}

TEST_F(LifecycleTest, CommandThatIsNotThereIsACrashWithALogLine) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("typo", Value::map({{"command", Value(Value::List{"pyhton3"})}})));
  EXPECT_TRUE(says("typo", "pyhton3"));
  EXPECT_TRUE(eventually([&] { return seen("typo")->reason == "CrashLoop"; }));
}

TEST_F(LifecycleTest, KilledSupervisorTakesTheAppWithItAndIsSeen) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", web_app("hello")));
  ASSERT_TRUE(eventually([&] { return get("web") == "hello"; }));
  changes_.clear();
  ::kill(shim_of("web"), SIGKILL);
  EXPECT_TRUE(eventually(
      [&] { return std::find(changes_.begin(), changes_.end(), "web") != changes_.end(); }));
  EXPECT_TRUE(becomes("web", Phase::Failed));
  EXPECT_EQ(seen("web")->reason, "SupervisorGone");
  ASSERT_TRUE(start("web"));
  EXPECT_TRUE(eventually([&] { return get("web") == "hello"; }));
}

TEST_F(LifecycleTest, DestroyKeepsDataForTheSameTenantOnly) {
  if (!needs_sandbox()) return;
  Value spec = shell("cat /data/kept; echo $CROFT_VOLUME_DATA > /data/kept; sleep 1000");
  spec.set(
      "volumes",
      Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})}));
  ASSERT_TRUE(create("app", spec));
  ASSERT_TRUE(eventually([&] { return exec("app", {"test", "-s", "/data/kept"}) == 0; }));
  ASSERT_TRUE(destroy("app", DataPolicy::Keep));
  EXPECT_FALSE(seen("app"));
  EXPECT_EQ(create("app", spec, 2).error().code(), ErrorCode::Conflict);
  ASSERT_TRUE(destroy("app", DataPolicy::Keep));
  ASSERT_TRUE(create("app", spec));
  EXPECT_TRUE(says("app", "/data\n"));
  ASSERT_TRUE(destroy("app", DataPolicy::Erase));
  EXPECT_FALSE(std::filesystem::exists(ProcessLayout{data()}.app("app")));
  ASSERT_TRUE(create("app", spec));
  EXPECT_TRUE(says("app", "No such file"));
}

TEST_F(LifecycleTest, NothingIsLeftAfterDestroy) {
  if (!needs_sandbox()) return;
  Effect with_files = effect("app", shell("sleep 1000"));
  with_files.files = make_memory_tree({{"app.py", "print(1)"}});
  ASSERT_TRUE(await(provider_->create(with_files)));
  const pid_t shim = shim_of("app");
  ASSERT_TRUE(destroy("app"));
  // Gone, or waiting for the machine's first process to take note of it.
  const Result<std::string> left_over = read_file(fmt::format("/proc/{}/cmdline", shim), 4096);
  EXPECT_TRUE(!left_over || left_over->empty());
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data())) {
    if (!entry.is_directory()) left.push_back(entry.path());
  }
  EXPECT_TRUE(left.empty()) << left.front();
}

TEST_F(LifecycleTest, AppSeesItsFilesReadOnlyAndNoLinkLeadsOut) {
  if (!needs_sandbox()) return;
  Effect with_files = effect(
      "app", shell("cat sub/hello.txt; echo x > sub/hello.txt || echo read-only; pwd; sleep 1000"));
  with_files.files = make_memory_tree({{"sub/hello.txt", "hello from git\n"}});
  ASSERT_TRUE(await(provider_->create(with_files)));
  EXPECT_TRUE(says("app", "hello from git\n"));
  EXPECT_TRUE(says("app", "read-only\n/app\n"));
}

TEST_F(LifecycleTest, ExecRunsInsideTheSandboxAsTheApp) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("app", shell("sleep 1000")));
  EXPECT_EQ(exec("app", {"true"}), 0);
  EXPECT_EQ(exec("app", {"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(
      exec("app",
           {"sh", "-c",
            "test $(id -u) = 1000 && test -d /proc/1 && ! touch /etc/x && test $PORT = 8080"}),
      0);
  EXPECT_EQ(exec("app", {"sh", "-c",
                         "grep -q 'CapEff:.*0000000000000000' /proc/self/status && grep -q "
                         "'Seccomp:.*2' /proc/self/status"}),
            0);
  EXPECT_NE(exec("app", {"no-such-command"}), 0);
  const Result<int> late = await(provider_->exec("app", {"sleep", "1000"}, Duration(200)));
  ASSERT_TRUE(late);
  EXPECT_EQ(*late, 128 + SIGKILL);
  EXPECT_EQ(await(provider_->exec("none", {"true"}, Duration(200))).error().code(),
            ErrorCode::NotFound);
}

TEST_F(LifecycleTest, MemoryLimitEndsTheAppWithItsReason) {
  if (!needs_sandbox()) return;
  Value spec = python("import time\nx = bytearray(200 << 20)\ntime.sleep(1000)");
  spec.set("resources", Value::map({{"memory", 32 << 20}}));
  ASSERT_TRUE(create("greedy", spec));
  EXPECT_TRUE(eventually([&] { return seen("greedy")->reason == "OutOfMemory"; }))
      << seen("greedy")->message;
}

TEST_F(LifecycleTest, AppIsLimitedAfterAnotherCroftOfTheSameDataLeft) {
  if (!needs_sandbox()) return;
  {
    // As in an upgrade in place: the old one ends when the new one has looked at the machine.
    asio::io_context io;
    const auto other = make_process_provider(settings_, io.get_executor(), pool_, clock_);
    ASSERT_TRUE(other) << other.error().describe();
  }
  Value spec = python("import time\nx = bytearray(200 << 20)\ntime.sleep(1000)");
  spec.set("resources", Value::map({{"memory", 32 << 20}}));
  const Result<void> created = create("greedy", spec);
  ASSERT_TRUE(created) << created.error().describe();
  EXPECT_TRUE(eventually([&] { return seen("greedy")->reason == "OutOfMemory"; }))
      << seen("greedy")->message;
}

TEST_F(LifecycleTest, PidsLimitHoldsForkBombs) {
  if (!needs_sandbox()) return;
  Value spec = python(
      "import os, time\nn = 0\n"
      "try:\n  while n < 500:\n    if os.fork() == 0: time.sleep(1000)\n    n += 1\n"
      "except OSError as e:\n  print('held at', n, flush=True)\ntime.sleep(1000)");
  spec.set("resources", Value::map({{"pids", 20}}));
  ASSERT_TRUE(create("bomb", spec));
  EXPECT_TRUE(says("bomb", "held at 1"));
  ASSERT_TRUE(stop("bomb"));
}

TEST_F(LifecycleTest, CpuLimitHoldsABusyLoop) {
  if (!needs_sandbox()) return;
  Value spec = python(
      "import time, resource\nend = time.time() + 2\nwhile time.time() < end: pass\n"
      "u = resource.getrusage(resource.RUSAGE_SELF)\nprint('used', round(u.ru_utime + u.ru_stime, "
      "2), flush=True)\ntime.sleep(1000)");
  spec.set("resources", Value::map({{"cpu", 100}}));
  ASSERT_TRUE(create("busy", spec));
  ASSERT_TRUE(says("busy", "used "));
  const std::string log = log_of("busy");
  const double used = std::stod(log.substr(log.find("used ") + 5));
  EXPECT_LT(used, 0.6) << log;
}

TEST_F(LifecycleTest, FailsWithoutEffectAfterItsDeadline) {
  Effect late = effect("late", shell("sleep 1000"));
  late.deadline = Duration(0);
  EXPECT_EQ(await(provider_->create(late)).error().code(), ErrorCode::Timeout);
  EXPECT_FALSE(seen("late"));
}

TEST_F(LifecycleTest, AnotherCroftOnTheSameAppIsRefused) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", shell("sleep 1000")));
  const Result<ChildOutput> other =
      run_child({.arguments = {"flock", "-n", ProcessLayout{data()}.lock("web").string(), "true"},
                 .deadline = Duration(5'000)});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->status, 0);
  const UniqueFd held(::open(ProcessLayout{data()}.lock("web").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(stop("web").error().code(), ErrorCode::Conflict);
}

TEST_F(LifecycleTest, SupervisorTakesLessThanAMegabyte) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(create("web", web_app("hello")));
  ASSERT_TRUE(eventually([&] { return get("web") == "hello"; }));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(exec("web", {"true"}), 0);
  const Result<std::string> smaps =
      read_file(fmt::format("/proc/{}/smaps_rollup", shim_of("web")), 1 << 20);
  ASSERT_TRUE(smaps);
  long kibibytes = 0;
  for (const char* key : {"Private_Clean:", "Private_Dirty:"}) {
    kibibytes += std::stol(smaps->substr(smaps->find(key) + 14));
  }
  RecordProperty("private_kib", static_cast<int>(kibibytes));
  std::printf("a supervisor's private memory after 200 commands: %ld KiB\n", kibibytes);
#if defined(CROFT_SHIM_STATIC)
  EXPECT_LT(kibibytes, 1024);
#endif
}

}  // namespace
}  // namespace croft
