#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/providers/docker/provider/fixture.hpp"
#include "tests/providers/process/outside.hpp"

// Two tenants who do not like each other, on one engine. Each rule is one test, with a control that
// shows that the attempt would succeed where it may.

namespace croft {
namespace {

class DockerIsolationTest : public DockerTest {
 protected:
  const Ref mallory_ = instance("evil", "mallory");
  const Ref alice_ = instance("web", "alice");

  void attacker(const Value& spec) {
    const Result<void> made = create(mallory_, spec, "mallory");
    ASSERT_TRUE(made) << made.error().describe();
  }
  void attacker() { attacker(shell("sleep 1000")); }
  void victim() {
    const Result<void> made = create(alice_, web("of alice"), "alice");
    ASSERT_TRUE(made) << made.error().describe();
    ASSERT_TRUE(eventually([&] { return get(alice_) == "of alice"; }));
  }
  std::string address_of(const Ref& ref) {
    std::string text =
        docker({"inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                container_of(ref)});
    if (!text.empty()) text.pop_back();
    return text;
  }
  std::string gateway_of(const Ref& ref) {
    std::string text =
        docker({"inspect", "-f", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}",
                container_of(ref)});
    if (!text.empty()) text.pop_back();
    return text;
  }
  /// Whether a connection from inside gets any answer.
  bool reaches(const Ref& from, const std::string& address, int port) {
    return exec(from, fmt::format("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox timeout 3 busybox "
                                  "nc -w 2 {} {} | busybox grep -q .",
                                  address, port)) == 0;
  }
  /// A server of the host, at all of its addresses.
  class HostServer {
   public:
    explicit HostServer(const std::filesystem::path& directory)
        : process_({"/bin/busybox", "httpd", "-f", "-p", "18080", "-h", "/etc"},
                   directory / "host-server", "", SIGKILL) {}

   private:
    ServerProcess process_;
  };
  Value build_spec() const {
    Value spec = shell("sleep 1000");
    spec.erase("image");
    spec.set("build", Value::map({{"context", "app"}, {"dockerfile", "Dockerfile"}}));
    return spec;
  }
  /// Whether a step of a build said that.
  bool was_built(const std::string& line) const {
    return std::ranges::any_of(news_, [&](const ProviderNews& one) {
      return one.reason == "BuildOutput" && one.message == line;
    });
  }
  bool host_answers(const std::string& address) {
    return shell_says(fmt::format("curl -s -o /dev/null --max-time 2 http://{}:18080/hostname && "
                                  "echo answered",
                                  address)) == "answered\n";
  }
};

TEST_F(DockerIsolationTest, NoPathToAnotherTenantsContainer) {
  victim();
  attacker();
  EXPECT_TRUE(reaches(alice_, address_of(alice_), 8080)) << "the control";
  EXPECT_FALSE(reaches(mallory_, address_of(alice_), 8080));
}

TEST_F(DockerIsolationTest, NoPathToAnotherStackOfTheOwnTenantEither) {
  ASSERT_TRUE(create(part(Kind::Network, "a.default"), Value::map()));
  ASSERT_TRUE(create(part(Kind::Network, "b.default"), Value::map()));
  Value spec = web("in a");
  spec.erase("http");
  spec.set("networks", Value(Value::List{Value::map({{"name", "default"}})}));
  ASSERT_TRUE(create(part(Kind::Service, "a.web"), spec));
  ASSERT_TRUE(create(part(Kind::Service, "b.web"), spec));
  const std::string address = address_of(part(Kind::Service, "a.web"));
  EXPECT_TRUE(eventually([&] { return reaches(part(Kind::Service, "a.web"), address, 8080); }));
  EXPECT_FALSE(reaches(part(Kind::Service, "b.web"), address, 8080));
}

TEST_F(DockerIsolationTest, NoPathToTheHostByAnyOfItsAddresses) {
  const HostServer server(directory_->path());
  ASSERT_TRUE(eventually([&] { return host_answers("127.0.0.1"); }));
  const Outside outside;
  ASSERT_EQ(outside.problem(), "");
  attacker();
  const std::string gateway = gateway_of(mallory_);
  ASSERT_TRUE(host_answers(gateway)) << "the control: the host serves there";
  ASSERT_TRUE(host_answers(outside.host4));
  EXPECT_FALSE(reaches(mallory_, gateway, 18080));
  EXPECT_FALSE(reaches(mallory_, outside.host4, 18080));
  EXPECT_FALSE(reaches(mallory_, "127.0.0.1", 18080));
}

TEST_F(DockerIsolationTest, NoPathToWhatTheHostPublishesForOthers) {
  docker({"run", "-d", "--name", "operators", "-p", "18081:8080", "busybox:test", "busybox",
          "httpd", "-f", "-p", "8080", "-h", "/www"});
  const Outside outside;
  ASSERT_EQ(outside.problem(), "");
  attacker();
  EXPECT_NE(shell_says(fmt::format("curl -s --max-time 3 http://{}:18081/", outside.host4)), "");
  EXPECT_FALSE(reaches(mallory_, outside.host4, 18081));
  std::string inner = docker({"inspect", "-f", "{{.NetworkSettings.IPAddress}}", "operators"});
  inner.pop_back();
  EXPECT_FALSE(reaches(mallory_, inner, 8080)) << "the operator's own containers";
  docker({"rm", "-f", "operators"});
}

TEST_F(DockerIsolationTest, TheOutsideIsReachedButNotWhatIsNotTheOutside) {
  const Outside outside;
  ASSERT_EQ(outside.problem(), "");
  attacker();
  ASSERT_TRUE(eventually([&] { return reaches(mallory_, outside.public4, 80); }))
      << "egress is free where the plan allows it";
  EXPECT_FALSE(reaches(mallory_, outside.private4, 80)) << "private networks";
  EXPECT_FALSE(reaches(mallory_, outside.link4, 80)) << "link-local, as metadata services are";
}

TEST_F(DockerIsolationTest, NoPathToAMetadataServiceOnTheHost) {
  shell_says("ip addr add 169.254.169.254/32 dev lo");
  const HostServer server(directory_->path());
  ASSERT_TRUE(eventually([&] { return host_answers("169.254.169.254"); }));
  attacker();
  EXPECT_FALSE(reaches(mallory_, "169.254.169.254", 18080));
  shell_says("ip addr del 169.254.169.254/32 dev lo");
}

TEST_F(DockerIsolationTest, NoWayOutWhereThePlanDeniesIt) {
  const Outside outside;
  ASSERT_EQ(outside.problem(), "");
  allow_egress_ = false;
  attacker(web("closed"));
  EXPECT_FALSE(reaches(mallory_, outside.public4, 80));
  EXPECT_TRUE(eventually([&] { return get(mallory_) == "closed"; }))
      << "visitors come in all the same";
}

TEST_F(DockerIsolationTest, APlanThatLosesItsWayOutClosesWhatRuns) {
  const Outside outside;
  ASSERT_EQ(outside.problem(), "");
  const Ref network = part(Kind::Network, "shop.default");
  const Ref web = part(Kind::Service, "shop.web");
  Value spec = shell("sleep 1000");
  spec.set("networks", Value(Value::List{Value::map({{"name", "default"}})}));
  ASSERT_TRUE(create(network, Value::map()));
  ASSERT_TRUE(create(web, spec));
  ASSERT_TRUE(eventually([&] { return reaches(web, outside.public4, 80); }));
  EXPECT_EQ(seen(web)->allows_egress, true);
  allow_egress_ = false;
  ASSERT_TRUE(update(web, spec));
  EXPECT_EQ(seen(web)->allows_egress, false) << "so that the next pass finds nothing to do";
  EXPECT_FALSE(reaches(web, outside.public4, 80));
}

/// A name server of the host's loopback, as resolvers on servers often are, that the engine is told
/// of; it knows nothing and counts who asks.
class CountingResolver {
 public:
  explicit CountingResolver(const std::filesystem::path& directory)
      : log_(directory / "names"),
        process_(
            {"/usr/bin/python3", "-c",
             "import socket\n"
             "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53))\n"
             "while True:\n"
             "  q, who = s.recvfrom(4096); print(q[12:60], flush=True)\n"
             "  s.sendto(q[:2] + b'\\x81\\x83' + q[4:6] + bytes(6) + q[12:], who)\n"},
            log_, "", SIGKILL) {
    shell_says(
        fmt::format("echo nameserver 127.0.0.1 >{0}/resolv.conf; "
                    "mount --bind {0}/resolv.conf /etc/resolv.conf",
                    directory.string()));
  }
  ~CountingResolver() { shell_says("umount /etc/resolv.conf"); }
  bool was_asked_for(const std::string& name) const {
    return read_file(log_, 1 << 20).value_or("").contains(name);
  }

