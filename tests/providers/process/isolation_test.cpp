#include <arpa/inet.h>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

/// Two tenants, both hostile: the victim keeps a secret in its files, its volume, its memory, on
/// its port; the attacker runs whatever it likes.
class IsolationTest : public ProcessTest {
 protected:
  bool prepare() {
    if (!needs_sandbox()) return false;
    Value spec = web_app("victim");
    spec.set("env", Value::map({{"SECRET", "victims-secret"}}));
    spec.set("volumes", volume());
    Effect victim = effect("victim", spec, 1);
    victim.files = make_memory_tree({{"secret.txt", "victims-files"}});
    EXPECT_TRUE(await(provider_->create(victim)));
    EXPECT_TRUE(eventually([&] { return get("victim") == "victim"; }))
        << get("victim") << log_of("victim");
    Value hostile = shell("sleep 1000");
    hostile.set("volumes", volume());
    EXPECT_TRUE(create("attacker", hostile, 2));
    return true;
  }
  static Value volume() {
    return Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})});
  }
  /// What a shell of the attacker's prints.
  std::string attack(const std::string& script) {
    EXPECT_EQ(exec("attacker", {"sh", "-c", "{ " + script + "\n} > /data/out 2>&1; true"}), 0);
    const Result<std::string> out =
        read_file(ProcessLayout{data()}.volume("attacker", "data") / "out", 1 << 20);
    return out ? *out : "";
  }
  std::string attack_in_python(const std::string& script) {
    const auto path = ProcessLayout{data()}.volume("attacker", "data") / "attack.py";
    std::ofstream(path) << script;
    return attack("timeout 8 /usr/bin/python3 /data/attack.py");
  }
};

