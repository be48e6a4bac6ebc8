#pragma once

#include <string>
#include <string_view>

#include "core/base/secret.hpp"
#include "core/base/units.hpp"
#include "core/net/http.hpp"
#include "gateway/receivers/hook_type.hpp"

namespace croft {

/// How far a signed time stamp may be from our clock.
inline constexpr Duration kProofTolerance{5 * 60'000};

/// Whether a delivery proves that its sender knows the secret:
///
///   github      X-Hub-Signature-256: sha256=HEX       over the body
///   gitea       X-Gitea-Signature: HEX                over the body
///   forgejo     X-Forgejo-Signature: HEX, or Gitea's  over the body
///   bitbucket   X-Hub-Signature: sha256=HEX           over the body
///   hmac        X-Signature: sha256=HEX               over the body
///   gitlab      X-Gitlab-Token: SECRET; or, if the secret is a signing token ("whsec_..."), only
///               webhook-signature: v1,BASE64          over "ID.TIME.BODY" (Standard Webhooks)
///   token       Authorization: Bearer SECRET
///
/// HEX and BASE64 are HMAC-SHA-256. Compares in constant time; an empty secret proves nothing.
/// Pure.
bool is_proven(HookType type, const HttpHeaders& headers, std::string_view body,
               const Secret<std::string>& secret, Timestamp now);

/// What the sender calls this delivery, so that its repetition is known; empty if it has no name.
std::string delivery_id(HookType type, const HttpHeaders& headers);

}  // namespace croft
