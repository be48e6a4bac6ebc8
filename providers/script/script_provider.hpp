#pragma once
// Room providers/script: providers whose adapter is a Lua script.
//
//   script_provider   the port's verbs, each a call of the script
//   adapter           what a script says of itself: settings, server, limits
//   vendor_client     the way to the server: credentials, limits, retries
//   rate_limit, circuit_breaker, lane   what it keeps to
//   spent_calls       what is kept of that over a restart
//   shipped           the adapters inside this program
//
// What a script may do is in docs/adapters.md.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/secret/operator_secrets.hpp"
#include "lua/engine/adapter_host.hpp"
#include "providers/port/provider.hpp"
#include "providers/script/adapter.hpp"
#include "providers/script/vendor_client.hpp"

namespace croft {

/// What script providers stand on; outlives them.
struct ScriptParts {
  asio::any_io_executor executor;
  const Clock& clock;
  std::filesystem::path secrets_dir;  ///< where `credentials: {secret: NAME}` is a file NAME
  /// What else it may mean; unset: nothing.
  std::shared_ptr<const secret::OperatorSecrets> secrets = nullptr;
  /// How limits, retries and poll() wait; unset: sleep_for(). For tests that own the time.
  std::function<Task<>(Duration)> sleep;
  lua::HostLimits limits;
  Duration observe_deadline{120'000};
  Duration log_deadline{60'000};  ///< of a request for logs that does not follow
  BlockingPool* pool = nullptr;   ///< where files are read and written; unset: on the executor
  /// Where the calls of the last hour are kept, a file a provider; empty: a restart forgets them.
  std::filesystem::path calls_dir = {};
};

/// Makes providers of scripts. What was called at a provider's server counts for its limits also
/// after the provider was made anew: that is kept here by its name. On one executor.
class ScriptProviders final : public ScriptedAdapters {
 public:
  explicit ScriptProviders(ScriptParts parts) : parts_(std::move(parts)) {}

  /// Invalid with "FILE:LINE: ..." for a script that is none, or settings that it does not take.
  Result<std::shared_ptr<Provider>> make(const AdapterScript& script, const std::string& name,
                                         const Value& provider_spec) override;
  Result<void> check(const AdapterScript& script) const override;
  Result<void> check(const AdapterScript& script, const std::string& name,
                     const Value& provider_spec) const override;

 private:
  /// What bounds the calls of a provider from now on, with what was called before.
  std::shared_ptr<script::VendorGate> make_gate(const std::string& name,
                                                const script::AdapterDescription& adapter,
                                                const Value& spec) const;

  ScriptParts parts_;
  std::map<std::string, std::shared_ptr<script::VendorGate>> gates_;
  std::int64_t generation_ = 0;
};

}  // namespace croft
