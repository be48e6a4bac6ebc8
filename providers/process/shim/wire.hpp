#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft::shim {

// What Croft and a croft-shim say to each other, on a stream socket and in the files between them:
// lines of `verb key=value key=value`, each value percent-encoded. Shared by both sides, so it
// stands on nothing but the standard library. The rules that let an old shim work with a new Croft,
// and the reverse: a line is never longer than kMaximumLine; unknown keys are ignored; an unknown
// verb is answered with `error code=Unsupported`; a verb's meaning never changes once released, a
// new meaning is a new verb or a new key. `hello` tells the newest version each side knows.
//
//   hello version=N            → ok version=N (the smaller of both) pid=N
//   secret name=env:NAME|file:PATH value=TEXT
//                              → ok; kept in memory for each start of the app
//   status                     → ok <state>
//   subscribe                  → ok <state>, then `changed <state>` each time, until the connection
//   ends start                      → ok once the app's process runs or is sure to be tried again
//   stop grace=MS              → ok once nothing of the app runs
//   restart grace=MS           → ok once it was stopped and started
//   dial timeout=MS            → ok, with a connected socket as SCM_RIGHTS
//   exec arg=A arg=B timeout=MS → ok status=N
//   open arg=A arg=B env=N=V directory=D timeout=MS
//                              → ok, with pipes to its input, output and error as SCM_RIGHTS, then
//                                `exited status=N`; the command is ended if the connection ends
//   open ... terminal=1 rows=N columns=N
//                              → ok, with the other side of a terminal, then the same
//   quit                       → ok, and the shim ends if nothing of the app runs, else error
//   code=Conflict
//
// <state>: phase reason message restarts started exit next pid digest (see supervisor.hpp).
inline constexpr int kProtocolVersion = 1;
inline constexpr std::size_t kMaximumLine = 1 << 20;

struct Line {
  std::string verb;
  std::vector<std::pair<std::string, std::string>> fields;

  Line() = default;
  explicit Line(std::string_view name) : verb(name) {}
  Line& add(std::string_view key, std::string_view value);
  Line& add(std::string_view key, long long value);
  /// The last field of that key, or null.
  const std::string* find(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback = {}) const;
  long long number(std::string_view key, long long fallback = 0) const;
  /// Every value of that key, in order.
  std::vector<std::string> all(std::string_view key) const;
};

/// With the line feed at its end.
std::string format_line(const Line& line);
/// Without the line feed; nothing if it has no verb or a field without "=".
std::optional<Line> parse_line(std::string_view text);

}  // namespace croft::shim
