#include "gateway/receivers/hook_type.hpp"

namespace croft {

std::string_view to_string(HookType type) {
  switch (type) {
    case HookType::GitHub:
      return "github";
    case HookType::GitLab:
      return "gitlab";
    case HookType::Gitea:
      return "gitea";
    case HookType::Forgejo:
      return "forgejo";
    case HookType::Bitbucket:
      return "bitbucket";
    case HookType::Hmac:
      return "hmac";
    case HookType::Token:
      return "token";
  }
  return "";
}

std::optional<HookType> hook_type_from(std::string_view name) {
  for (const HookType type : kHookTypes) {
    if (to_string(type) == name) return type;
  }
  return std::nullopt;
}

}  // namespace croft
