#pragma once
// Inside lua only: the VM of an adapter, and the coroutines in it.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lua/engine/adapter_host.hpp"
#include "lua/engine/vm.hpp"

namespace croft::lua {

/// Puts what a wait came to on the stack of the state it is given, which is the VM's main one, and
/// gives how many values these are: at most kMostReplies. Runs protected; may raise.
using Reply = std::function<int(lua_State*)>;
/// What a suspended coroutine waits for.
using Operation = std::function<Task<Reply>()>;
inline constexpr int kMostReplies = 3;

/// What the coroutines of one call have in common.
struct CallState {
  std::string function;
  std::string subject;
  ScriptPlace place;  ///< where the function begins
  std::optional<Duration> deadline;
  std::function<bool(std::string_view)> emit;
  std::shared_ptr<const HiddenTexts> hidden;
  bool may_wait = true;
  std::uint64_t generation = 0;
  std::shared_ptr<const std::uint64_t> present;  ///< the host's generation now
  int lines_logged = 0;
  int waits = 0;

  bool is_called_off() const { return *present != generation; }
};

class Machine;
struct Fiber;

/// Runs a coroutine to its end: resumes it, does what it waits for, and so on. Given by the host.
using Drive = std::function<Task<Result<void>>(std::shared_ptr<Fiber>)>;

/// A coroutine of a call. Its end takes it out of the VM.
struct Fiber {
  Fiber(std::shared_ptr<Machine> in, std::shared_ptr<CallState> of);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  std::shared_ptr<Machine> machine;
  std::shared_ptr<CallState> call;
  lua_State* thread = nullptr;
  int anchor = LUA_NOREF;  ///< what keeps it from being collected
  int arguments = 0;       ///< for its first resume, on its stack
  Operation pending;       ///< set by the host call that suspends it
};

/// How far a resume came.
struct Step {
  enum class Kind { Suspended, Returned, Failed };
  Kind kind = Kind::Returned;
  Error error;  ///< of Failed
};

/// A VM with one adapter's script. What the bindings see of a call is running().
class Machine : public std::enable_shared_from_this<Machine> {
 public:
  /// Null if there is no memory for it; else with the script loaded.
  static std::shared_ptr<Machine> make(const Script& script, const HostServices& services,
                                       const asio::any_io_executor& executor, HostLimits limits);
  Machine(const Script& script, HostServices services, asio::any_io_executor executor,
          HostLimits limits);

  /// The VM that a host function runs in.
  static Machine& of(lua_State* state);

  /// The table that the script returns, seen once: its content without functions, and these with
  /// where they begin.
  Result<Value> describe(std::map<std::string, ScriptPlace>& functions);
  /// A coroutine that is about to call a function of the script.
  Result<std::shared_ptr<Fiber>> begin(const AdapterCall& order, std::shared_ptr<CallState> call);
  /// A coroutine of the same call around the function at that index. Raises Lua errors.
  std::shared_ptr<Fiber> branch(lua_State* state, int function, std::shared_ptr<CallState> call);
  /// Runs it until it waits or ends. `arguments` values are on its stack.
  Step resume(Fiber& fiber, int arguments);
  /// Puts a reply on the fiber's stack and gives how many values it is.
  Result<int> answer(Fiber& fiber, const Reply& reply);
  /// What a fiber that returned gives: its first value, or the error that its second describes.
  Result<Value> result_of(Fiber& fiber);

  /// From a host function: what it asks for is done, then the coroutine goes on with the reply.
  /// `return machine.suspend(...)`.
  int suspend(lua_State* state, Operation operation);
  /// From a host function: throws Misuse if the call may not wait here.
  void require_waiting(lua_State* state, std::string_view function) const;

  /// For what runs side by side; set by the host.
  Drive drive;

  /// The coroutine that runs now, or null while the file itself does.
  Fiber* running() const { return running_; }
  const HostServices& services() const { return services_; }
  const asio::any_io_executor& executor() const { return executor_; }
  Vm& vm() { return vm_; }
  int fibers() const { return fibers_; }
  /// Once true, nothing runs in it any more.
  bool is_dead() const { return is_dead_; }
  Error why_dead() const;
  std::vector<std::string> provided();

 private:
  friend struct Fiber;
  struct Start;
  static int begin_protected(lua_State* state);
  static int result_protected(lua_State* state);
  bool prepare();
  /// Pushes a file's function. Raises.
  static void push_compiled(lua_State* state, const Script& script);
  bool run_protected(lua_CFunction function, void* data);
  Error failure(lua_State* state, const CallState* call);
  /// Whether a text begins with the name of one of the script's files.
  bool is_placed(std::string_view text) const;
  void collect_if_full();

  Vm vm_;
  Script script_;
  HostServices services_;
  asio::any_io_executor executor_;
  HostLimits limits_;
  Fiber* running_ = nullptr;
  int fibers_ = 0;
  bool is_dead_ = false;
  std::size_t after_collection_ = 0;
};

/// "FILE:LINE" of the innermost line of the script that runs in a coroutine; may be empty.
std::string line_of_script(lua_State* thread);

/// Misuse of a host function: its text is raised at the line of the script that called it.
struct Misuse {
  std::string text;
};

}  // namespace croft::lua
