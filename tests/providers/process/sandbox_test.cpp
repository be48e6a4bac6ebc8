#include "providers/process/sandbox.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace croft {
namespace {

Value minimal() { return Value::map({{"command", Value(Value::List{"python3", "app.py"})}}); }

AppRecord record_of(const Value& spec) {
  AppRecord record{.uid = "u1", .ref = {.tenant = "alice", .kind = Kind::Instance, .name = "api"}};
  record.tenant = {.uid = "t1", .name = "alice", .number = 7};
  record.spec = std::make_shared<const Value>(spec);
  record.digest = "d1";
  record.tree = "abc123";
  record.port = 8080;
  return record;
}

Machine debian() {
  Machine machine;
  machine.bubblewrap = "/usr/bin/bwrap";
  machine.is_root = true;
  machine.can_disable_user_namespaces = true;
  machine.system_directories = {{"/bin", "usr/bin"}, {"/lib", ""}};
  machine.etc_files = {"/etc/ssl/certs"};
  machine.resolvers = {"192.0.2.53"};
  return machine;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text = " ";
  for (const std::string& word : words) text += word + " ";
  return text;
}

shim::Launch launch_of(const AppRecord& record,
                       ProcessSettings::Isolation isolation = ProcessSettings::Isolation::Full) {
  ProcessSettings settings;
  settings.data = "/var/lib/croft/process";
  settings.isolation = isolation;
  return make_launch(record, settings, ProcessLayout{settings.data}, debian(),
                     AppCgroup{{"/sys/fs/cgroup/croft/x/u1"}, {}});
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TEST(SandboxTest, EveryNamespaceIsMade) {
  const std::string options = joined(launch_of(record_of(minimal())).sandbox);
  for (const char* option :
       {"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup",
        "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"}) {
    EXPECT_NE(options.find(std::string(" ") + option + " "), std::string::npos) << option;
  }
  EXPECT_TRUE(launch_of(record_of(minimal())).own_network);
}

TEST(SandboxTest, OnlyVolumesAreBoundWritable) {
  Value spec = minimal();
  spec.set("volumes", Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}})}));
  const shim::Launch launch = launch_of(record_of(spec));
  const std::string options = joined(launch.sandbox);
  EXPECT_NE(options.find(" --bind /tmp/volumes/data /data "), std::string::npos);
  EXPECT_EQ(options.find(" --bind "), options.rfind(" --bind "));
  EXPECT_EQ(options.find(" --dev-bind "), std::string::npos);
  EXPECT_NE(options.find(" --ro-bind /tmp/files /app "), std::string::npos);
  EXPECT_NE(options.find(" --remount-ro / "), std::string::npos);
  ASSERT_EQ(launch.mounts.size(), 2U);
  EXPECT_FALSE(launch.mounts[0].writable);
  EXPECT_TRUE(launch.mounts[1].writable);
  EXPECT_TRUE(has(launch.hidden, "/var/lib/croft/process"));
}

TEST(SandboxTest, WholeEtcAndRootAreNeverBound) {
  const std::string options = joined(launch_of(record_of(minimal())).sandbox);
  for (const char* path :
       {" /etc /etc ", " / / ", " /var ", " /run ", " /home ", " /root ", " /sys "}) {
    EXPECT_EQ(options.find(path), std::string::npos) << path;
  }
}

TEST(SandboxTest, EnvironmentIsNotAmongTheOptions) {
  Value spec = minimal();
  spec.set("env", Value::map({{"TOKEN", "geheim"}, {"HOME", "/data"}}));
  const shim::Launch launch = launch_of(record_of(spec));
  EXPECT_EQ(joined(launch.sandbox).find("geheim"), std::string::npos);
  EXPECT_TRUE(has(launch.environment, "TOKEN=geheim"));
  EXPECT_TRUE(has(launch.environment, "HOME=/data"));
  EXPECT_FALSE(has(launch.environment, "HOME=/tmp"));
  EXPECT_TRUE(has(launch.environment, "PORT=8080"));
  EXPECT_TRUE(has(launch.environment, "CROFT_TENANT=alice"));
}

