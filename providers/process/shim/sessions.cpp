#include "providers/process/shim/sessions.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <utility>

namespace croft::shim {

namespace {

constexpr std::size_t kMaximumSessions = 32;
/// How long a command may take to end after SIGHUP.
constexpr std::int64_t kHangUpGrace = 1000;

}  // namespace

int Sessions::open(const App& app, const SessionRequest& request, Opened opened, Ended ended) {
  if (sessions_.size() >= kMaximumSessions) {
    opened({}, "too many commands run in it already");
    return 0;
  }
  SpawnedSession spawned = spawn_session(launch_, app, request);
  if (!spawned.problem.empty()) {
    opened({}, spawned.problem);
    return 0;
  }
  Session& session = sessions_[spawned.pid];
  session.id = ++last_id_;
  session.setup = std::move(spawned.setup);
  session.opened = std::move(opened);
  session.ended = std::move(ended);
  const int id = session.id;
  if (!request.has_terminal) {
    tell_opened(spawned.pid, std::move(spawned.streams), {});
    return id;
  }
  loop_.watch(session.setup.get(), EPOLLIN,
              [this, pid = spawned.pid](std::uint32_t) { take_terminal(pid); });
  return id;
}

void Sessions::take_terminal(pid_t pid) {
  const auto found = sessions_.find(pid);
  if (found == sessions_.end()) return;
  std::string problem;
  std::vector<Descriptor> streams;
  Descriptor master = receive_terminal(found->second.setup.get(), problem);
  loop_.unwatch(found->second.setup.get());
  found->second.setup.reset();
  if (master.is_open()) streams.push_back(std::move(master));
  tell_opened(pid, std::move(streams), problem);
}

void Sessions::tell_opened(pid_t pid, std::vector<Descriptor> streams, const std::string& problem) {
  Session& session = sessions_.at(pid);
  const Opened opened = std::exchange(session.opened, nullptr);
  if (!problem.empty()) session.ended = nullptr;
  if (opened) opened(std::move(streams), problem);
}

void Sessions::hang_up(int id) {
  for (auto& [pid, session] : sessions_) {
    if (session.id != id || std::exchange(session.is_hung_up, true)) continue;
    session.opened = nullptr;
    session.ended = nullptr;
    session.leader = leader_of(pid);
    signal_session(launch_, session.leader, SIGHUP);
    signal_session(launch_, session.leader, SIGCONT);  // one that is stopped would not notice
    kill_later(pid, session.leader);
    return;
  }
}

/// What has not ended by then does not want to.
void Sessions::kill_later(pid_t child, pid_t leader) {
  loop_.after(kHangUpGrace, [this, child, leader] {
    if (leader > 0) signal_session(launch_, leader, SIGKILL);
    // Its death takes a leader along that was not there yet when we looked.
    if (sessions_.contains(child)) ::kill(child, SIGKILL);
  });
}

bool Sessions::reap(pid_t pid, int status) {
  const auto found = sessions_.find(pid);
  if (found == sessions_.end()) return false;
  if (found->second.setup.is_open()) take_terminal(pid);  // what it said before it ended
  Session session = std::move(found->second);
  sessions_.erase(found);
  if (session.ended) session.ended(status);
  return true;
}

}  // namespace croft::shim
