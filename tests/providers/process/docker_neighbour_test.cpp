#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/child.hpp"
#include "providers/process/firewall.hpp"
#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"
#include "tests/providers/process/outside.hpp"
#include "tests/support/docker_engine.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

struct Target {
  std::string name;
  std::string address;
  int port = 0;
};

using Names = std::set<std::string>;

/// How long to try, in seconds: until a busy machine has answered, or where nothing should answer.
constexpr double kLong = 5;
constexpr double kShort = 0.5;

/// Which of the targets accept a connection, as somebody finds out who runs a Python script and
/// tells its exit status. All are tried at the same time.
Names reached(const std::vector<Target>& targets, double wait,
              const std::function<int(const std::string& script)>& python_of) {
  // Five to a script: an exit status has place for them, and for a mark that the script did run.
  constexpr std::size_t kFew = 5;
  constexpr int kMark = 64;
  Names names;
  for (std::size_t first = 0; first < targets.size(); first += kFew) {
    const std::size_t end = std::min(targets.size(), first + kFew);
    std::string list;
    for (std::size_t i = first; i < end; ++i)
      list += fmt::format("('{}', {}), ", targets[i].address, targets[i].port);
    const int status = python_of(
        fmt::format("import socket, sys, threading\n"
                    "open_ = []\n"
                    "def attempt(i, target):\n"
                    "  try: socket.create_connection(target, {}); open_.append(1 << i)\n"
                    "  except OSError: pass\n"
                    "all = [threading.Thread(target=attempt, args=a) for a in enumerate([{}])]\n"
                    "for one in all: one.start()\n"
                    "for one in all: one.join()\n"
                    "sys.exit({} + sum(open_))\n",
                    wait, list, kMark));
    EXPECT_EQ(status & ~0x1f, kMark) << "the script did not run";
    for (std::size_t i = first; i < end; ++i) {
      if ((status >> (i - first) & 1) != 0) names.insert(targets[i].name);
    }
  }
  return names;
}

