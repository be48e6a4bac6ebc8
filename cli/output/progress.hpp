#pragma once

#include <string>

#include "cli/output/terminal.hpp"

namespace croft::cli {

/// Tells on `err` how a long wait goes: one line that is redrawn where a person looks, else a line
/// whenever the text changes.
class Progress {
 public:
  explicit Progress(const Terminal& terminal) : terminal_(terminal) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const std::string& text);
  /// Takes the line away before something else is printed.
  void clear();

 private:
  const Terminal& terminal_;
  std::string shown_;
  std::size_t turn_ = 0;
};

}  // namespace croft::cli
