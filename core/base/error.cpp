#include "core/base/error.hpp"

#include <array>
#include <utility>

namespace croft {

namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 8> kCodeNames{{
    {ErrorCode::NotFound, "NotFound"},
    {ErrorCode::Invalid, "Invalid"},
    {ErrorCode::Denied, "Denied"},
    {ErrorCode::Conflict, "Conflict"},
    {ErrorCode::Unavailable, "Unavailable"},
    {ErrorCode::Timeout, "Timeout"},
    {ErrorCode::Cancelled, "Cancelled"},
    {ErrorCode::Internal, "Internal"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const auto& [known, name] : kCodeNames) {
    if (known == code) return name;
  }
  return "Internal";
}

std::optional<ErrorCode> error_code_from(std::string_view name) {
  for (const auto& [code, known] : kCodeNames) {
    if (known == name) return code;
  }
  return std::nullopt;
}

Error Error::with_hint(std::string hint) && {
  hint_ = std::move(hint);
  return std::move(*this);
}

Error Error::at(SourcePosition position) && {
  position_ = std::move(position);
  return std::move(*this);
}

Error Error::while_doing(std::string what) && {
  context_.push_back(std::move(what));
  return std::move(*this);
}

std::string Error::describe() const {
  std::string text;
  if (position_) {
    text += position_->file + ":" + std::to_string(position_->line) + ":" +
            std::to_string(position_->column) + ": ";
  }
  for (auto it = context_.rbegin(); it != context_.rend(); ++it) text += "while " + *it + ": ";
  text += message_;
  if (!hint_.empty()) text += "; " + hint_;
  return text;
}

bool Error::is_retryable() const {
  return code_ == ErrorCode::Unavailable || code_ == ErrorCode::Timeout ||
         code_ == ErrorCode::Conflict || code_ == ErrorCode::Cancelled;
}

}  // namespace croft
