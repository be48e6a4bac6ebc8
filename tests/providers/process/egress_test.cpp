#include <algorithm>
#include <signal.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "providers/process/firewall.hpp"
#include "providers/process/launcher.hpp"
#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"
#include "tests/providers/process/outside.hpp"

namespace croft {
namespace {

class EgressTest : public ProcessTest {
 protected:
  static void SetUpTestSuite() { outside_ = std::make_unique<Outside>(); }
  static void TearDownTestSuite() { outside_.reset(); }
  void adjust(ProcessSettings& settings) override {
    settings.resolvers = {outside_->private4};
    settings.measure_every = Duration(300);
  }
  bool needs_egress() {
    if (!needs_sandbox()) return false;
    EXPECT_EQ(outside_->problem(), "");
    return eventually([&] {
      return shell_says(reach_script(outside_->public4, 80)).find("REACHED") != std::string::npos;
    });
  }
  static std::string reach_script(const std::string& address, int port) {
    return fmt::format(
        "/usr/bin/python3 -c \"\nimport socket\ntry:\n  s = socket.create_connection(('{}', {}), "
        "1)\n"
        "  print('REACHED')\nexcept OSError as e:\n  print('closed', e)\n\"",
        address, port);
  }
  Result<void> create_connected(const std::string& uid, std::int64_t tenant) {
    Value spec = web_app(uid);
    spec.set(
        "volumes",
        Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})}));
    Effect connected = effect(uid, spec, tenant);
    connected.allow_egress = true;
    return await(provider_->create(connected));
  }
  /// True if the app can open a connection there.
  bool reaches(const std::string& uid, const std::string& address, int port) {
    return exec(uid, {"sh", "-c", reach_script(address, port) + " | grep -q REACHED"}) == 0;
  }
  std::string mark() const { return ProcessLayout{data()}.mark(); }
  std::string address_of(int slot, bool app) const {
    const Result<SlotAddresses> addresses = slot_addresses(settings_.ipv4_pool, slot);
    return app ? addresses->app : addresses->host;
  }

  static std::unique_ptr<Outside> outside_;
};

std::unique_ptr<Outside> EgressTest::outside_;

TEST_F(EgressTest, AppReachesTheOutsideOnlyIfItMay) {
  if (!needs_egress()) return;
  const Result<void> created = create_connected("free", 1);
  ASSERT_TRUE(created) << created.error().describe();
  ASSERT_TRUE(create("closed", web_app("closed"), 2));
  EXPECT_TRUE(reaches("free", outside_->public4, 80))
      << shell_says("nft list table inet croft_" + mark());
  EXPECT_TRUE(reaches("free", outside_->public6, 80));
  EXPECT_FALSE(reaches("closed", outside_->public4, 80));
  EXPECT_FALSE(reaches("closed", outside_->public6, 80));
}

TEST_F(EgressTest, PrivateLinkLocalAndMetadataAddressesStayClosed) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("free", 1));
  for (const std::string& address : {outside_->private4, outside_->link4, outside_->private6}) {
    // The host gets there, so that it is the filter that keeps the app from it.
    EXPECT_NE(shell_says(reach_script(address, 80)).find("REACHED"), std::string::npos) << address;
    EXPECT_FALSE(reaches("free", address, 80)) << address;
  }
}

TEST_F(EgressTest, NameServersAnswerOnTheirPortOnly) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("free", 1));
  EXPECT_TRUE(reaches("free", outside_->private4, 53));
  EXPECT_FALSE(reaches("free", outside_->private4, 80));
  EXPECT_EQ(exec("free", {"grep", "-q", "nameserver " + outside_->private4, "/etc/resolv.conf"}),
            0);
}

TEST_F(EgressTest, TenantsWithEgressDoNotReachEachOther) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  ASSERT_TRUE(create_connected("two", 2));
  ASSERT_TRUE(eventually([&] { return get("two") == "two"; }));
  EXPECT_FALSE(reaches("one", address_of(1, true), 8080));
  EXPECT_TRUE(reaches("two", address_of(1, true), 8080));
  EXPECT_FALSE(reaches("one", address_of(1, false), 8080));
}

TEST_F(EgressTest, HostIsClosedOnAllOfItsAddresses) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  const std::string port_file = (directory_->path() / "port").string();
  const std::string script = fmt::format(
      "import socket\ns = socket.create_server(('::', 0), family=socket.AF_INET6, "
      "dualstack_ipv6=True)\n"
      "open('{}', 'w').write(str(s.getsockname()[1]) + '.')\n"
      "while True:\n  c, a = s.accept(); c.sendall(b'host'); c.close()",
      port_file);
  const pid_t server = ::fork();
  if (server == 0) {
    ::execlp("/usr/bin/python3", "python3", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  std::string port;
  ASSERT_TRUE(eventually([&] {
    port = read_file(port_file, 100).value_or("");
    return port.ends_with('.');
  }));
  // Not the cables of other Crofts' apps, in tests beside this one: they come and go.
  const std::string addresses =
      shell_says("ip -o addr | awk -v own=cr" + mark() +
                 "- '$2 !~ /^cr/ || index($2, own) == 1 {print $4}' | cut -d/ -f1 | "
                 "grep -v -e ^127 -e ^::1 -e ^fe80");
  int count = 0;
  std::istringstream lines(addresses);
  for (std::string address; std::getline(lines, address);) {
    EXPECT_NE(shell_says(reach_script(address, std::stoi(port))).find("REACHED"), std::string::npos)
        << address;
    EXPECT_FALSE(reaches("one", address, std::stoi(port))) << address;
    ++count;
  }
  EXPECT_GE(count, 3);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
}

TEST_F(EgressTest, AppCannotChangeItsAddressesOrSendFromOthers) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  EXPECT_NE(exec("one", {"ip", "addr", "add", "10.99.99.99/24", "dev", "eth0"}), 0);
  EXPECT_NE(exec("one", {"ip", "route", "del", "default"}), 0);
  EXPECT_EQ(exec("one", {"ip", "route", "get", outside_->public4}), 0);
}

