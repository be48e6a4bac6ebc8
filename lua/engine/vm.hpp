#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <memory>
#include <string>

#include "lua/engine/coverage.hpp"
#include "lua/engine/sandbox.hpp"

namespace croft::lua {

/// A LuaJIT state with its memory and its budget. A limit that is exceeded stays exceeded until
/// begin_call(): from then on every instruction fails, so that no pcall, xpcall or coroutine of the
/// script can go on.
class Vm {
 public:
  /// is_open() is false if there was no memory for it. `coverage`, if there is one, is told of
  /// every line that runs.
  explicit Vm(Limits limits, std::shared_ptr<Coverage> coverage = nullptr);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  /// The VM that a state belongs to; of any coroutine.
  static Vm& of(lua_State* state);

  bool is_open() const { return state_ != nullptr; }
  lua_State* state() { return state_; }
  std::size_t memory_used() const { return memory_used_; }
  const Limits& limits() const { return limits_; }

  /// The whole budget is there again.
  void begin_call();
  /// Takes from the budget; raises a Lua error once it is used up.
  void charge(lua_State* state, std::uint64_t instructions);
  bool is_out_of_instructions() const { return is_out_of_instructions_; }
  bool is_out_of_memory() const { return is_out_of_memory_; }
  /// "FILE:LINE" where the budget ran out; may be empty.
  const std::string& stopped_at() const { return stopped_at_; }

 private:
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
  static void on_hook(lua_State* state, lua_Debug* where);

  Limits limits_;
  std::shared_ptr<Coverage> coverage_;
  std::size_t memory_used_ = 0;  // before the state, which allocates as soon as it is made
  std::uint64_t instructions_used_ = 0;
  bool is_out_of_instructions_ = false;
  bool is_out_of_memory_ = false;
  std::string stopped_at_;
  lua_State* state_ = nullptr;
};

/// Pushes the table of what scripts may use, made anew; the standard libraries themselves stay out
/// of reach. Call it protected, once a state.
void push_library(lua_State* state);
/// Makes the table on top read-only and puts it into the library that is at an index of the
/// registry. Pops it.
void add_to_library(lua_State* state, int library, const std::string& name);

/// Replaces the table on top by an empty one through which it is read, and which cannot be changed.
/// Call it protected.
void protect_table(lua_State* state);

/// Gives the function on top an environment of its own that sees the table at an index of the
/// registry. Functions take their environment from the one that makes them, so that one prototype
/// serves all calls.
void renew_environment(lua_State* state, int library);

/// Pushes a value. Raises a Lua error if it cannot be one of Lua's. Call it protected.
void push_value(lua_State* state, const Value& value);
/// Whether the key at an index is one of 1 to n. That as many keys as the border say nothing of
/// them: in {[0] = 1, 2, nil, 3} are three, and the border is 3.
bool is_place(lua_State* state, int index, std::size_t length);
/// The value at an index; Invalid if it is none of ours. Raises nothing.
Result<Value> read_value(lua_State* state, int index);

}  // namespace croft::lua
