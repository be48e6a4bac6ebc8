// Compose files as a service: the real binary, a real Docker engine, two tenants who do not know
// each other.

#include <chrono>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"
#include "tests/support/docker_engine.hpp"

namespace croft::e2e {

namespace {

constexpr const char* kShop = "alice-shop.localhost";

constexpr const char* kHosting = R"(apiVersion: croft/v1
kind: Stack
metadata: {name: shop}
spec:
  file: compose.yaml
  expose: {shop: "web:8080"}
)";

std::string compose(const std::string& greeting, const std::string& more_of_web = "") {
  return fmt::format(R"(services:
  web:
    image: busybox:test
    command: [sh, -c, 'mkdir -p /tmp/www && echo "$$GREETING" > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www']
    environment: {{GREETING: "{}"}}
    depends_on: [db]
    stop_grace_period: 1s
{}
  db:
    image: busybox:test
    command: [sh, -c, 'date >> /data/starts; exec sleep 86400']
    volumes: ['data:/data']
    stop_grace_period: 1s
volumes: {{data: {{}}}}
)",
                     greeting, more_of_web);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class StackTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!DockerEngine::problem().empty()) GTEST_SKIP() << DockerEngine::problem();
    platform_.emplace(std::vector<std::string>{"alice", "bob"});
    platform_->provide_docker(engine().host());
    push(compose("hello"));
    platform_->daemon.start();
    platform_->settle();
    ASSERT_TRUE(platform_->shows(kShop, "hello")) << platform_->daemon.log();
  }
  void TearDown() override {
    if (!platform_) return;
    platform_->daemon.stop();
    platform_.reset();
    engine().sweep();
  }

  static DockerEngine& engine() { return DockerEngine::shared(); }
  Daemon& daemon() { return platform_->daemon; }

  std::string push(const std::string& compose_file, const std::string& message = "change") {
    return platform_->push("alice", {{"hosting.yaml", kHosting}, {"compose.yaml", compose_file}},
                           message);
  }
  ChildOutput croft(const std::vector<std::string>& words) { return daemon().croft(words); }
  ChildOutput differ() {
    return croft({"diff", platform_->clone("alice").path().string(), "-t", "alice"});
  }
  bool comes(const std::vector<std::string>& words, const std::string& part) {
    return wait_until([&] {
      const ChildOutput done = croft(words);
      return has(done.output, part) || has(done.error, part);
    });
  }
  /// Ids of the running containers of one service, one a line.
  static std::string containers(const std::string& service) {
    return engine()
        .docker(
            {"ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.service=" + service})
        .value_or("");
  }

  /// When the present run of a container began, as the engine says it.
  static std::string run_of(const std::string& container) {
    return engine()
        .docker({"inspect", "-f", "{{.State.StartedAt}}", container.substr(0, 64)})
        .value_or("");
  }

  /// What a person would look at when something is not as it should be.
  std::string circumstances() {
    return croft({"get", "services", "-t", "alice", "-o", "wide"}).output +
           croft({"events", "-t", "alice"}).output +
           engine()
               .docker({"ps", "-a", "--format", "{{.Names}} {{.Status}} {{.Labels}}"})
               .value_or("") +
           daemon().log();
  }

  std::optional<Platform> platform_;
};

TEST_F(StackTest, APushBringsItUpAndGetCountsItsServices) {
  const ChildOutput got = croft({"get", "-t", "alice"});
  EXPECT_TRUE(has(got.output, "Stack/shop")) << got.output;
  EXPECT_TRUE(has(got.output, "2/2 services")) << got.output;
  EXPECT_TRUE(has(got.output, "http://alice-shop.localhost")) << got.output;
  EXPECT_FALSE(has(got.output, "Service/shop.web")) << "a Stack stands for its parts";
  const ChildOutput services = croft({"get", "services", "-t", "alice"});
  EXPECT_TRUE(has(services.output, "Service/shop.web")) << services.output;
  EXPECT_TRUE(has(services.output, "Service/shop.db")) << services.output;
  const ChildOutput diff = differ();
  EXPECT_EQ(diff.status, 0) << diff.output << diff.error;
}

TEST_F(StackTest, AKilledServiceComesBackAndTheOthersRunOn) {
  const std::string db = containers("db");
  const std::string web = containers("web");
  const std::string run = run_of(web);
  const auto killed = std::chrono::steady_clock::now();
  ASSERT_TRUE(engine().docker({"kill", web.substr(0, 64)}));
  // What is killed may be listed as running for a moment: another run counts.
  const auto runs_again = [&] {
    const std::string now = containers("web");
    return !now.empty() && run_of(now) != run;
  };
  EXPECT_TRUE(wait_until(runs_again, std::chrono::seconds(5))) << circumstances();
  const auto took = std::chrono::steady_clock::now() - killed;
  fmt::print("it was back after {} ms\n", took / std::chrono::milliseconds(1));
  EXPECT_TRUE(platform_->shows(kShop, "hello")) << daemon().log();
  EXPECT_EQ(containers("db"), db);
}

