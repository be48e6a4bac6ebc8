#include "providers/process/shim/supervisor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace croft::shim {

namespace {

constexpr std::int64_t kSettle =
    1000;  ///< a new try counts as Running after this many milliseconds
constexpr std::int64_t kKillAgain = 10;
constexpr std::int64_t kAskAgain = 5;
constexpr std::size_t kReadAtOnce = 1 << 16;

int status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string describe_exit(int status) {
  if (status <= 128 || status > 128 + 64) return "exit status " + std::to_string(status);
  const char* name = ::sigabbrev_np(status - 128);
  return "ended by signal " +
         (name != nullptr ? "SIG" + std::string(name) : std::to_string(status - 128));
}

std::string describe_wait(std::int64_t milliseconds) {
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds == 0) return std::to_string(milliseconds) + "ms";
  return seconds < 60 || seconds % 60 != 0 ? std::to_string(seconds) + "s"
                                           : std::to_string(seconds / 60) + "m";
}

}  // namespace

Supervisor::Supervisor(Loop& loop, Launch launch, std::string state_file)
    : loop_(loop),
      launch_(std::move(launch)),
      state_file_(std::move(state_file)),
      log_(launch_.log_directory, launch_.log_size, launch_.log_files),
      sessions_(loop, launch_) {
  changed();
}

Line Supervisor::state_line(std::string_view verb) const {
  Line line(verb);
  line.add("phase", state_.phase).add("reason", state_.reason).add("message", state_.message);
  line.add("restarts", state_.restarts).add("started", state_.started).add("exit", state_.exit);
  line.add("next", state_.next).add("pid", app_.pid).add("digest", launch_.digest);
  return line;
}

void Supervisor::changed() {
  Line line = state_line("state");
  line.add("version", kProtocolVersion);
  const std::string text = format_line(line);
  const std::string temporary = state_file_ + ".new";
  const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  // On a full disk the file stays as it was; the socket tells the truth.
  if (fd.is_open() &&
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    std::rename(temporary.c_str(), state_file_.c_str());
  }
  if (listener_) listener_();
}

void Supervisor::drop_timer(int& timer) {
  if (timer != 0) loop_.cancel(std::exchange(timer, 0));
}

std::string Supervisor::take_secret(const std::string& name, const std::string& value) {
  constexpr std::string_view kVariable = "env:";
  constexpr std::string_view kFile = "file:";
  if (std::ranges::find(launch_.secrets, name) == launch_.secrets.end())
    return "the app has no secret '" + name + "'";
  if (name.starts_with(kVariable)) {
    const std::string variable = name.substr(kVariable.size()) + "=";
    std::erase_if(launch_.environment,
                  [&](const std::string& entry) { return entry.starts_with(variable); });
    launch_.environment.push_back(variable + value);
  } else if (name.starts_with(kFile)) {
    const std::string file = name.substr(kFile.size());
    std::erase_if(launch_.files, [&](const Launch::File& one) { return one.name == file; });
    launch_.files.push_back({file, value, true});
  }
  secrets_.insert(name);
  return {};
}

std::string Supervisor::missing_secret() const {
  const auto missing = std::ranges::find_if(
      launch_.secrets, [this](const std::string& name) { return !secrets_.contains(name); });
  return missing == launch_.secrets.end() ? "" : "the secret '" + *missing + "' was not told";
}

void Supervisor::start(const Answer& answer) {
  if (std::string missing = missing_secret(); !missing.empty()) return answer(missing);
  if (is_stopping_) {
    stop_answers_.push_back([this, answer](const std::string&) { start(answer); });
    return;
  }
  if (app_.pid < 0) {
    drop_timer(retry_timer_);
    failures_ = 0;
    try_start();
  }
  answer({});
}

void Supervisor::try_start() {
  retry_timer_ = 0;
  state_.next = 0;
  oom_kills_ = read_oom_kills(launch_);
  Spawned spawned = spawn_app(launch_);
  if (!spawned.problem.empty()) {
    plan_retry("CannotStart", spawned.problem);
    return;
  }
  app_ = std::move(spawned.app);
  run_began_ = steady_now();
  state_.started = wall_now();
  state_.phase = failures_ == 0 ? "Running" : "Starting";
  if (failures_ == 0) state_.reason = state_.message = {};
  if (failures_ != 0) {
    settle_timer_ = loop_.after(kSettle, [this] {
      settle_timer_ = 0;
      state_.phase = "Running";
      state_.reason = state_.message = {};
      changed();
    });
  }
  loop_.watch(app_.output.get(), EPOLLIN, [this](std::uint32_t) { read_output(); });
  changed();
}

void Supervisor::read_output() {
  std::array<char, kReadAtOnce> buffer;
  const ssize_t count = ::read(app_.output.get(), buffer.data(), buffer.size());
  if (count > 0) log_.write({buffer.data(), static_cast<std::size_t>(count)});
  if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return;
  loop_.unwatch(app_.output.get());
}

