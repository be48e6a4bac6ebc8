#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/hidden.hpp"
#include "core/base/value.hpp"
#include "lua/bindings/adapter_http.hpp"
#include "lua/bindings/adapter_memory.hpp"
#include "lua/engine/sandbox.hpp"

namespace croft::lua {

/// What the scripts of one host may use together.
struct HostLimits {
  std::size_t memory_bytes = 64U << 20U;   ///< of the VM, with all calls in flight
  std::uint64_t instructions = 5'000'000;  ///< of one coroutine, from one wait to the next
  int coroutines = 10'000;                 ///< in flight: calls, and what they run side by side
  int waits = 100'000;                     ///< of one call
};

/// A module of Croft's own beside the usual ones, and what it asks of the host: how tests of
/// scripts are run.
struct HostExtension {
  std::string name;
  /// Lua that is run once a VM: it gets the function ask(what, value), which suspends the call and
  /// gives a document or nil and an error, and returns the module's table.
  std::string_view source;
  std::function<Task<Result<Value>>(std::string what, Value value)> ask;
};

/// Another file of a script, which the script takes in by `require "NAME"`.
struct ScriptFile {
  std::string name;
  Script script;
};

/// Where a function of a script begins, as errors name it.
struct ScriptPlace {
  std::string file;
  int line = 0;
};

/// What a host gives to its scripts.
struct HostServices {
  std::string name;  ///< of the provider, for logs
  std::shared_ptr<AdapterHttp> http;
  std::shared_ptr<AdapterMemory> memory;  ///< unset: nothing is remembered
  const Clock* clock = nullptr;           ///< outlives the host
  std::vector<ScriptFile> files;          ///< that the script may require
  /// How poll() waits; unset: sleep_for().
  std::function<Task<>(Duration)> sleep;
  std::shared_ptr<const HostExtension> extension;  ///< unset: none
  std::shared_ptr<Coverage> coverage;              ///< told of every line; unset: nobody is
};

/// One call of a function of the table that the script returns.
struct AdapterCall {
  std::string function;
  std::vector<Value> arguments;
  std::string subject;               ///< for errors: "tenant 'alice', Instance/web"; may be empty
  std::optional<Duration> deadline;  ///< Clock::steady(): no later than then it is given up
  /// If set, the last argument is a function that hands a text to it and gives what it gives.
  std::function<bool(std::string_view)> emit;
  /// Kept out of what the script logs.
  std::shared_ptr<const HiddenTexts> hidden = std::make_shared<const HiddenTexts>();
  bool by_extension = false;  ///< the extension's `run` is called with the function, and calls it
};

/// Runs an adapter: each call is a coroutine over one VM, written as if it blocked; what it asks of
/// the host (http, poll, await.all) suspends it, and others go on. Thousands may be in flight.
///
/// Nothing but `memory` leads from one call to another: the script's file, and what it requires,
/// run anew for each, in an environment of its own, and what the host provides is read-only. A
/// coroutine that takes more instructions than it may without waiting is ended, alone. If the VM
/// runs out of memory, everything in flight fails, and the next call gets a new one.
///
/// On one executor, not thread safe. It may be destroyed while calls are in flight: they end with
/// Cancelled, without another line of the script being run.
class AdapterHost {
 public:
  /// Runs the script once to see what it is. Invalid if it fails, or gives no table.
  static Result<std::unique_ptr<AdapterHost>> make(asio::any_io_executor executor, Script script,
                                                   HostServices services, HostLimits limits = {});
  ~AdapterHost();
  AdapterHost(const AdapterHost&) = delete;
  AdapterHost& operator=(const AdapterHost&) = delete;

  /// What the script's table says of itself: everything in it but its functions.
  const Value& description() const;
  bool has(std::string_view function) const;
  /// Names of the functions in the script's table, sorted.
  const std::vector<std::string>& functions() const;
  /// Where one of them begins; line 0 if there is none.
  ScriptPlace place_of(std::string_view function) const;

  /// Calls a function and gives what it returns. `nil, err` becomes the Error that `err` describes.
  /// What the script does wrong is Internal and says where, in which function, for whom. Timeout
  /// past the deadline, Cancelled after cancel(), Unavailable if the VM was full.
  Task<Result<Value>> call(AdapterCall order);
  /// The same at once, for functions that may not wait and know no clock.
  Result<Value> call_pure(AdapterCall order);

  /// Everything in flight is called off: none of it is resumed, nothing of it is sent any more.
  void cancel();

  std::size_t memory_used() const;  ///< by the VM, in bytes
  int in_flight() const;            ///< coroutines
  /// What scripts find beside the standard library: "http.get", "poll"; sorted.
  std::vector<std::string> provided() const;

 private:
  struct Core;
  explicit AdapterHost(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace croft::lua
