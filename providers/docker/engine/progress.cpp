#include "providers/docker/engine/progress.hpp"

#include "core/net/http.hpp"

namespace croft::docker {

namespace {

Progress read(const Value& message) {
  Progress progress;
  progress.id = message.text_or("id", "");
  progress.status = message.text_or("status", "");
  progress.text = message.text_or("stream", "");
  progress.current = message.integer_or("progressDetail.current", 0);
  progress.total = message.integer_or("progressDetail.total", 0);
  progress.error = message.text_or("errorDetail.message", message.text_or("error", ""));
  if (const Value* aux = message.find("aux")) progress.aux = *aux;
  return progress;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Result<void> take(std::string_view line, std::vector<Progress>& out) {
  if (is_blank(line)) return {};
  // What a step of a build writes need not be UTF-8, and not every engine repairs it.
  Result<Value> message = parse_json(is_utf8(line) ? std::string(line) : repair_utf8(line));
  if (!message || !message->is_map()) {
    return fail(ErrorCode::Invalid, "the engine's progress is not JSON, a message a line");
  }
  out.push_back(read(*message));
  return {};
}

}  // namespace

Result<std::vector<Progress>> ProgressParser::feed(std::string_view piece) {
  std::vector<Progress> out;
  for (;;) {
    const std::size_t end = piece.find('\n');
    line_ += piece.substr(0, end);
    if (line_.size() > limit_) {
      return fail(ErrorCode::Invalid, "a message of the engine's progress is too large");
    }
    if (end == std::string_view::npos) return out;
    TRY(take(line_, out));
    line_.clear();
    piece.remove_prefix(end + 1);
  }
}

Result<std::vector<Progress>> ProgressParser::finish() {
  std::vector<Progress> out;
  const std::string line = std::exchange(line_, {});
  if (!is_blank(line) && !take(line, out)) {
    return fail(ErrorCode::Unavailable, "the engine's progress broke off in the middle");
  }
  return out;
}

}  // namespace croft::docker