void Supervisor::reap() {
  int wait_status = 0;
  for (;;) {
    const pid_t pid = ::waitpid(-1, &wait_status, WNOHANG);
    if (pid <= 0) return;
    const auto command = commands_.find(pid);
    if (command != commands_.end()) {
      const auto answer = std::move(command->second);
      commands_.erase(command);
      answer(status_of(wait_status));
    } else if (sessions_.reap(pid, status_of(wait_status))) {
      continue;
    } else if (pid == app_.pid) {
      app_ended(status_of(wait_status));
    }
  }
}

void Supervisor::app_ended(int status) {
  drop_timer(settle_timer_);
  // What it said last is still in the pipe. A descendant that lives on may hold it open: what is
  // there now is enough.
  std::array<char, kReadAtOnce> buffer;
  for (ssize_t count = 1; count > 0;) {
    count = ::read(app_.output.get(), buffer.data(), buffer.size());
    if (count > 0) log_.write({buffer.data(), static_cast<std::size_t>(count)});
  }
  loop_.unwatch(app_.output.get());
  app_ = App{};
  state_.exit = status;
  state_.started = 0;
  if (is_stopping_) {
    check_stopped();
    return;
  }
  kill_app(launch_, app_);
  if (steady_now() - run_began_ >= launch_.stable_after) failures_ = 0;
  const bool is_oom = read_oom_kills(launch_) > oom_kills_;
  const std::string what =
      is_oom ? "out of memory, " + describe_exit(status) : describe_exit(status);
  plan_retry(is_oom ? "OutOfMemory" : failures_ == 0 ? "Exited" : "CrashLoop", what);
}

void Supervisor::plan_retry(const std::string& reason, const std::string& what) {
  const std::int64_t pause = std::min<std::int64_t>(
      launch_.backoff_limit, launch_.backoff_first << std::min(failures_, 20));
  ++failures_;
  ++state_.restarts;
  state_.phase = "Failed";
  state_.reason = reason;
  state_.message = what + ", next try in " + describe_wait(pause);
  state_.next = wall_now() + pause;
  retry_timer_ = loop_.after(pause, [this] { try_start(); });
  changed();
}

void Supervisor::stop(std::int64_t grace, const Answer& answer) {
  stop_answers_.push_back(answer);
  if (is_stopping_) return;
  is_stopping_ = true;
  drop_timer(retry_timer_);
  state_.next = 0;
  if (app_.pid < 0) {
    kill_until_gone();
    return;
  }
  state_.phase = "Stopping";
  state_.reason = state_.message = {};
  ask_to_end();
  kill_timer_ = loop_.after(std::max<std::int64_t>(grace, 0), [this] { kill_until_gone(); });
  changed();
}

void Supervisor::ask_to_end() {
  ask_timer_ = 0;
  if (app_.pid < 0 || signal_app(launch_, app_, SIGTERM)) return;
  ask_timer_ = loop_.after(kAskAgain, [this] { ask_to_end(); });  // bubblewrap is not done yet
}

void Supervisor::kill_until_gone() {
  kill_timer_ = 0;
  drop_timer(ask_timer_);
  kill_app(launch_, app_);
  check_stopped();
}

void Supervisor::check_stopped() {
  if (app_.pid < 0 && !has_processes(launch_)) {
    drop_timer(kill_timer_);
    drop_timer(ask_timer_);
    is_stopping_ = false;
    state_.phase = "Stopped";
    state_.reason = state_.message = {};
    changed();
    for (const Answer& answer : std::exchange(stop_answers_, {})) answer({});
    return;
  }
  // The main process is gone, or its time is up: what is left of it goes now, and again until
  // nothing is left.
  if (app_.pid < 0 || kill_timer_ == 0) {
    drop_timer(kill_timer_);
    kill_timer_ = loop_.after(kKillAgain, [this] { kill_until_gone(); });
  }
}

void Supervisor::restart(std::int64_t grace, const Answer& answer) {
  stop(grace, [this, answer](const std::string& problem) {
    if (!problem.empty()) return answer(problem);
    start(answer);
  });
}

void Supervisor::execute(const std::vector<std::string>& command, std::int64_t timeout,
                         const std::function<void(int)>& answer) {
  if (is_starting() && timeout > 0) {
    loop_.after(kAskAgain, [this, command, timeout, answer] {
      execute(command, timeout - kAskAgain, answer);
    });
    return;
  }
  const pid_t pid = is_stopping_ ? -1 : spawn_inside(launch_, app_, command);
  if (pid < 0) return answer(-1);
  const int timer = loop_.after(timeout, [pid] { ::kill(-pid, SIGKILL); });
  commands_[pid] = [this, timer, answer](int status) {
    loop_.cancel(timer);
    answer(status);
  };
}

bool Supervisor::is_starting() const {
  return app_.pid > 0 && !is_stopping_ && !is_ready(launch_, app_);
}

int Supervisor::open_session(const SessionRequest& request, Sessions::Opened opened,
                             Sessions::Ended ended) {
  if (is_stopping_ || request.command.empty() || !is_ready(launch_, app_)) {
    opened({}, "the app does not run");
    return 0;
  }
  return sessions_.open(app_, request, std::move(opened), std::move(ended));
}

}  // namespace croft::shim
