// Two hostile tenants on one real Docker engine, through the front door: each pushes a compose file
// that asks for what is not its own. Each rule is refused before it is pushed (`croft diff`) and
// after, names its line, and changes nothing; where the operator allows it, it goes through. What a
// container can do that runs all the same is in tests/providers/docker/provider/isolation_test.cpp.

#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"
#include "tests/support/docker_engine.hpp"

namespace croft::e2e {

namespace {

constexpr const char* kHosting =
    "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {file: compose.yaml}\n";

/// What mallory's only service asks for, and what is said to that. `@ALICE@` stands for the id of
/// alice's container, `@VOLUME@`, `@NETWORK@` and `@IMAGE@` for what is hers at the engine.
struct Rule {
  std::string name;
  std::string asks;             ///< keys of the service, a line each
  std::string refusal;          ///< a part of what is said
  std::string more = {};        ///< keys of the file itself
  std::string dockerfile = {};  ///< of the directory "app"
};

std::vector<Rule> rules() {
  const auto walled = [](const std::string& what) {
    return "service 'web' asks for " + what + ", which plan 'studio' does not allow";
  };
  return {
      {"privileged", "privileged: true", walled("'privileged'")},
      {"host_network", "network_mode: host", walled("the host's network")},
      {"others_network", "network_mode: container:@ALICE@", "services.web.network_mode"},
      {"host_pid", "pid: host", walled("the host's pid namespace")},
      {"others_pid", "pid: container:@ALICE@", "services.web.pid"},
      {"others_pid_by_path", "pid: ns:/proc/1/ns/pid", "services.web.pid"},
      {"host_ipc", "ipc: host", walled("the host's ipc namespace")},
      {"others_ipc", "ipc: container:@ALICE@", "services.web.ipc"},
      {"host_uts", "uts: host", walled("the host's uts namespace")},
      {"others_uts", "uts: container:@ALICE@", "services.web.uts"},
      {"host_userns", "userns_mode: host", walled("the host's userns namespace")},
      {"others_userns", "userns_mode: container:@ALICE@", "services.web.userns_mode"},
      {"host_cgroup", "cgroup: host", walled("the host's cgroup namespace")},
      {"foreign_cgroup", "cgroup_parent: /docker/@ALICE@", "services.web.cgroup_parent"},
      {"devices", "devices: [/dev/sda]", walled("device '/dev/sda'")},
      {"device_rules", "device_cgroup_rules: ['a *:* rwm']", "services.web.device_cgroup_rules"},
      {"capability", "cap_add: [SYS_ADMIN]", walled("capability SYS_ADMIN")},
      {"all_capabilities", "cap_add: [ALL]", walled("capability ALL")},
      {"host_directory", "volumes: ['/etc:/host']", walled("'/etc' of the host")},
      {"host_root", "volumes: [{type: bind, source: /, target: /host}]", walled("'/' of the host")},
      {"engine_socket", "volumes: ['/var/run/docker.sock:/s']",
       walled("the container engine's socket '/var/run/docker.sock'")},
      {"engine_socket_by_key", "use_api_socket: true", "services.web.use_api_socket"},
      {"out_of_the_repository", "volumes: ['../../../etc:/host']", "../../../etc"},
      {"host_port", "ports: ['2375:2375']", walled("port 2375 of the host")},
      {"no_seccomp", "security_opt: ['seccomp=unconfined']",
       walled("security option 'seccomp=unconfined'")},
      {"no_apparmor", "security_opt: ['apparmor:unconfined']",
       "service 'web' asks for security option"},
      {"new_privileges", "security_opt: ['no-new-privileges:false']",
       "service 'web' asks for security option"},
      {"runtime", "runtime: runc-of-mallory", walled("the runtime 'runc-of-mallory'")},
      {"scheduling", "ulimits: {rtprio: 99}", walled("the limit 'rtprio'")},
      {"priority", "ulimits: {nice: {soft: 40, hard: 40}}", walled("the limit 'nice'")},
      {"endless_processes", "pids_limit: -1", "services.web.pids_limit"},
      {"no_oom_kill", "oom_kill_disable: true", "services.web.oom_kill_disable"},
      {"endless_logs", "logging: {driver: syslog}", "services.web.logging"},
      {"foreign_volume", "volumes: ['hers:/data']", "volumes.hers",
       "volumes: {hers: {external: true, name: '@VOLUME@'}}"},
      {"volume_of_a_path", "volumes: ['hers:/data']", "volumes.hers",
       "volumes: {hers: {driver_opts: {type: none, o: bind, device: /etc}}}"},
      {"volumes_of_another", "volumes_from: ['container:@ALICE@']", "services.web.volumes_from"},
      {"foreign_network", "networks: [hers]", "networks.hers",
       "networks: {hers: {external: true, name: '@NETWORK@'}}"},
      {"network_of_the_host", "networks: [lan]", "networks.lan",
       "networks: {lan: {driver: macvlan, driver_opts: {parent: eth0}}}"},
      {"foreign_link", "external_links: ['@ALICE@:hers']", "services.web.external_links"},
      {"foreign_image", "image: '@IMAGE@'", "@IMAGE@"},
      {"our_label", "labels: {croft.ref: alice/Service/shop.web}", "croft.ref"},
      {"composes_label", "labels: {com.docker.compose.project: shop}",
       "com.docker.compose.project"},
      {"build_network", "build: {context: app, network: host}", "build.network", "",
       "FROM busybox:test\n"},
      {"build_privileged", "build: {context: app, privileged: true}", "build.privileged", "",
       "FROM busybox:test\n"},
      {"build_entitled", "build: {context: app, entitlements: [security.insecure]}",
       "build.entitlements", "", "FROM busybox:test\n"},
      {"build_secrets", "build: {context: app, secrets: [x]}", "build.secrets", "",
       "FROM busybox:test\n"},
      {"build_elsewhere", "build: 'https://example.com/evil.git'", "services.web.build"},
      {"build_out_of_the_repository", "build: ../../..", "services.web.build"},
  };
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// On one line: what people read is wrapped.
std::string unwrapped(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

class StackWallsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!DockerEngine::problem().empty()) GTEST_SKIP() << DockerEngine::problem();
    platform_.emplace(std::vector<std::string>{"alice", "mallory"});
    platform_->provide_docker(engine().host());
    platform_->push("alice",
                    {{"hosting.yaml", kHosting},
                     {"compose.yaml",
                      compose("volumes: ['data:/data']\n    build: app", "volumes: {data: {}}")},
                     {"app/Dockerfile", "FROM busybox:test\nRUN echo precious > /hers\n"}});
    push({.name = "plain"});
    platform_->daemon.start();
    platform_->settle();
    ASSERT_TRUE(wait_until([&] { return containers().size() > 100; })) << daemon().log();
  }
  void TearDown() override {
    if (!platform_) return;
    daemon().stop();
    platform_.reset();
    engine().sweep();
  }

