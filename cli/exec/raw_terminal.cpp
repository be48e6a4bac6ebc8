#include "cli/exec/raw_terminal.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/files.hpp"

namespace croft::cli {

namespace {

termios before;  // valid while is_raw
volatile std::sig_atomic_t is_raw = 0;

/// Safe in signal handlers.
void restore() {
  if (is_raw == 0) return;
  is_raw = 0;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

void restore_and_die(int signal) {
  restore();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

/// Of a crash nobody else takes care.
void watch_crashes() {
  static const bool is_watched = [] {
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
      ::signal(signal, restore_and_die);
    return std::atexit(restore) == 0;
  }();
  (void)is_watched;
}

bool make_raw() {
  termios raw = before;
  ::cfmakeraw(&raw);
  return ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

}  // namespace

Result<RawTerminal> RawTerminal::enter() {
  if (::tcgetattr(STDIN_FILENO, &before) != 0)
    return fail(ErrorCode::Unavailable, "standard input is no terminal");
  watch_crashes();
  is_raw = 1;  // before it is: a signal in between restores what need not be
  if (!make_raw()) {
    is_raw = 0;
    return fail(system_error(errno, "preparing the terminal"));
  }
  return RawTerminal();
}

RawTerminal::~RawTerminal() {
  if (is_active_) restore();
}

void RawTerminal::pause() const {
  if (is_active_) restore();
}

void RawTerminal::resume() const {
  if (!is_active_) return;
  is_raw = 1;
  make_raw();
}

TerminalSize terminal_size() {
  for (const int fd : {STDOUT_FILENO, STDIN_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
      return {size.ws_row, size.ws_col};
  }
  return {};
}

}  // namespace croft::cli