TEST_F(EgressTest, GetsOnWithAForwardChainThatDropsAsAContainerEnginesDoes) {
  if (!needs_egress()) return;
  if (shell_says("command -v iptables").empty()) GTEST_SKIP() << "iptables is not installed";
  shell_says("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP");
  ASSERT_TRUE(create_connected("one", 1));
  EXPECT_TRUE(reaches("one", outside_->public4, 80)) << shell_says("iptables -S FORWARD");
  EXPECT_TRUE(reaches("one", outside_->public6, 80)) << shell_says("ip6tables -S FORWARD");
  ASSERT_TRUE(destroy("one"));
  shell_says("iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT");
  EXPECT_EQ(shell_says("iptables -S; ip6tables -S").find("cr" + mark()), std::string::npos);
}

TEST_F(EgressTest, NetworksAreMendedWhenOthersBreakThem) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  ASSERT_TRUE(reaches("one", outside_->public4, 80));
  shell_says(fmt::format("nft delete table inet croft_{0}; ip link del cr{0}-0", mark()));
  EXPECT_TRUE(eventually(
      [&] { return shell_says("nft list tables").find("croft_" + mark()) != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return reaches("one", outside_->public4, 80); }));
  EXPECT_FALSE(reaches("one", outside_->private4, 80));
  EXPECT_EQ(seen("one")->restarts, 0);
}

TEST_F(EgressTest, ConnectionSurvivesCroftAndTheAppsOwnRestarts) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  drop_croft();
  restart_croft();
  EXPECT_TRUE(reaches("one", outside_->public4, 80));
  exec("one", {"sh", "-c", "kill -9 2"});
  ASSERT_TRUE(eventually([&] { return seen("one")->restarts == 1 && get("one") == "one"; }));
  EXPECT_TRUE(reaches("one", outside_->public4, 80));
  ASSERT_TRUE(stop("one"));
  const Result<void> started = start("one");
  ASSERT_TRUE(started) << started.error().describe();
  EXPECT_TRUE(reaches("one", outside_->public4, 80));
}

TEST_F(EgressTest, NothingOfTheNetworkIsLeftWithTheLastApp) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  EXPECT_NE(shell_says("ip -o link").find("cr" + mark()), std::string::npos);
  ASSERT_TRUE(destroy("one"));
  EXPECT_TRUE(eventually(
      [&] { return shell_says("ip -o link").find("cr" + mark()) == std::string::npos; }));
  EXPECT_EQ(shell_says("nft list tables").find("croft_" + mark()), std::string::npos);
}

TEST_F(EgressTest, HostThatForgotItsNeighboursFindsTheAppAgain) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  ASSERT_TRUE(reaches("one", outside_->public6, 80));
  shell_says(fmt::format("ip -4 neigh flush dev cr{0}-0; ip -6 neigh flush dev cr{0}-0", mark()));
  EXPECT_TRUE(reaches("one", outside_->public6, 80)) << shell_says("ip -6 neigh");
  EXPECT_TRUE(reaches("one", outside_->public4, 80)) << shell_says("ip -4 neigh");
}

TEST_F(EgressTest, FilterThatNoAppNeedsAnyMoreIsNotMended) {
  if (!needs_egress()) return;
  // Upkeep looks at the apps, the last one with egress goes, and then it is upkeep's turn to mend.
  const auto rules = [&] {
    return shell_says("nft list tables; iptables-save; ip6tables-save; true");
  };
  Launcher launcher(settings_, ProcessLayout{data()}, inspect_machine(settings_), settings_.shim);
  ASSERT_TRUE(launcher.repair_filter());
  ASSERT_NE(rules().find("croft_" + mark()), std::string::npos);
  launcher.sweep();
  ASSERT_TRUE(launcher.repair_filter());
  EXPECT_EQ(rules().find("croft_" + mark()), std::string::npos);
  EXPECT_EQ(rules().find("cr" + mark() + "-"), std::string::npos);
}

TEST_F(EgressTest, TakingEgressAwayDisconnects) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  ASSERT_TRUE(reaches("one", outside_->public4, 80));
  Effect closed = effect("one", web_app("one"), 1);
  ASSERT_TRUE(await(provider_->update(closed)));
  EXPECT_FALSE(reaches("one", outside_->public4, 80));
}

}  // namespace
}  // namespace croft
