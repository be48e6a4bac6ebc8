#pragma once

#include <string>
#include <vector>

#include "core/net/http.hpp"
#include "gateway/receivers/delivery.hpp"

namespace croft {

/// A secret of each type's form.
inline const std::string kHookSecret = "It's a Secret to Everybody";
inline const std::string kSigningToken = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw==";

/// How a vendor sends a body: with the headers that prove it.
struct SentHook {
  HookType type = HookType::GitHub;
  std::string event;       ///< as its header names it
  bool is_signed = false;  ///< GitLab's newer form
  std::string body;

  std::string secret() const { return is_signed ? kSigningToken : kHookSecret; }
  /// The header that carries the proof.
  std::string proof() const;
  /// At that time, under that name.
  HttpRequest request(const std::string& hook_id, const std::string& delivery, Timestamp now) const;
};

/// A payload of the vendors' specifications.
struct VendorPayload {
  std::string file;  ///< below the folder of the specifications
  SentHook sent;
  Delivery::Kind kind = Delivery::Kind::Other;

  friend void PrintTo(const VendorPayload& payload, std::ostream* out) { *out << payload.file; }
};

/// Where the vendors' specifications are; may not exist.
std::string vendor_specs();
/// All of them that are there, bodies read.
std::vector<VendorPayload> vendor_payloads();

}  // namespace croft