// Croft is not there to see the engine end what runs, as when the machine starts anew; and httpd
// exits with 0 when it is asked to end.
TEST_F(StackTest, WhatTheEngineEndedWhileNobodyWatchedRunsAgain) {
  daemon().stop();
  for (const char* service : {"web", "db"})
    ASSERT_TRUE(engine().docker({"stop", containers(service).substr(0, 64)}));
  daemon().start();
  EXPECT_TRUE(platform_->shows(kShop, "hello")) << circumstances();
  EXPECT_TRUE(wait_until([&] { return !containers("db").empty(); })) << circumstances();
}

TEST_F(StackTest, AChangedFieldTouchesItsServiceOnly) {
  const std::string db = containers("db");
  push(compose("changed"));
  EXPECT_TRUE(platform_->shows(kShop, "changed")) << daemon().log();
  EXPECT_EQ(containers("db"), db);
}

TEST_F(StackTest, WhatTheWallsForbidIsRefusedWithItsLineAndChangesNothing) {
  const std::string web = containers("web");
  push(compose("evil", "    privileged: true"));
  EXPECT_TRUE(comes({"get", "-t", "alice"},
                    "service 'web' asks for 'privileged', which plan "
                    "'studio' does not allow"))
      << croft({"get", "-t", "alice"}).error << daemon().log();
  EXPECT_TRUE(has(croft({"get", "-t", "alice"}).error, "compose.yaml:8:"))
      << croft({"get", "-t", "alice"}).error;
  EXPECT_EQ(containers("web"), web);
  EXPECT_TRUE(platform_->shows(kShop, "hello"));
  // The same before it is pushed.
  EXPECT_TRUE(has(differ().output, "compose.yaml:8:")) << differ().output << differ().error;
}

TEST_F(StackTest, CommandsRunInAServiceAndAreWrittenDown) {
  const ChildOutput said = croft(
      {"exec", "--tenant", "alice", "shop.web", "sh", "-c", "echo $GREETING; echo no >&2; exit 7"});
  EXPECT_EQ(said.status, 7) << said.error;
  EXPECT_EQ(said.output, "hello\n");
  EXPECT_EQ(said.error, "no\n");
  EXPECT_TRUE(comes({"events", "-t", "alice"}, "exit status 7"));
}

TEST_F(StackTest, SecretsComeToServicesAsFilesAndVariablesAndAreShownNowhere) {
  const std::string key = croft({"secret", "key"}).output;
  const auto sealed = [&](const std::string& value) {
    const auto done = run_child({.arguments = {CROFT_BINARY, "seal", "token", "-t", "alice",
                                               "--with", key.substr(0, key.find('\n'))},
                                 .input = value + "\n"});
    EXPECT_TRUE(done && done->status == 0) << (done ? done->error : done.error().describe());
    return done ? done->output.substr(0, done->output.find('\n')) : "";
  };
  const auto push_with = [&](const std::string& value) {
    const std::string stack = std::string(kHosting) +
                              "  secretEnv: {web: {TOKEN: {secret: token}}}\n---\n"
                              "apiVersion: croft/v1\nkind: Secret\nmetadata: {name: token}\n"
                              "spec: {values: {value: \"" +
                              sealed(value) + "\"}}\n";
    platform_->push("alice", {{"hosting.yaml", stack},
                              {"compose.yaml", compose("with a secret", "    secrets: [token]") +
                                                   "secrets: {token: {external: true}}\n"}});
  };
  const auto in_web = [&](const std::string& line) {
    return croft({"exec", "--tenant", "alice", "shop.web", "sh", "-c", line}).output;
  };
  push_with("planted-first-value");
  ASSERT_TRUE(platform_->shows(kShop, "with a secret")) << circumstances();
  EXPECT_EQ(in_web("echo $TOKEN; cat /run/secrets/token"),
            "planted-first-value\nplanted-first-value");
  const std::string db = containers("db");
  push_with("planted-second-value");
  EXPECT_TRUE(wait_until([&] {
    return in_web("echo $TOKEN; cat /run/secrets/token") ==
           "planted-second-value\nplanted-second-value";
  })) << circumstances();
  EXPECT_EQ(containers("db"), db) << "it does not use it";
  const std::string said = circumstances() + differ().output +
                           croft({"get", "services", "-t", "alice", "-o", "json"}).output;
  EXPECT_FALSE(has(said, "planted-")) << said;
}