  static DockerEngine& engine() { return DockerEngine::shared(); }
  Daemon& daemon() { return platform_->daemon; }

  static std::string compose(const std::string& asks, const std::string& more = "") {
    const std::string image =
        has(asks, "image:") || has(asks, "build:") ? "" : "    image: busybox:test\n";
    return fmt::format("services:\n  web:\n    command: [sleep, '86400']\n{}    {}\n{}\n", image,
                       asks.empty() ? "stop_grace_period: 1s" : asks, more);
  }
  std::string push(const Rule& rule) {
    GitRepository::Files files{{"hosting.yaml", kHosting},
                               {"compose.yaml", compose(filled(rule.asks), filled(rule.more))}};
    if (!rule.dockerfile.empty()) files.emplace_back("app/Dockerfile", rule.dockerfile);
    return platform_->push("mallory", files, rule.name);
  }

  static std::string ask_engine(const std::vector<std::string>& words) {
    return trimmed(engine().docker(words).value_or(""));
  }
  /// Every container with its state, whosever.
  static std::string containers() {
    return ask_engine({"ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}} {{.Names}}"});
  }
  static std::string of_alice(const std::string& part, std::vector<std::string> listing) {
    listing.insert(listing.end(), {"--filter", "label=croft.ref=alice/" + part});
    return ask_engine(listing);
  }
  /// With what is alice's in the place of the names.
  static std::string filled(std::string text) {
    const auto put = [&text](const std::string& name, const std::string& value) {
      for (std::size_t at = 0; (at = text.find(name)) != std::string::npos;)
        text.replace(at, name.size(), value);
    };
    if (!has(text, "@")) return text;
    const std::string container = of_alice("Service/shop.web", {"ps", "-q", "--no-trunc"});
    put("@ALICE@", container);
    put("@VOLUME@", of_alice("Volume/shop.data", {"volume", "ls", "-q"}));
    put("@NETWORK@", of_alice("Network/shop.default", {"network", "ls", "--format", "{{.Name}}"}));
    put("@IMAGE@", ask_engine({"inspect", "--format", "{{.Image}}", container}));
    return text;
  }

