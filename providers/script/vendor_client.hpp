#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"
#include "core/net/client.hpp"
#include "lua/bindings/adapter_http.hpp"
#include "providers/script/circuit_breaker.hpp"
#include "providers/script/lane.hpp"
#include "providers/script/rate_limit.hpp"
#include "providers/script/spent_calls.hpp"

namespace croft::script {

/// How a credential is sent.
struct VendorAuth {
  enum class Kind {
    None,
    Bearer,  ///< Authorization: Bearer CREDENTIAL
    Header,  ///< NAME: CREDENTIAL
    Basic,   ///< Authorization: Basic, with NAME as user and the credential as password
  };
  Kind kind = Kind::None;
  std::string name;
};

struct VendorSettings {
  std::string url;  ///< the base: "https://api.machines.dev/v1"; http:// on loopback only
  VendorAuth auth;
  std::optional<Secret<std::string>> credential;
  Duration timeout{30'000};  ///< of one try, if the script says nothing
  std::size_t body_limit = 8U << 20U;
  int tries = 3;  ///< of what may be repeated
  std::size_t idle_connections = 32;
  std::string certificate_authorities;  ///< PEM file to trust besides the system's
};

/// What bounds the calls to one provider's server. Outlives a reload of the adapter, so that an
/// edited script gains no fresh allowance.
struct VendorGate {
  VendorGate(int per_second, int per_hour, int concurrency)
      : rate(per_second, per_hour), lane(concurrency) {}
  RateLimit rate;
  CircuitBreaker breaker;
  Lane lane;
  std::shared_ptr<SpentCalls> spent;  ///< keeps the hour's calls over a restart; unset: nobody does
};

/// The way to a provider's server: puts the credential in, keeps to the limits, tries again what
/// may be repeated, follows redirects on the same server only, and takes the credential out of what
/// comes back. Errors name the server, never the credential. On one executor.
class VendorClient final : public lua::AdapterHttp {
 public:
  /// Waits that long by the clock it was made with.
  using Sleep = std::function<Task<>(Duration)>;

  /// Invalid for a URL that is none, or that would send the credential in the clear.
  static Result<std::shared_ptr<VendorClient>> make(VendorSettings settings,
                                                    std::shared_ptr<VendorGate> gate,
                                                    const Clock& clock, Sleep sleep);

  Task<Result<HttpResponse>> send(lua::AdapterRequest request) override;

 private:
  struct Core;
  explicit VendorClient(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

/// How long a `Retry-After` header asks to wait (RFC 9110, 10.2.3): seconds or a date. Nothing if
/// it is neither.
std::optional<Duration> parse_retry_after(const std::string& text, Timestamp now);

}  // namespace croft::script
