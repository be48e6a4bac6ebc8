#include "reconciler/words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft {

namespace {

struct Deed {
  std::string_view done;
  std::string_view command;
};

Deed deed_of(DirectiveVerb verb) {
  switch (verb) {
    case DirectiveVerb::Stop:
      return {"held", "croft stop"};
    case DirectiveVerb::Start:
      return {"started", "croft start"};
    case DirectiveVerb::Restart:
      return {"restart asked for", "croft restart"};
    case DirectiveVerb::Suspend:
      return {"suspended", "croft suspend"};
  }
  return {"held", "croft stop"};
}

}  // namespace

std::string spoken(Duration duration) {
  const std::int64_t seconds = std::max<std::int64_t>(0, duration.count() / 1000);
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86'400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86'400);
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string spoken(const DirectiveRow& directive, Timestamp now) {
  const bool lasts =
      directive.verb == DirectiveVerb::Stop || directive.verb == DirectiveVerb::Suspend;
  const std::string age = spoken(now - directive.created_at);
  const Deed deed = deed_of(directive.verb);
  std::string text(deed.done);
  if (!directive.by.empty()) text += " by " + directive.by;
  text += lasts ? " for " + age : " " + age + " ago";
  text += fmt::format(" ({})", deed.command);
  if (directive.until) text += fmt::format(", until {}", format_time(*directive.until));
  if (!directive.why.empty()) text += ": " + directive.why;
  return text;
}

}  // namespace croft
