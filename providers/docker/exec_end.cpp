#include "providers/docker/exec_end.hpp"

#include <algorithm>
#include <csignal>

#include "core/base/id.hpp"
#include "core/base/log.hpp"
#include "providers/local/machine_facts.hpp"

namespace croft::docker {

namespace {

constexpr Duration kWithin{30'000};
constexpr Duration kGrace{1'000};
constexpr Duration kAgain{50};
constexpr std::size_t kLongestWords = 200;

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

constexpr const char* kMark = "CROFT_EXEC=";
/// Its name ($0) is the mark; it has none itself. What the command started may have lost the mark
/// (busybox writes over it), so that its session is what counts.
constexpr const char* kEndMarked = R"(
sessions=
for process in /proc/[0-9]*; do
  { tr '\0' '\n' <"$process/environ" | grep -qxF "$0" && read -r all <"$process/stat"; } \
    2>/dev/null || continue
  set -- ${all##*) }
  [ "$4" = 0 ] || sessions="$sessions $4 "
done
for signal in HUP KILL; do
  found=
  for process in /proc/[0-9]*; do
    { read -r all <"$process/stat"; } 2>/dev/null || continue
    set -- ${all##*) }
    case "$sessions" in
      *" $4 "*) kill -s $signal "${process#/proc/}" && found=yes ;;
    esac
  done
  [ -n "$found" ] || exit 0
  sleep 1
done)";

Task<> end_from_inside(CorePtr core, std::string container, std::string mark) {
  const Limit limit{std::chrono::steady_clock::now() + kWithin};
  ExecCommand command;
  command.container = container;
  command.command = {"/bin/sh", "-c", kEndMarked, kMark + mark};
  command.input = false;
  const Result<std::string> exec =
      co_await core->engine.execs().create(std::move(command), limit.at);
  if (!exec) co_return;  // the container has ended, and the command with it
  const auto stream = co_await core->engine.execs().start(*exec, false, limit.at);
  std::string said;
  while (stream) {
    const Result<AttachedStream::Piece> piece = co_await (*stream)->read();
    if (!piece || piece->bytes.empty()) break;
    said += piece->bytes.substr(0, kLongestWords - std::min(kLongestWords, said.size()));
  }
  if (!stream || !said.empty())
    log_warning("docker", "a command may run on: nothing inside its container can end it",
                {{"container", container.substr(0, 12)},
                 {"error", stream ? said : stream.error().describe()}});
}

}  // namespace

std::string mark_command(const Core& core, ExecCommand& command) {
  if (core.settings.is_local()) return {};
  SystemRandom random;
  std::string mark = random.id();
  command.env.push_back(kMark + mark);
  return mark;
}

ExecEnd::~ExecEnd() {
  if (has_ended_) return;
  spawn(core_->executor,
        mark_.empty() ? end_command(core_, container_, exec_)
                      : end_from_inside(core_, container_, mark_),
        "ending a command");
}

}  // namespace croft::docker
