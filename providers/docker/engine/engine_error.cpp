#include "providers/docker/engine/engine_error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "core/base/value.hpp"
#include "core/net/http.hpp"
#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

namespace {

constexpr std::size_t kLongestMessage = 2000;

struct Words {
  std::string_view part;
  ErrorCode code;
};

// Engines answer much with 500 (and 403) that has a meaning of its own. First match wins.
constexpr std::array kDiskWords = {std::string_view("no space left on device"),
                                   std::string_view("disk quota exceeded")};
constexpr std::array kWords = {
    Words{"already in use", ErrorCode::Conflict},
    Words{"already exists", ErrorCode::Conflict},
    Words{"is in use", ErrorCode::Conflict},
    Words{"is being used", ErrorCode::Conflict},
    Words{"has active endpoints", ErrorCode::Conflict},
    Words{"pool overlaps", ErrorCode::Conflict},
    Words{"already allocated", ErrorCode::Conflict},
    Words{"is not running", ErrorCode::Conflict},
    Words{"manifest unknown", ErrorCode::NotFound},
    Words{"manifest for", ErrorCode::NotFound},
    Words{"no such image", ErrorCode::NotFound},
    Words{"name unknown", ErrorCode::NotFound},
    Words{"unauthorized", ErrorCode::Denied},
    Words{"authentication required", ErrorCode::Denied},
    Words{"no basic auth credentials", ErrorCode::Denied},
    Words{"invalid username/password", ErrorCode::Denied},
    Words{"access denied", ErrorCode::Denied},
    Words{"denied:", ErrorCode::Denied},
    Words{"executable file not found", ErrorCode::Invalid},
    Words{"invalid reference format", ErrorCode::Invalid},
    Words{"dockerfile parse error", ErrorCode::Invalid},
    Words{"cannot locate specified dockerfile", ErrorCode::Invalid},
    Words{"returned a non-zero code", ErrorCode::Invalid},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool says_disk_is_full(std::string_view message) {
  const std::string text = lower(message);
  return std::ranges::any_of(kDiskWords,
                             [&](std::string_view part) { return text.contains(part); });
}

std::optional<ErrorCode> code_of_words(std::string_view message) {
  const std::string text = lower(message);
  for (const Words& words : kWords) {
    if (text.contains(words.part)) return words.code;
  }
  return std::nullopt;
}

ErrorCode code_of(int status, std::string_view message) {
  if (status == 400 || status == 405 || status == 413 || status == 422) return ErrorCode::Invalid;
  if (status == 401) return ErrorCode::Denied;
  if (status == 404) return ErrorCode::NotFound;
  if (status == 409) return ErrorCode::Conflict;
  if (status == 408 || status == 504) return ErrorCode::Timeout;
  if (const auto code = code_of_words(message)) return *code;
  return status == 403 ? ErrorCode::Denied : ErrorCode::Unavailable;
}

/// Docker says {"message"}, Podman {"cause", "message"} too, and something between may say
/// anything.
std::string message_of(int status, std::string_view body) {
  const Result<Value> said = parse_json(body);
  std::string message = said ? said->text_or("message", "") : std::string(body);
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back())) != 0) {
    message.pop_back();
  }
  message = repair_utf8(message.substr(0, kLongestMessage));
  if (!message.empty()) return message;
  return "the engine says " + std::to_string(status) + " " + std::string(reason_phrase(status));
}

Error make(ErrorCode code, std::string message, std::string doing) {
  const bool is_full = says_disk_is_full(message);
  Error error(is_full ? ErrorCode::Unavailable : code, std::move(message));
  if (is_full)
    error = std::move(error).with_hint("free some space where the engine keeps its data");
  return std::move(error).while_doing(std::move(doing));
}

}  // namespace

Error engine_error(int status, std::string_view body, std::string doing) {
  std::string message = message_of(status, body);
  const ErrorCode code = code_of(status, message);
  return make(code, std::move(message), std::move(doing));
}

Error stream_error(std::string message, std::string doing) {
  message = repair_utf8(message.substr(0, kLongestMessage));
  const ErrorCode code = code_of_words(message).value_or(ErrorCode::Unavailable);
  return make(code, std::move(message), std::move(doing));
}

bool is_out_of_space(const Error& error) { return says_disk_is_full(error.message()); }

}  // namespace croft::docker
