#pragma once
// Room lua: scripts that cannot hurt the daemon.
//
//   engine/sandbox        runs rules: pure functions under a budget, with nothing of the machine
//                         in reach
//   engine/adapter_host   runs adapters: coroutines that wait for what they ask the host for
//   engine/machine        the VM that they run in
//   engine/pattern        Lua's patterns, matched under the same budget
//   bindings/             what adapters may ask for: http, json, log, time, ...
//
// LuaJIT with the JIT off: its count hooks, which the budget stands on, never fire in compiled
// code.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace croft::lua {

/// What one call may use.
struct Limits {
  std::size_t memory_bytes = 16 << 20;      ///< of the whole VM
  std::uint64_t instructions = 10'000'000;  ///< of the VM; a step of pattern matching counts as one
};

/// A chunk that was compiled once, to be called in any sandbox. A value; thread safe.
class Script {
 public:
  /// Invalid with "NAME:LINE: ..." if it is no Lua. Bytecode is no Lua.
  static Result<Script> compile(std::string name, std::string_view source);

  const std::string& name() const { return name_; }

 private:
  friend class Sandbox;
  friend class Machine;
  Script(std::string name, std::string bytecode)
      : name_(std::move(name)), bytecode_(std::move(bytecode)) {}
  std::string name_;
  std::string bytecode_;
};

/// A virtual machine that calls functions of scripts. Each call begins with nothing but the
/// script's text: no global, no table, no upvalue outlives it, so that one sandbox may serve all
/// tenants. Deterministic: the same script and arguments give the same result on every machine;
/// there is no clock, no random number, no address, and `pairs` goes through a table in the order
/// of its keys.
///
/// What a script may use is in docs/lua.md. One thread at a time.
class Sandbox {
 public:
  /// Unavailable if there is no memory for it.
  static Result<std::unique_ptr<Sandbox>> make(Limits limits);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// Calls a function of the table that the script returns, and gives what it returns.
  ///
  /// Maps and lists become tables, and tables with the keys 1 to n become lists again; an empty
  /// table is an empty list. Whole numbers are exact up to 2^53 and Invalid beyond.
  ///
  /// Invalid: what the script does wrong, with "NAME:LINE: ..." and a traceback as context; also if
  /// it exceeds a limit, which it cannot catch. NotFound: no such function. Whatever happened, the
  /// next call is as good as the first.
  Result<Value> call(const Script& script, std::string_view function,
                     const std::vector<Value>& arguments);

  /// Bytes that the VM holds now; between calls, what it holds for itself.
  std::size_t memory_used() const;

 private:
  struct Machine;
  explicit Sandbox(std::unique_ptr<Machine> machine);
  std::unique_ptr<Machine> machine_;
};

}  // namespace croft::lua
