#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace croft {

/// How a hook's deliveries look and what proves them.
enum class HookType {
  GitHub,
  GitLab,
  Gitea,
  Forgejo,
  Bitbucket,
  Hmac,   ///< anything that can sign its body with a shared key
  Token,  ///< anything that can send a header
};

inline constexpr std::array kHookTypes{HookType::GitHub,  HookType::GitLab,    HookType::Gitea,
                                       HookType::Forgejo, HookType::Bitbucket, HookType::Hmac,
                                       HookType::Token};

/// "github", as a Source's `receiver.type` names it.
std::string_view to_string(HookType type);
std::optional<HookType> hook_type_from(std::string_view name);

}  // namespace croft