int status_of(std::vector<std::string> command) {
  const Result<ChildOutput> done =
      run_child({.arguments = std::move(command), .deadline = Duration(20'000)});
  return done ? done->status : -1;
}

std::string without_counters(const std::string& listing) {
  return shell_says("{ " + listing + R"sh(; } 2>/dev/null | grep -v '^#' |
      sed -E 's/ *\[[0-9]+:[0-9]+\]//; s/counter packets [0-9]+ bytes [0-9]+/counter/')sh");
}

std::string engines_rules() { return without_counters("iptables-save; ip6tables-save"); }
std::string all_rules() { return without_counters("nft list ruleset"); }

int count(const std::string& text, const std::string& word) {
  int found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

std::string without_lines_of(const std::string& word, const std::string& text) {
  std::string rest;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(word) == std::string::npos) rest += line + '\n';
  }
  return rest;
}

/// A Docker engine with a container that publishes a port, Croft with an app with egress and one
/// without, and a machine of the outside; all on a machine of their own.
class DockerNeighbourTest : public ProcessTest {
 protected:
  static constexpr int kPublished = 8088;
  static constexpr int kAppPort = 8080;

  static void SetUpTestSuite() {
    if (const std::string program = DockerEngine::missing(); !program.empty()) {
      problem_ = "a Docker engine cannot be had: " + program + " is not installed";
    } else if (const Result<void> left = leave_for_own_machine(); !left) {
      problem_ = "a machine of the test's own cannot be had: " + left.error().describe();
    } else {
      outside_ = std::make_unique<Outside>();
    }
  }
  static void TearDownTestSuite() { outside_.reset(); }

  void SetUp() override {
    ProcessTest::SetUp();
    engine_.emplace(directory_->path() / "engine");
    if (!outside_) return;
    // As after a boot. iptables makes its tables when it is first used, and leaves them.
    shell_says(
        "ip link del docker0; for i in iptables ip6tables; do for t in nat filter; do\n"
        "$i -t $t -F; $i -t $t -X; done; $i -P FORWARD ACCEPT; done");
    set_forwarding(false);
  }
  void TearDown() override {
    ProcessTest::TearDown();
    engine_.reset();
  }
  void adjust(ProcessSettings& settings) override { settings.resolvers = {"192.0.2.53"}; }

  /// False, having skipped, if this cannot be tried here.
  bool needs_engine() {
    if (!needs_sandbox()) return false;
    if (!problem_.empty()) {
      [&] { GTEST_SKIP() << problem_; }();
      return false;
    }
    EXPECT_EQ(outside_->problem(), "");
    return true;
  }
  static void set_forwarding(bool on) {
    shell_says(fmt::format("echo {} >/proc/sys/net/ipv4/ip_forward", on ? 1 : 0));
  }
  void start_engine() {
    const Result<void> started = engine_->start();
    ASSERT_TRUE(started) << started.error().describe();
  }
  void run_container() {
    ASSERT_TRUE(engine_->make_busybox_image("busybox:test"));
    const Result<std::string> made =
        engine_->docker({"run", "--detach", "--name", "box", "--restart", "always", "--stop-signal",
                         "KILL", "--publish", fmt::format("{}:80", kPublished), "busybox:test",
                         "/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"});
    ASSERT_TRUE(made) << made.error().describe() << engine_->log();
  }
  void create_apps() {
    Effect free = effect("free", web_app("free"), 1);
    free.allow_egress = true;
    const Result<void> created = await(provider_->create(free));
    ASSERT_TRUE(created) << created.error().describe();
    ASSERT_TRUE(create("closed", web_app("closed"), 2));
    ASSERT_TRUE(eventually([&] { return get("free") == "free" && get("closed") == "closed"; }));
  }
  void destroy_apps() {
    ASSERT_TRUE(destroy("free"));
    ASSERT_TRUE(destroy("closed"));
  }
  std::string inspect(const std::string& what) const {
    const std::string format = "{{.NetworkSettings." + what + "}}";
    std::string text = engine_->docker({"inspect", "--format", format, "box"}).value_or("");
    return text.substr(0, text.find('\n'));
  }
  SlotAddresses cable() const { return *slot_addresses(settings_.ipv4_pool, 0); }
  /// How the names of the cables begin.
  std::string interfaces() const { return "cr" + ProcessLayout{data()}.mark() + "-"; }

  Names reached_by_host(const std::vector<Target>& targets) {
    return reached(targets, kLong, [](const std::string& script) {
      return status_of({"/usr/bin/python3", "-c", script});
    });
  }
  Names reached_by_outside(const std::vector<Target>& targets) {
    return reached(targets, kLong, [](const std::string& script) {
      return status_of({"ip", "netns", "exec", outside_->name(), "/usr/bin/python3", "-c", script});
    });
  }
  Names reached_by_app(const std::string& uid, const std::vector<Target>& targets,
                       double wait = kLong) {
    return reached(targets, wait, [&](const std::string& script) {
      return exec(uid, {"/usr/bin/python3", "-c", script});
    });
  }
  /// What a server says to the container.
  std::string said_to_container(const std::string& address, int port, double wait) {
    const std::string script =
        fmt::format("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox timeout {} busybox nc {} {}",
                    wait, address, port);
    // The status is that of a program that was stopped waiting.
    return engine_->docker({"exec", "box", "/bin/sh", "-c", script + "; true"})
        .value_or("the container cannot be entered");
  }

  std::vector<Target> outside() const {
    return {{"IPv4", outside_->public4, 80}, {"IPv6", outside_->public6, 80}};
  }
  /// Every way to the container's server.
  std::vector<Target> container() const {
    return {{"container", inspect("IPAddress"), 80},
            {"gateway", inspect("Gateway"), kPublished},
            {"published", outside_->host4, kPublished},
            {"published, IPv6", outside_->host6, kPublished}};
  }
  void expect_that_apps_are_kept_apart_from_containers();
  void expect_that_containers_work_as_before();
  void expect_good_neighbours(const std::string& when);

  static std::string problem_;
  static std::unique_ptr<Outside> outside_;
  std::optional<DockerEngine> engine_;
};

std::string DockerNeighbourTest::problem_;
std::unique_ptr<Outside> DockerNeighbourTest::outside_;

void DockerNeighbourTest::expect_that_apps_are_kept_apart_from_containers() {
  std::vector<Target> inside = container();
  inside.push_back({"its own cable", cable().host, kPublished});
  // So that "not reached" says something; an engine that has just started may not be ready.
  ASSERT_TRUE(eventually([&] { return reached_by_host(inside).size() == inside.size(); }));
  EXPECT_THAT(reached_by_app("free", outside()), UnorderedElementsAre("IPv4", "IPv6"))
      << all_rules();
  EXPECT_THAT(reached_by_app("free", inside, kShort), IsEmpty()) << all_rules();
  EXPECT_THAT(reached_by_app("closed", outside(), kShort), IsEmpty());
  EXPECT_THAT(reached_by_app("closed", inside, kShort), IsEmpty());
}

void DockerNeighbourTest::expect_that_containers_work_as_before() {
  EXPECT_EQ(said_to_container(outside_->public4, 80, kLong), "from ::ffff:" + outside_->host4)
      << all_rules();
  ASSERT_THAT(reached_by_app("free", {{"itself", cable().app, kAppPort}}),
              UnorderedElementsAre("itself"));
  EXPECT_EQ(said_to_container(cable().app, kAppPort, kShort), "") << all_rules();
  EXPECT_THAT(reached_by_host({{"loopback", "127.0.0.1", kPublished}}),
              UnorderedElementsAre("loopback"));
  const std::vector<Target> published = {{"published", outside_->host4, kPublished}};
  EXPECT_THAT(reached_by_outside(published), UnorderedElementsAre("published")) << all_rules();
}

void DockerNeighbourTest::expect_good_neighbours(const std::string& when) {
  SCOPED_TRACE(when);
  ASSERT_TRUE(eventually([&] { return !inspect("IPAddress").empty(); }));
  expect_that_apps_are_kept_apart_from_containers();
  expect_that_containers_work_as_before();
}

TEST_F(DockerNeighbourTest, AppsComeToAnEngineThatDropsWhatItDoesNotKnow) {
  if (!needs_engine()) return;
  ASSERT_NO_FATAL_FAILURE(start_engine());
  ASSERT_NO_FATAL_FAILURE(run_container());
  ASSERT_THAT(engines_rules(), HasSubstr(":FORWARD DROP"));
  const std::string before = engines_rules();
  const std::string all_before = all_rules();
  ASSERT_NO_FATAL_FAILURE(create_apps());
  ASSERT_NO_FATAL_FAILURE(expect_good_neighbours("the engine first"));
  ASSERT_NO_FATAL_FAILURE(destroy_apps());
  EXPECT_EQ(engines_rules(), before);
  EXPECT_EQ(all_rules(), all_before);
}

TEST_F(DockerNeighbourTest, EngineComesToAppsThatRun) {
  if (!needs_engine()) return;
  ASSERT_NO_FATAL_FAILURE(create_apps());
  ASSERT_NO_FATAL_FAILURE(start_engine());
  ASSERT_NO_FATAL_FAILURE(run_container());
  ASSERT_NO_FATAL_FAILURE(expect_good_neighbours("the app first"));
  engine_->stop();
  EXPECT_THAT(reached_by_app("free", outside()), UnorderedElementsAre("IPv4", "IPv6"));
  // An engine that finds a host which forwards lets it go on forwarding anything; one that makes it
  // forward has it drop what it does not know.
  set_forwarding(false);
  ASSERT_NO_FATAL_FAILURE(start_engine());
  ASSERT_THAT(engines_rules(), HasSubstr(":FORWARD DROP"));
  ASSERT_NO_FATAL_FAILURE(expect_good_neighbours("an engine that starts again, and drops"));
  restart_croft();
  ASSERT_TRUE(
      eventually([&] { return count(shell_says("iptables -S DOCKER-USER"), interfaces()) == 2; }));
  const std::string with_ours = engines_rules();
  ASSERT_NO_FATAL_FAILURE(destroy_apps());
  EXPECT_EQ(engines_rules(), without_lines_of(interfaces(), with_ours));
  EXPECT_THAT(all_rules(), Not(HasSubstr("croft_")));
}

}  // namespace
}  // namespace croft
