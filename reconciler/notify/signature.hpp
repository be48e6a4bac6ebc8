#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/id.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/units.hpp"

namespace croft::notify {

// Signatures of Standard Webhooks, symmetric, version 1 (https://www.standardwebhooks.com).

/// The bytes of a key.
using SigningKey = Secret<std::string>;

/// Reads "whsec_" and base64 of 24 to 64 bytes; the prefix may be left out.
Result<SigningKey> parse_signing_key(std::string_view text);
/// Of each line one; Invalid if there is none, or more than four.
Result<std::vector<SigningKey>> parse_signing_keys(std::string_view text);
/// As those who verify with it are given it: "whsec_...".
std::string print_signing_key(const SigningKey& key);

/// The field webhook-signature: "v1,..." for each key, with spaces between.
std::string sign(const std::vector<SigningKey>& keys, std::string_view id, Timestamp at,
                 std::string_view body);

/// The keys of Webhooks that bring none of their own. They are made from one secret of this data
/// directory, so that no store and no backup of one holds a key.
class KeyRing {
 public:
  /// Reads the file, and makes it (0600) if it is not there. Blocks.
  static Result<KeyRing> open(const std::filesystem::path& file, RandomSource& random);

  /// The key of that number of a Webhook, by the id that its row has.
  SigningKey key(std::string_view webhook_id, std::int64_t number) const;

 private:
  explicit KeyRing(Secret<std::string> root) : root_(std::move(root)) {}
  Secret<std::string> root_;
};

}  // namespace croft::notify