TEST_F(IsolationTest, FilesBelongToTheTenantsUserAsSeenFromOutside) {
  if (!prepare()) return;
  attack("echo mine > /data/file");
  struct stat status{};
  ASSERT_EQ(::stat((ProcessLayout{data()}.volume("attacker", "data") / "file").c_str(), &status),
            0);
  EXPECT_EQ(status.st_uid, 200'002U);
  EXPECT_EQ(status.st_gid, 200'002U);
  ASSERT_EQ(::stat(ProcessLayout{data()}.volume("victim", "data").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 200'001U);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(IsolationTest, ProcessesOfTheSandboxHaveTheTenantsUserOutsideAndNoPowers) {
  if (!prepare()) return;
  // All processes of the host with the attacker's uid are without capabilities.
  const Result<std::string> found = run_child_checked(
      {.arguments = {"sh", "-c",
                     "grep -l '^Uid:.200002' /proc/[0-9]*/status | xargs grep -h CapEff"}});
  ASSERT_TRUE(found) << found.error().describe();
  EXPECT_NE(found->find("0000000000000000"), std::string::npos);
  EXPECT_EQ(attack("id -u; id -G"), "1000\n1000\n");
}

TEST_F(IsolationTest, OtherTenantsFilesAndCroftsDataAreNowhereToBeSeen) {
  if (!prepare()) return;
  const std::string found = attack(
      "find / -xdev 2>/dev/null | grep -v -e ^/proc -e ^/usr -e ^/dev | head -200; "
      "ls -la " +
      data().string() + " /root /home /var /run /sys /boot /srv /opt");
  EXPECT_EQ(found.find("victim"), std::string::npos) << found;
  EXPECT_EQ(found.find("secret"), std::string::npos) << found;
  EXPECT_EQ(found.find("control.sock"), std::string::npos) << found;
  EXPECT_EQ(found.find("total"), std::string::npos) << found;  // no such directory could be listed
}

TEST_F(IsolationTest, HostSecretsInEtcAreNotThere) {
  if (!prepare()) return;
  EXPECT_EQ(attack("cat /etc/shadow /etc/ssh/* /etc/ssl/private/* | grep -v 'No such' ; ls "
                   "/etc/machine-id || true")
                .find("root:"),
            std::string::npos);
  const std::string passwd = attack("cat /etc/passwd");
  EXPECT_NE(passwd.find("app:x:1000"), std::string::npos);
  EXPECT_EQ(passwd.find("daemon"), std::string::npos);
}

TEST_F(IsolationTest, NothingButItsVolumesAndTmpIsWritable) {
  if (!prepare()) return;
  for (const char* path : {"/x", "/usr/x", "/etc/x", "/app/x", "/bin/x", "/dev/x/y", "/proc/x"}) {
    EXPECT_EQ(attack(fmt::format("echo hello > {} && echo written", path)).find("written"),
              std::string::npos)
        << path;
  }
  EXPECT_EQ(attack("echo x > /tmp/x && echo written"), "written\n");
}

TEST_F(IsolationTest, OtherProcessesCannotBeSeenOrSignalled) {
  if (!prepare()) return;
  const std::string processes =
      attack("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls /proc | grep '^[0-9]' | wc -l");
  EXPECT_EQ(processes.find("victim"), std::string::npos) << processes;
  EXPECT_EQ(processes.find("croft-shim"), std::string::npos) << processes;
  exec("attacker", {"sh", "-c", "kill -9 -1"});  // takes all of its own, and nobody else's
  EXPECT_EQ(get("victim"), "victim");
  EXPECT_EQ(seen("victim")->restarts, 0);
}

TEST_F(IsolationTest, EnvironmentIsNotOnAnyCommandLineOfTheHost) {
  if (!prepare()) return;
  const Result<ChildOutput> found =
      run_child({.arguments = {"grep", "-la", "victims-[s]ecret", "/proc/self/cmdline"},
                 .deadline = Duration(5'000)});
  ASSERT_TRUE(found);
  const Result<ChildOutput> all = run_child(
      {.arguments = {
           "sh", "-c",
           "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c 'victims-[s]ecret'"}});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->output, "0\n");
}

TEST_F(IsolationTest, PreloadedLibraryOfTheAppsNeverRunsOutsideOfTheSandbox) {
  if (!needs_sandbox()) return;
  Value spec = shell("echo started; sleep 1000");
  spec.set("env", Value::map({{"LD_PRELOAD", "/no/such/library.so"}}));
  ASSERT_TRUE(create("app", spec));
  ASSERT_TRUE(says("app", "started"));
  // The loader complains once for each program that got the variable: the app's own, and not
  // bubblewrap's.
  const std::string log = log_of("app");
  EXPECT_NE(log.find("library.so"), std::string::npos);
  const Result<std::string> environment = run_child_checked(
      {.arguments = {"sh", "-c",
                     fmt::format("cat /proc/$(pgrep -P {} | head -1)/environ", shim_of("app"))}});
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->find("LD_PRELOAD"), std::string::npos) << *environment;
}

TEST_F(IsolationTest, PortsOfOthersAndOfTheHostAreOutOfReach) {
  if (!prepare()) return;
  const UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const Result<std::string> addresses = run_child_checked(
      {.arguments = {"sh", "-c", "hostname -I; ip -o addr | awk '{print $4}' | cut -d/ -f1"}});
  ASSERT_TRUE(addresses);
  std::string script =
      "import socket\nfor a in '''" + *addresses +
      " 127.0.0.1 ::1 169.254.169.254 fd00:ec2::254 fe80::1'''.split():\n"
      "  for p in (" +
      std::to_string(ntohs(address.sin6_port)) +
      ", 8080, 80):\n"
      "    s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET); s.settimeout(0.5)\n"
      "    try:\n      s.connect((a, p)); print('REACHED', a, p)\n"
      "    except Exception as e: pass\nprint('done')\n";
  EXPECT_EQ(attack_in_python(script), "done\n");
}

TEST_F(IsolationTest, CroftsSocketsRefuseStrangersEvenIfTheyWereReachable) {
  if (!prepare()) return;
  struct stat status{};
  ASSERT_EQ(::stat(ProcessLayout{data()}.control("victim").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(ProcessLayout{data()}.app("victim").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  const Result<ChildOutput> stranger = run_child(
      {.arguments = {
           "setpriv", "--reuid", "200002", "--regid", "200002", "--clear-groups",
           "/usr/bin/python3", "-c",
           "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])",
           ProcessLayout{data()}.dial("victim").string()}});
  ASSERT_TRUE(stranger);
  EXPECT_NE(stranger->status, 0);
}

TEST_F(IsolationTest, KernelInterfacesThatNoNamespaceConfinesAreClosed) {
  if (!prepare()) return;
  const std::string script =
      "import socket, ctypes, os\n"
      "for family in (40, 38, 17, 16, 1, 2, 10):\n"
      "  try:\n    socket.socket(family, socket.SOCK_STREAM if family != 17 else socket.SOCK_RAW, "
      "0); print(family, 'open')\n"
      "  except OSError as e: print(family, e.errno)\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "for call in (250, 321, 425, 298):\n"
      "  r = libc.syscall(call, 0, 0, 0, 0, 0); print('call', call, r, ctypes.get_errno())\n"
      "print('unshare', libc.unshare(0x10000000), ctypes.get_errno())\n"
      "print('mount', libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))\n";
  const std::string out = attack_in_python(script);
  EXPECT_NE(out.find("40 97"), std::string::npos) << out;  // AF_VSOCK: address family not supported
  EXPECT_NE(out.find("38 97"), std::string::npos) << out;  // AF_ALG
  EXPECT_NE(out.find("17 97"), std::string::npos) << out;  // AF_PACKET
  EXPECT_NE(out.find("1 open\n2 open\n10 open"), std::string::npos) << out;
  for (const char* call : {"250", "321", "425", "298"}) {
    EXPECT_NE(out.find(fmt::format("call {} -1 1\n", call)), std::string::npos) << out;
  }
  EXPECT_NE(out.find("unshare -1"), std::string::npos) << out;
  EXPECT_NE(out.find("mount -1"), std::string::npos) << out;
}

TEST_F(IsolationTest, DescriptorsOfTheSupervisorDoNotLeak) {
  if (!prepare()) return;
  EXPECT_EQ(attack("ls /proc/2/fd | tr '\\n' ' '"), "0 1 2 ");
}

TEST_F(IsolationTest, LinksInVolumesAreNotFollowedByCroft) {
  if (!prepare()) return;
  // A volume full of links to the host: measured as links, erased as links.
  const auto bait = directory_->path() / "bait";
  std::ofstream(bait) << "precious";
  attack(fmt::format("ln -s {} /data/link; ln -s / /data/root", bait.string()));
  ASSERT_TRUE(destroy("attacker"));
  EXPECT_TRUE(std::filesystem::exists(bait));
}

TEST_F(IsolationTest, ForgedTreesCannotWriteElsewhere) {
  if (!needs_sandbox()) return;
  Effect forged = effect("forged", shell("sleep 1000"), 1);
  forged.files = make_memory_tree({{"../../outside.txt", "planted"}});
  const Result<void> created = await(provider_->create(forged));
  EXPECT_FALSE(created);
  EXPECT_FALSE(std::filesystem::exists(data() / "outside.txt"));
  EXPECT_FALSE(std::filesystem::exists(directory_->path() / "outside.txt"));
}

}  // namespace
}  // namespace croft