  ChildOutput croft(const std::vector<std::string>& words) { return daemon().croft(words); }
  ChildOutput differ() {
    return croft({"diff", platform_->clone("mallory").path().string(), "-t", "mallory"});
  }

  std::optional<Platform> platform_;
};

TEST_F(StackWallsTest, EachIsRefusedAtItsLineBeforeAndAfterAPushAndChangesNothing) {
  const std::string before = containers();
  for (const Rule& rule : rules()) {
    const std::string refusal = filled(rule.refusal);
    const std::string commit = push(rule);
    const ChildOutput diff = differ();
    const std::string said = unwrapped(diff.output + diff.error);
    EXPECT_EQ(diff.status, 2) << rule.name << "\n" << said;
    EXPECT_TRUE(has(said, refusal)) << rule.name << "\n" << said;
    EXPECT_TRUE(has(said, "compose.yaml:")) << rule.name << "\n" << said;
    const auto is_refused = [&] {
      const std::vector<std::string> asked{"events", "-t", "mallory", "--revision", commit};
      return has(unwrapped(croft(asked).output), refusal);
    };
    EXPECT_TRUE(wait_until(is_refused, std::chrono::seconds(20)))
        << rule.name << "\n"
        << croft({"events", "-t", "mallory", "--revision", commit}).output;
    EXPECT_EQ(containers(), before) << rule.name;
  }
  // The control: what asks for nothing of all this still goes through.
  push({.name = "good", .asks = "environment: {GOOD: 'yes'}"});
  platform_->settle("mallory");
  EXPECT_NE(containers(), before);
}

TEST_F(StackWallsTest, ANameOfAnothersVolumeIsANameInTheOwnStackOnly) {
  const auto in_web = [&](const std::string& tenant, const std::string& line) {
    return croft({"exec", "--tenant", tenant, "shop.web", "sh", "-c", line});
  };
  ASSERT_EQ(in_web("alice", "echo precious > /data/kept").status, 0);
  const std::string before = containers();
  push({.name = "named",
        .asks = "volumes: ['hers:/data']",
        .refusal = "",
        .more = "volumes: {hers: {name: '@VOLUME@'}}"});
  ASSERT_TRUE(wait_until([&] { return containers() != before; })) << daemon().log();
  platform_->settle("mallory");
  const ChildOutput seen = in_web("mallory", "ls /data");
  EXPECT_EQ(seen.status, 0) << seen.error;
  EXPECT_FALSE(has(seen.output, "kept")) << seen.output;
}

TEST_F(StackWallsTest, TheOperatorLoosensOneTenantWhereEverybodySeesIt) {
  const std::vector<Rule> asked{
      {"capability", "cap_add: [NET_ADMIN]", "asks for capability NET_ADMIN"},
      {"seccomp", "security_opt: ['seccomp=unconfined']", "asks for security option"}};
  std::string tenants =
      read_file(platform_->operators_clone().path() / "tenants.yaml", 1 << 16).value();
  const std::string name = "metadata: {name: mallory}\nspec:\n";
  const std::size_t at = tenants.find(name);
  ASSERT_NE(at, std::string::npos) << tenants;
  tenants.insert(at + name.size(),
                 "  containers: {allow: [securityOptions], capabilities: [NET_ADMIN]}\n");
  platform_->operate("tenants.yaml", tenants);
  platform_->settle();
  for (const Rule& rule : asked) {
    const std::string before = containers();
    push(rule);
    EXPECT_TRUE(wait_until([&] { return containers() != before; })) << daemon().log();
    platform_->settle("mallory");
    EXPECT_FALSE(has(differ().output, "Refused")) << differ().output;
  }
  platform_->push("alice", {{"compose.yaml", compose(asked[0].asks)}});
  EXPECT_TRUE(wait_until([&] {
    return has(unwrapped(croft({"events", "-t", "alice"}).output), asked[0].refusal);
  })) << "it is mallory's alone";
}

}  // namespace

}  // namespace croft::e2e
