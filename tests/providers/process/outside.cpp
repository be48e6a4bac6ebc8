#include "tests/providers/process/outside.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"

namespace croft {

std::string shell_says(const std::string& script) {
  const Result<ChildOutput> done =
      run_child({.arguments = {"sh", "-c", script}, .deadline = Duration(20'000)});
  return done ? done->output + done->error : done.error().describe();
}

Outside::Outside() {
  const int number = ::getpid() % 60'000;
  name_ = fmt::format("crout{}", number);
  public4 = fmt::format("203.0.113.{}", (number % 60) * 4 + 2);
  host4 = fmt::format("203.0.113.{}", (number % 60) * 4 + 1);
  public6 = fmt::format("2001:db8:{:x}::2", number);
  private4 = fmt::format("172.31.{}.{}", number / 250 % 250, number % 250 + 1);
  link4 = fmt::format("169.254.{}.{}", 100 + number % 100, number / 250 % 250 + 1);
  private6 = fmt::format("fd77:{:x}::2", number);
  host6 = fmt::format("2001:db8:{:x}::1", number);
  said_ = shell_says(fmt::format(
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

Outside::~Outside() {
  if (server_ > 0) {
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
  }
  shell_says(fmt::format("ip netns del {}", name_));
}

void Outside::serve() {
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

}  // namespace croft
