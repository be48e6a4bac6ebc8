#pragma once
// Room lua: scripts that cannot hurt the daemon.
//
//   engine/sandbox        runs rules: pure functions under a budget, with nothing of the machine
//                         in reach
//   engine/shape          tables that are made for each call, fast
//   engine/adapter_host   runs adapters: coroutines that wait for what they ask the host for
//   engine/machine        the VM that they run in
//   engine/pattern        Lua's patterns, matched under the same budget
//   bindings/             what adapters may ask for: http, json, log, time, ...
//   testing/              what scripts' own tests stand on
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
#include "lua/engine/shape.hpp"

struct lua_State;

namespace croft::lua {

class Coverage;

/// What one call may use.
struct Limits {
  std::size_t memory_bytes = 16 << 20;      ///< of the whole VM
  std::uint64_t instructions = 10'000'000;  ///< of the VM; a step of pattern matching counts as one
};

/// A chunk that was compiled once, to be called in any sandbox. A value, cheap to copy; thread
/// safe.
class Script {
 public:
  /// Invalid with "NAME:LINE: ..." if it is no Lua. Bytecode is no Lua.
  static Result<Script> compile(std::string name, std::string_view source);

  const std::string& name() const { return code_->name; }

 private:
  friend class Sandbox;
  friend class Machine;
  struct Code {
    std::string name;
    std::string bytecode;
  };
  explicit Script(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

/// What is handed to a function: a value, a table of a shape, or a list of such tables. Borrows.
struct Argument {
  Argument(const Value& one) : value(&one) {}  // NOLINT(google-explicit-constructor)
  Argument(const TableShape& of, const Value* one) : shape(&of), cells(one) {}
  Argument(const TableShape& of, const std::vector<Row>& many) : shape(&of), rows(&many) {}
  const Value* value = nullptr;
  const TableShape* shape = nullptr;
  const Value* cells = nullptr;
  const std::vector<Row>* rows = nullptr;
};

/// A part of the library that is written in Lua itself: what the script returns is there under its
/// name, read-only. The script is trusted: it is Croft's own.
struct Module {
  std::string name;
  Script script;
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
  /// Unavailable if there is no memory for it; Invalid if a module fails. `coverage` is told of
  /// every line that runs: for tests of scripts, it makes calls several times slower.
  static Result<std::unique_ptr<Sandbox>> make(Limits limits, std::vector<Module> modules = {},
                                               std::shared_ptr<Coverage> coverage = nullptr);
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
                     const std::vector<Argument>& arguments);

  /// The same for a function that returns several values: gives them as a list, without the nils at
  /// its end.
  Result<Value> call_all(const Script& script, std::string_view function,
                         const std::vector<Argument>& arguments);

  /// What stands in the table that the script returns, with the same errors as call(); null if
  /// nothing does.
  Result<Value> read(const Script& script, std::string_view field);

  /// Bytes that the VM holds now; between calls, what it holds for itself.
  std::size_t memory_used() const;

 private:
  struct Machine;
  struct Call;
  explicit Sandbox(std::unique_ptr<Machine> machine);
  static int call_protected(lua_State* state);
  static void push_argument(lua_State* state, Machine& machine, const Argument& argument);
  static std::unexpected<Error> describe_failure(const Call& call);
  Result<Value> run(Call call);
  void clear_up(bool has_failed);
  std::unique_ptr<Machine> machine_;
};

}  // namespace croft::lua
