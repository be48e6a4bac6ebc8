#include "providers/docker/exec_end.hpp"

#include <csignal>

#include "core/base/log.hpp"
#include "providers/local/machine_facts.hpp"

namespace croft::docker {

namespace {

constexpr Duration kWithin{30'000};
constexpr Duration kGrace{1'000};
constexpr Duration kAgain{50};

/// The command's process as this machine numbers it; 0 if it does not run.
Task<int> process_of(CorePtr core, std::string exec) {
  const Limit limit{std::chrono::steady_clock::now() + kWithin};
  while (limit.check("its process was known")) {
    const Result<Value> seen = co_await core->engine.execs().inspect(exec, limit.at);
    if (!seen || !seen->boolean_or("Running", false)) co_return 0;
    const auto process = static_cast<int>(seen->integer_or("Pid", 0));
    if (process > 1) co_return process;
    co_await sleep_for(kAgain);
  }
  co_return 0;
}

Task<> end_command(CorePtr core, std::string container, std::string exec) {
  const int process = co_await process_of(core, exec);
  if (process == 0) co_return;
  for (const int signal : {SIGHUP, SIGKILL}) {
    auto signalling = core->pool.run(
        [process, container, signal] { return signal_session(process, container, signal); });
    const int count = co_await std::move(signalling);
    log_debug("docker", "ending a command",
              {{"container", container.substr(0, 12)}, {"processes", std::to_string(count)}});
    if (count == 0) co_return;
    if (signal == SIGHUP) co_await sleep_for(kGrace);
  }
}

}  // namespace

ExecEnd::~ExecEnd() {
  if (has_ended_ || !core_->settings.is_local()) return;
  spawn(core_->executor, end_command(core_, container_, exec_), "ending a command");
}

}  // namespace croft::docker