 private:
  std::string log_;
  ServerProcess process_;
};

TEST_F(DockerIsolationTest, NamesAreNoWayOutWhereThePlanDeniesIt) {
  const CountingResolver resolver(directory_->path());
  const auto asks = [&](const Ref& ref, const std::string& name) {
    (void)exec(ref, fmt::format("busybox timeout 5 busybox nslookup {}.example.com", name));
  };
  const Ref open = instance("open", "mallory");
  ASSERT_TRUE(create(open, shell("sleep 1000"), "mallory"));
  ASSERT_TRUE(eventually([&] {
    asks(open, "control");
    return resolver.was_asked_for("control");
  })) << "the control: the engine asks for whoever has the way out";
  allow_egress_ = false;
  const Ref sender = part(Kind::Service, "shop.worker", "mallory");
  const Ref receiver = part(Kind::Service, "shop.web", "mallory");
  Value worker = shell("sleep 1000");
  Value server = web("by name");
  server.erase("http");
  for (Value* spec : {&worker, &server})
    spec->set("networks", Value(Value::List{Value::map({{"name", "default"}})}));
  ASSERT_TRUE(create(part(Kind::Network, "shop.default", "mallory"), Value::map(), "mallory"));
  ASSERT_TRUE(create(sender, worker, "mallory"));
  ASSERT_TRUE(create(receiver, server, "mallory"));
  asks(sender, "secret");
  EXPECT_FALSE(resolver.was_asked_for("secret"));
  EXPECT_TRUE(eventually([&] {
    return exec(sender, "[ \"$(wget -q -O - http://web:8080/)\" = 'by name' ]") == 0;
  })) << "services know each other all the same";
}

TEST_F(DockerIsolationTest, TheFilterOutlivesTheEngineAndAFlush) {
  settings_.measure_every = Duration(200);
  restart_croft();
  const HostServer server(directory_->path());
  attacker();
  const std::string gateway = gateway_of(mallory_);
  ASSERT_TRUE(eventually([&] { return host_answers(gateway); }));
  DockerEngine::shared().stop();
  ASSERT_EQ(engine_starts(), "");
  (void)await(provider_->start(order(mallory_, "mallory")));
  ASSERT_TRUE(becomes(mallory_, Phase::Running));
  EXPECT_FALSE(reaches(mallory_, gateway, 18080)) << "after the engine's restart";
  // The engine's own rules stay: it would need a restart to make them again.
  shell_says(
      "nft list tables | grep croft_docker | while read -r table; do nft delete $table; done");
  EXPECT_TRUE(eventually([&] { return !reaches(mallory_, gateway, 18080); }))
      << "upkeep sets it again";
}

TEST_F(DockerIsolationTest, TheFilterGoesWithTheLastNetwork) {
  attacker();
  EXPECT_NE(shell_says("nft list tables | grep croft_docker"), "");
  ASSERT_TRUE(destroy(mallory_));
  EXPECT_EQ(shell_says("nft list tables | grep croft_docker"), "");
}

TEST_F(DockerIsolationTest, CapabilitiesAreFewAndPrivilegesDoNotGrow) {
  attacker();
  EXPECT_NE(exec(mallory_, "busybox ping -c 1 -W 1 127.0.0.1"), 0) << "raw sockets";
  EXPECT_NE(exec(mallory_, "busybox mount -t tmpfs none /tmp"), 0);
  EXPECT_NE(exec(mallory_, "busybox mknod /tmp/disk b 8 0"), 0);
  EXPECT_NE(exec(mallory_, "busybox chroot / busybox true"), 0);
  EXPECT_NE(exec(mallory_, "busybox ip link add crx type dummy"), 0);
  EXPECT_EQ(exec(mallory_, "busybox grep -q '^NoNewPrivs:.*1' /proc/self/status"), 0);
  EXPECT_EQ(exec(mallory_, "busybox grep -q '^Seccomp:.*2' /proc/self/status"), 0);
  EXPECT_NE(exec(mallory_, "echo x >/proc/sys/kernel/hostname"), 0);
}

TEST_F(DockerIsolationTest, TheSocketOfTheEngineIsNotThere) {
  attacker();
  EXPECT_NE(exec(mallory_, "[ -S /var/run/docker.sock ] || [ -S /run/docker.sock ]"), 0);
}

TEST_F(DockerIsolationTest, ProcessesAreBounded) {
  Value spec = shell("sleep 1000");
  spec.find("resources")->set("pids", 16);
  attacker(spec);
  EXPECT_NE(exec(mallory_,
                 "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
                 "sleep 5 & done; wait"),
            0);
}

TEST_F(DockerIsolationTest, OthersProcessesAreNotSeen) {
  victim();
  attacker();
  EXPECT_NE(exec(mallory_, "busybox ps | busybox grep -v grep | busybox grep -q httpd"), 0);
}

TEST_F(DockerIsolationTest, LogsAreBounded) {
  attacker();
  EXPECT_EQ(docker({"inspect", "-f",
                    "{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "
                    "\"max-file\"}}",
                    container_of(mallory_)}),
            "json-file 3\n");
}

TEST_F(DockerIsolationTest, AVolumeOfAnotherTenantIsAnotherVolume) {
  ASSERT_TRUE(create(part(Kind::Volume, "shop.data", "alice"), Value::map(), "alice"));
  Value spec = shell("sleep 1000");
  spec.set("mounts", Value(Value::List{Value::map({{"path", "/data"}, {"volume", "data"}})}));
  const Result<void> made = create(part(Kind::Service, "shop.web", "mallory"), spec, "mallory");
  ASSERT_FALSE(made) << "there is none of that name for mallory";
  EXPECT_EQ(made.error().code(), ErrorCode::Conflict);
}

TEST_F(DockerIsolationTest, NoStepOfABuildIsFetchedByTheEngineItself) {
  const std::string log = directory_->path() / "requests";
  const ServerProcess server(
      {"/bin/busybox", "httpd", "-f", "-vv", "-p", "127.0.0.1:18083", "-h", "/etc"}, log, "",
      SIGKILL);
  const auto requests = [&] {
    const std::string said = read_file(log, 1 << 20).value_or("");
    return std::ranges::count(said, '\n');
  };
  ASSERT_EQ(requests(), 0);
  const std::string dockerfile = "FROM busybox:test\nADD http://127.0.0.1:18083/hostname /stolen\n";
  ASSERT_TRUE(eventually([&] {
    return shell_says(fmt::format("printf '{}' | DOCKER_BUILDKIT=0 docker --host {} build -q -",
                                  "FROM scratch\\nADD http://127.0.0.1:18083/hostname /stolen",
                                  settings_.host))
        .starts_with("sha256:");
  })) << "the control: the engine would";
  const auto before = requests();
  EXPECT_GT(before, 0);
  source_ = make_memory_tree({{"app/Dockerfile", dockerfile}});
  const Result<void> made = create(mallory_, build_spec(), "mallory");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::Invalid);
  EXPECT_NE(made.error().describe().find("RUN step"), std::string::npos);
  EXPECT_EQ(requests(), before);
}

TEST_F(DockerIsolationTest, AStepOfABuildStartsOnlySoManyProcesses) {
  const auto forks = [&](int count) {
    source_ = make_memory_tree(
        {{"app/Dockerfile", fmt::format("FROM busybox:test\nRUN i=0; while [ $i -lt {} ]; do "
                                        "sleep 100 & i=$((i+1)); done; echo made them all\n",
                                        count)}});
    return create(mallory_, build_spec(), "mallory");
  };
  deadline_ = Duration(120'000);
  const Result<void> bomb = forks(2'000);
  ASSERT_FALSE(bomb);
  EXPECT_NE(bomb.error().describe().find("returned a non-zero code"), std::string::npos)
      << bomb.error().describe();
  EXPECT_FALSE(was_built("made them all"));
  const Result<void> usual = forks(100);
  EXPECT_TRUE(usual) << usual.error().describe();
  EXPECT_TRUE(was_built("made them all")) << "the control";
  EXPECT_EQ(shell_says("find /sys/fs/cgroup -name 'croft-build-" + uid_of(mallory_) + "'"), "");
}

TEST_F(DockerIsolationTest, ABuildHasTheSameWalls) {
  const HostServer server(directory_->path());
  ASSERT_TRUE(eventually([&] { return host_answers("127.0.0.1"); }));
  victim();
  const std::string tries = fmt::format(
      "FROM busybox:test\nRUN for at in '{} 8080' '172.17.0.1 18080' \"$(busybox ip route | "
      "busybox "
      "sed -n 's/default via \\([0-9.]*\\).*/\\1/p') 18080\"; do printf 'GET / "
      "HTTP/1.0\\r\\n\\r\\n' "
      "| busybox timeout 3 busybox nc -w 2 $at | busybox grep . && exit 9; done; exit 0\n",
      address_of(alice_));
  source_ = make_memory_tree({{"app/Dockerfile", tries}});
  const Result<void> made = create(mallory_, build_spec(), "mallory");
  EXPECT_TRUE(made) << made.error().describe();
}

}  // namespace
}  // namespace croft
