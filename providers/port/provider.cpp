#include "providers/port/provider.hpp"

#include <fmt/format.h>

#include "core/resource/field.hpp"
#include "core/resource/kinds.hpp"

namespace croft {

std::string endpoints_text(const Observed& observed) {
  if (observed.endpoints.empty()) return to_string(observed.endpoint);
  std::string text;
  for (const auto& [port, endpoint] : observed.endpoints) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", port, to_string(endpoint));
  }
  return text;
}

const std::string* clear_text(const Effect& effect, const Value& value) {
  if (value.is_text()) return &value.as_text();
  if (!is_secret_reference(value) || !effect.secrets) return nullptr;
  const auto found = effect.secrets->find(value.text_or("secret", ""));
  return found == effect.secrets->end() ? nullptr : &found->second.reveal();
}

Result<void> check_secret_values(const Effect& effect) {
  Result<void> outcome;
  if (!effect.spec) return outcome;
  for_each_secret(
      spec_of(effect.ref.kind), *effect.spec, [&](const std::string& path, const Value& reference) {
        if (clear_text(effect, reference) != nullptr) return;
        outcome = fail(
            Error(ErrorCode::Internal, "the secret is not at hand").while_doing("spec." + path));
      });
  return outcome;
}

Endpoint endpoint_for(std::string_view text, std::int64_t port) {
  const bool is_by_port = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (!is_by_port) return parse_endpoint(text).value_or(Endpoint{});
  const std::string prefix = fmt::format("{}=", port);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view one = text.substr(0, end);
    if (one.starts_with(prefix))
      return parse_endpoint(one.substr(prefix.size())).value_or(Endpoint{});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace croft
