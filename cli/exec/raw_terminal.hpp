#pragma once

#include "core/base/result.hpp"

namespace croft::cli {

/// The terminal on standard input, passing on every key as it is typed. It is put back as it was
/// when this goes, when the process exits, and when a signal that cannot be handled ends it. One at
/// a time.
class RawTerminal {
 public:
  /// Unavailable if standard input is no terminal.
  static Result<RawTerminal> enter();
  RawTerminal(RawTerminal&& other) noexcept : is_active_(other.is_active_) {
    other.is_active_ = false;
  }
  RawTerminal& operator=(RawTerminal&&) = delete;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

  /// As it was, until resume(): while the process is stopped.
  void pause() const;
  void resume() const;

 private:
  RawTerminal() = default;
  bool is_active_ = true;
};

struct TerminalSize {
  int rows = 24;
  int columns = 80;
};
/// Of the terminal on standard output, else on standard input; 24 by 80 if neither is one.
TerminalSize terminal_size();

}  // namespace croft::cli