TEST_F(StackTest, AVolumeGoesOutAndComesBack) {
  const std::string archive = (daemon().data() / "data.tar").string();
  const auto in_db = [&](const std::string& line) {
    return croft({"exec", "--tenant", "alice", "shop.db", "sh", "-c", line});
  };
  ASSERT_EQ(in_db("echo precious > /data/kept").status, 0);
  const ChildOutput out = croft({"volume", "export", "shop.data", "-t", "alice", "-o", archive});
  ASSERT_EQ(out.status, 0) << out.error;
  ASSERT_EQ(in_db("rm /data/kept").status, 0);
  const ChildOutput refused = croft({"volume", "import", "shop.data", archive, "-t", "alice"});
  EXPECT_TRUE(refused.status != 0 && has(refused.error, "--quiesce")) << refused.error;
  const ChildOutput in =
      croft({"volume", "import", "shop.data", archive, "--quiesce", "-t", "alice"});
  EXPECT_EQ(in.status, 0) << in.error << circumstances();
  EXPECT_TRUE(wait_until([&] { return in_db("cat /data/kept").output == "precious\n"; }))
      << circumstances();
}

TEST_F(StackTest, AVolumeThatIsNoLongerDeclaredWaitsForAPerson) {
  push("services:\n  web: {image: 'busybox:test', command: [sleep, '86400']}\n");
  EXPECT_TRUE(comes({"prune", "show", "-t", "alice"}, "Volume/shop.data"))
      << croft({"prune", "show", "-t", "alice"}).output << daemon().log();
}

TEST_F(StackTest, StopHoldsAllServicesUntilStart) {
  EXPECT_EQ(croft({"stop", "alice/Stack/shop"}).status, 0);
  EXPECT_TRUE(wait_until([&] { return containers("web").empty() && containers("db").empty(); }))
      << daemon().log();
  EXPECT_TRUE(comes({"get", "-t", "alice"}, "Stopped")) << croft({"get", "-t", "alice"}).output;
  EXPECT_EQ(croft({"start", "alice/Stack/shop"}).status, 0);
  EXPECT_TRUE(platform_->shows(kShop, "hello")) << daemon().log();
}

TEST_F(StackTest, DownEndsEverythingAndKeepsTheVolumes) {
  daemon().stop();
  const ChildOutput down = daemon().croft({"down", "--data", daemon().data().string()});
  EXPECT_EQ(down.status, 0) << down.output << down.error;
  EXPECT_EQ(engine().docker({"ps", "-aq"}).value(), "") << down.output;
  EXPECT_TRUE(has(engine().docker({"volume", "ls", "-q"}).value(), "croft_"));
}

TEST_F(StackTest, ALostStoreDoublesNothingAndAdoptTakesItOver) {
  const std::string web = containers("web");
  const std::string db = containers("db");
  daemon().stop();
  for (const char* file : {"croft.db", "croft.db-wal", "croft.db-shm"})
    std::filesystem::remove(daemon().data() / file);
  daemon().start();
  EXPECT_TRUE(wait_until([&] { return has(differ().output, "croft adopt -t alice"); }))
      << differ().output << differ().error;
  EXPECT_EQ(containers("web"), web);
  const ChildOutput adopted = croft({"adopt", "-t", "alice"});
  EXPECT_EQ(adopted.status, 0) << adopted.error;
  EXPECT_TRUE(has(adopted.output, "adopted alice/Service/shop.web")) << adopted.output;
  platform_->settle("alice");
  EXPECT_EQ(containers("web"), web);
  EXPECT_EQ(containers("db"), db);
  EXPECT_TRUE(has(croft({"get", "-t", "alice"}).output, "2/2 services"));
  EXPECT_TRUE(platform_->shows(kShop, "hello"));
}

TEST_F(StackTest, TwoTenantsMayCallTheirStacksAlikeAndShareNothing) {
  platform_->push("bob", {{"hosting.yaml", kHosting}, {"compose.yaml", compose("bob's")}});
  EXPECT_TRUE(platform_->shows("bob-shop.localhost", "bob's")) << daemon().log();
  EXPECT_TRUE(platform_->shows(kShop, "hello"));
  const auto volumes = engine().docker({"volume", "ls", "-q"});
  ASSERT_TRUE(volumes);
  EXPECT_EQ(std::count(volumes->begin(), volumes->end(), '\n'), 2) << *volumes;
}

}  // namespace

}  // namespace croft::e2e
