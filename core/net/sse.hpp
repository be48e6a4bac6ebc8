#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

// Server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html.

struct SseEvent {
  std::string id;     ///< what a client sends as Last-Event-ID to go on after it; empty: none given
  std::string event;  ///< its type; empty means "message"
  std::string data;

  bool operator==(const SseEvent&) const = default;
};

/// The text of an event on the wire. Line ends in id and event are dropped.
std::string write_sse(const SseEvent& event);
/// A comment, which clients ignore: keeps a quiet connection alive.
std::string write_sse_comment(std::string_view text);

/// Finds events in a stream that comes in pieces.
class SseParser {
 public:
  explicit SseParser(std::size_t event_limit = 1U << 20U) : limit_(event_limit) {}
  /// The events that this piece completes. Invalid if one is larger than the limit.
  Result<std::vector<SseEvent>> feed(std::string_view piece);

 private:
  void take_line(std::string_view line, std::vector<SseEvent>& out);

  std::size_t limit_;
  std::string line_;
  bool skip_line_feed_ = false;
  bool has_data_ = false;
  SseEvent event_;
};

}  // namespace croft
