#include "core/net/sse.hpp"

#include <algorithm>

namespace croft {

namespace {

std::string without_line_ends(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char c) { return c == '\n' || c == '\r' || c == '\0'; });
  return out;
}

/// One line a line of `text`, each with the prefix; every line end that the format knows counts.
void append_lines(std::string& out, std::string_view prefix, std::string_view text) {
  for (;;) {
    const std::size_t end = text.find_first_of("\r\n");
    out.append(prefix).append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) return;
    const bool is_pair = text.substr(end, 2) == "\r\n";
    text.remove_prefix(end + (is_pair ? 2 : 1));
  }
}

}  // namespace

std::string write_sse(const SseEvent& event) {
  std::string out;
  if (!event.id.empty()) out += "id: " + without_line_ends(event.id) + "\n";
  if (!event.event.empty()) out += "event: " + without_line_ends(event.event) + "\n";
  append_lines(out, "data: ", event.data);
  out += '\n';
  return out;
}

std::string write_sse_comment(std::string_view text) {
  std::string out;
  append_lines(out, ": ", text);
  out += '\n';
  return out;
}

Result<std::vector<SseEvent>> SseParser::feed(std::string_view piece) {
  std::vector<SseEvent> out;
  for (const char c : piece) {
    const bool is_second_of_pair = std::exchange(skip_line_feed_, false) && c == '\n';
    if (is_second_of_pair) continue;
    if (c == '\n' || c == '\r') {
      skip_line_feed_ = c == '\r';
      take_line(line_, out);
      line_.clear();
    } else {
      line_ += c;
      if (line_.size() + event_.data.size() > limit_) {
        return fail(ErrorCode::Invalid,
                    "an event is larger than " + std::to_string(limit_) + " bytes");
      }
    }
  }
  return out;
}

void SseParser::take_line(std::string_view line, std::vector<SseEvent>& out) {
  if (line.empty()) {
    if (has_data_) {
      event_.data.pop_back();  // the line feed after its last line
      out.push_back(event_);
    }
    // The id stays: it is what the stream has come to.
    event_.event.clear();
    event_.data.clear();
    has_data_ = false;
    return;
  }
  const std::string_view name = line.substr(0, line.find(':'));
  std::string_view value = name.size() < line.size() ? line.substr(name.size() + 1) : "";
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    event_.data.append(value).append("\n");
    has_data_ = true;
  } else if (name == "event") {
    event_.event = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
}

}  // namespace croft
