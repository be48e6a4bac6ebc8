#include <algorithm>
#include <signal.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "providers/process/firewall.hpp"
#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

std::string run(const std::string& script) {
  const Result<ChildOutput> done =
      run_child({.arguments = {"sh", "-c", script}, .deadline = Duration(20'000)});
  return done ? done->output + done->error : done.error().describe();
}

/// A machine of the outside: a network namespace behind a cable of the host, with a server on
/// several ports, and addresses that are public, private and link-local, IPv4 and IPv6.
class Outside {
 public:
  Outside() {
    const int number = ::getpid() % 60'000;
    name_ = fmt::format("crout{}", number);
    public4 = fmt::format("203.0.113.{}", (number % 60) * 4 + 2);
    const std::string host4 = fmt::format("203.0.113.{}", (number % 60) * 4 + 1);
    public6 = fmt::format("2001:db8:{:x}::2", number);
    private4 = fmt::format("172.31.{}.{}", number / 250 % 250, number % 250 + 1);
    link4 = fmt::format("169.254.{}.{}", 100 + number % 100, number / 250 % 250 + 1);
    private6 = fmt::format("fd77:{:x}::2", number);
    const std::string host6 = fmt::format("2001:db8:{:x}::1", number);
    said_ = run(fmt::format(
        "set -e; ip netns add {0}; ip link add crh{1} type veth peer name eth0 netns {0}\n"
        "ip addr add {2}/30 dev crh{1}; ip addr add {3}/126 dev crh{1} nodad; ip link set crh{1} "
        "up\n"
        "in='ip netns exec {0}'; $in ip link set lo up; $in ip addr add {4}/30 dev eth0\n"
        "$in ip addr add {5}/126 dev eth0 nodad; $in ip link set eth0 up\n"
        "for a in {6} {7}; do $in ip addr add $a/32 dev eth0; ip route add $a via {4}; done\n"
        "$in ip addr add {8}/128 dev eth0 nodad; ip route add {8} via {5}\n",
        name_, number, host4, host6, public4, public6, private4, link4, private6));
    serve();
  }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  ~Outside() {
    if (server_ > 0) {
      ::kill(server_, SIGKILL);
      ::waitpid(server_, nullptr, 0);
    }
    run(fmt::format("ip netns del {}", name_));
  }
  const std::string& problem() const { return said_; }

  std::string public4, public6, private4, private6, link4;

 private:
  void serve() {
    const std::string script =
        "import socket, threading, time\n"
        "def serve(p):\n"
        "  s = socket.create_server(('::', p), family=socket.AF_INET6, dualstack_ipv6=True)\n"
        "  while True:\n    c, a = s.accept(); c.sendall(b'from ' + a[0].encode()); c.close()\n"
        "for p in (53, 80): threading.Thread(target=serve, args=(p,), daemon=True).start()\n"
        "time.sleep(600)\n";
    server_ = ::fork();
    if (server_ != 0) return;
    ::execlp("ip", "ip", "netns", "exec", name_.c_str(), "/usr/bin/python3", "-c", script.c_str(),
             nullptr);
    ::_exit(127);
  }

  std::string name_;
  std::string said_;
  pid_t server_ = -1;
};

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
      return run(reach_script(outside_->public4, 80)).find("REACHED") != std::string::npos;
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
  EXPECT_TRUE(reaches("free", outside_->public4, 80)) << run("nft list table inet croft_" + mark());
  EXPECT_TRUE(reaches("free", outside_->public6, 80));
  EXPECT_FALSE(reaches("closed", outside_->public4, 80));
  EXPECT_FALSE(reaches("closed", outside_->public6, 80));
}

TEST_F(EgressTest, PrivateLinkLocalAndMetadataAddressesStayClosed) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("free", 1));
  for (const std::string& address : {outside_->private4, outside_->link4, outside_->private6}) {
    // The host gets there, so that it is the filter that keeps the app from it.
    EXPECT_NE(run(reach_script(address, 80)).find("REACHED"), std::string::npos) << address;
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
      run("ip -o addr | awk -v own=cr" + mark() +
          "- '$2 !~ /^cr/ || index($2, own) == 1 {print $4}' | cut -d/ -f1 | "
          "grep -v -e ^127 -e ^::1 -e ^fe80");
  int count = 0;
  std::istringstream lines(addresses);
  for (std::string address; std::getline(lines, address);) {
    EXPECT_NE(run(reach_script(address, std::stoi(port))).find("REACHED"), std::string::npos)
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
  if (run("command -v iptables").empty()) GTEST_SKIP() << "iptables is not installed";
  run("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP");
  ASSERT_TRUE(create_connected("one", 1));
  EXPECT_TRUE(reaches("one", outside_->public4, 80)) << run("iptables -S FORWARD");
  EXPECT_TRUE(reaches("one", outside_->public6, 80)) << run("ip6tables -S FORWARD");
  ASSERT_TRUE(destroy("one"));
  run("iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT");
  EXPECT_EQ(run("iptables -S; ip6tables -S").find("cr" + mark()), std::string::npos);
}

TEST_F(EgressTest, NetworksAreMendedWhenOthersBreakThem) {
  if (!needs_egress()) return;
  ASSERT_TRUE(create_connected("one", 1));
  ASSERT_TRUE(reaches("one", outside_->public4, 80));
  run(fmt::format("nft delete table inet croft_{0}; ip link del cr{0}-0", mark()));
  EXPECT_TRUE(eventually(
      [&] { return run("nft list tables").find("croft_" + mark()) != std::string::npos; }));
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
  EXPECT_NE(run("ip -o link").find("cr" + mark()), std::string::npos);
  ASSERT_TRUE(destroy("one"));
  EXPECT_TRUE(
      eventually([&] { return run("ip -o link").find("cr" + mark()) == std::string::npos; }));
  EXPECT_EQ(run("nft list tables").find("croft_" + mark()), std::string::npos);
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
