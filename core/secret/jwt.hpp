#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/value.hpp"

namespace croft::secret {

/// A JSON Web Token with these claims, signed RS256 (RFC 7515, RFC 7518 section 3.3). Invalid: the
/// PEM text holds no RSA private key of at least 2048 bits that is open (no passphrase).
Result<Secret<std::string>> sign_rs256(const Secret<std::string>& pem, const Value& claims);

}  // namespace croft::secret