TEST(SandboxTest, TenantsUserIsFromTheirNumber) {
  const shim::Launch launch = launch_of(record_of(minimal()));
  EXPECT_TRUE(launch.drops_user);
  EXPECT_EQ(launch.uid, 200'007U);
  EXPECT_EQ(launch.gid, 200'007U);
  EXPECT_EQ(launch.inner_uid, 1000U);
}

TEST(SandboxTest, NameServersOnlyWithEgress) {
  AppRecord record = record_of(minimal());
  const auto resolv = [](const shim::Launch& launch) {
    for (const auto& file : launch.files) {
      if (file.name == "etc/resolv.conf") return file.content;
    }
    return std::string("none");
  };
  EXPECT_EQ(resolv(launch_of(record)).find("nameserver"), std::string::npos);
  record.allow_egress = true;
  EXPECT_NE(resolv(launch_of(record)).find("nameserver 192.0.2.53"), std::string::npos);
}

TEST(SandboxTest, WithoutIsolationTheCommandRunsWhereItsFilesAre) {
  Value spec = minimal();
  spec.set("volumes", Value(Value::List{Value::map({{"name", "my-data"}, {"path", "/data"}})}));
  const shim::Launch launch = launch_of(record_of(spec), ProcessSettings::Isolation::None);
  EXPECT_TRUE(launch.sandbox.empty());
  EXPECT_FALSE(launch.own_network);
  EXPECT_EQ(launch.directory, "/var/lib/croft/process/files/abc123");
  EXPECT_TRUE(has(launch.environment,
                  "CROFT_VOLUME_MY_DATA=/var/lib/croft/process/apps/u1/volumes/my-data"));
}

TEST(SandboxTest, LaunchFileReadsBackAsItWasWritten) {
  Value spec = minimal();
  spec.set("env", Value::map({{"TEXT", "two words\nand 100% of a line"}, {"EMPTY", ""}}));
  const shim::Launch launch = launch_of(record_of(spec));
  const std::string text = shim::format_launch(launch);
  const auto read = shim::parse_launch(text + "later-invention value=1\n");
  ASSERT_TRUE(read);
  EXPECT_EQ(shim::format_launch(*read), text);
  EXPECT_EQ(read->environment, launch.environment);
  EXPECT_FALSE(shim::parse_launch("something else\n"));
  EXPECT_FALSE(shim::parse_launch(""));
}

TEST(NormalizeTest, FillsInDefaults) {
  Value spec = minimal();
  spec.set("http", Value::map());
  const Result<Value> normal = normalize_instance({}, spec);
  ASSERT_TRUE(normal);
  EXPECT_EQ(normal->integer_or("resources.cpu", 0), 250);
  EXPECT_EQ(normal->integer_or("resources.memory", 0), 128 << 20);
  EXPECT_EQ(normal->integer_or("resources.pids", 0), 128);
  EXPECT_EQ(normal->integer_or("grace", 0), 10'000);
  EXPECT_EQ(normal->integer_or("http.port", 0), 8080);
  EXPECT_EQ(*normalize_instance({}, *normal), *normal);
  EXPECT_EQ(normalize_instance({}, minimal())->find("http"), nullptr);
}

TEST(NormalizeTest, PortOfTheHealthCheckIsThePort) {
  Value spec = minimal();
  spec.set("health", Value::map({{"tcp", 5432}}));
  EXPECT_EQ(normalize_instance({}, spec)->integer_or("http.port", 0), 5432);
  spec.set("http", Value::map({{"port", 80}}));
  EXPECT_FALSE(normalize_instance({}, spec));
}

TEST(NormalizeTest, RefusesWhatItCannotHonour) {
  const auto refused = [](std::string_view key, Value value) {
    Value spec = minimal();
    spec.set(key, std::move(value));
    const Result<Value> normal = normalize_instance({}, spec);
    return !normal && normal.error().code() == ErrorCode::Invalid;
  };
  EXPECT_TRUE(refused("image", "nginx"));
  EXPECT_TRUE(refused("command", Value::list()));
  EXPECT_TRUE(refused("env", Value::map({{"PORT", "1"}})));
  EXPECT_TRUE(refused("env", Value::map({{"CROFT_REF", "x"}})));
  EXPECT_FALSE(refused("env", Value::map({{"TOKEN", Value::map({{"secret", "t"}})}})));
  for (const char* path : {"/", "/etc", "/etc/x", "/usr/share/x", "/app", "/tmp", "/proc/x", "data",
                           "/a/../etc", "/a//b", "/a/"}) {
    EXPECT_TRUE(refused("volumes", Value(Value::List{Value::map({{"name", "v"}, {"path", path}})})))
        << path;
  }
  EXPECT_FALSE(refused("volumes",
                       Value(Value::List{Value::map({{"name", "v"}, {"path", "/var/lib/data"}})})));
}

}  // namespace
}  // namespace croft
