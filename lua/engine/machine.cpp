#include "lua/engine/machine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/metric_families.hpp"
#include "core/base/secret.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

namespace {

constexpr int kFramesShown = 8;
/// What the VM may gain before it is looked through for garbage by hand, once it is half full.
constexpr std::size_t kSliceOfMemory = 8;

/// Tells a host function's wait from a script's own coroutine.yield: scripts cannot make one.
char wait_mark = 0;

/// A text without calling back into the script: never by __tostring.
std::string text_of(lua_State* state, int index) {
  const int type = lua_type(state, index);
  if (type != LUA_TSTRING) {
    return fmt::format("the script raised an error that is no text, but a {}",
                       lua_typename(state, type));
  }
  std::size_t size = 0;
  const char* text = lua_tolstring(state, index, &size);
  return {text, size};
}

bool is_of_script(const lua_Debug& frame) {
  // The library's own Lua is named "=croft".
  return frame.currentline > 0 && frame.source[0] == '@';
}

/// "FILE:LINE" of each function of the script that was running, innermost first.
std::vector<std::string> frames_of(lua_State* thread) {
  std::vector<std::string> frames;
  lua_Debug frame;
  for (int level = 0; lua_getstack(thread, level, &frame) != 0; ++level) {
    lua_getinfo(thread, "Sl", &frame);
    if (!is_of_script(frame)) continue;
    frames.push_back(fmt::format("{}:{}", frame.short_src, frame.currentline));
    if (frames.size() == kFramesShown) break;
  }
  return frames;
}

}  // namespace

std::string line_of_script(lua_State* thread) {
  const std::vector<std::string> frames = frames_of(thread);
  return frames.empty() ? "" : frames.front();
}

Fiber::Fiber(std::shared_ptr<Machine> in, std::shared_ptr<CallState> of)
    : machine(std::move(in)), call(std::move(of)) {
  ++machine->fibers_;
}

Fiber::~Fiber() {
  // Writes into a slot that is there: allocates nothing.
  if (anchor != LUA_NOREF) luaL_unref(machine->vm_.state(), LUA_REGISTRYINDEX, anchor);
  --machine->fibers_;
}

Machine::Machine(const Script& script, HostServices services, asio::any_io_executor executor,
                 HostLimits limits)
    : vm_({.memory_bytes = limits.memory_bytes, .instructions = limits.instructions},
          services.coverage),
      script_(script),
      services_(std::move(services)),
      executor_(std::move(executor)),
      limits_(limits) {}

std::shared_ptr<Machine> Machine::make(const Script& script, const HostServices& services,
                                       const asio::any_io_executor& executor, HostLimits limits) {
  auto machine = std::make_shared<Machine>(script, services, executor, limits);
  return machine->vm_.is_open() && machine->prepare() ? machine : nullptr;
}

bool Machine::run_protected(lua_CFunction function, void* data) {
  const bool is_done = lua_cpcall(vm_.state(), function, data) == 0;
  if (vm_.is_out_of_memory()) is_dead_ = true;
  return is_done && !is_dead_;
}

void Machine::push_compiled(lua_State* state, const Script& script) {
  const std::string& code = script.code_->bytecode;
  const std::string name = "@" + script.name();
  if (luaL_loadbuffer(state, code.data(), code.size(), name.c_str()) != 0) lua_error(state);
}

bool Machine::prepare() {
  vm_.begin_call();
  const auto fill = [](lua_State* state) {
    auto& machine = *static_cast<Machine*>(lua_touserdata(state, 1));
    for (int slot = 1; slot <= kLastSlot; ++slot) {
      lua_pushboolean(state, 0);  // every slot is taken before luaL_ref looks for a free one
      lua_rawseti(state, LUA_REGISTRYINDEX, slot);
    }
    lua_pushlightuserdata(state, &machine);
    lua_rawseti(state, LUA_REGISTRYINDEX, kSlotMachine);
    push_adapter_library(state);
    if (machine.services_.extension) add_extension(state, *machine.services_.extension);
    lua_rawseti(state, LUA_REGISTRYINDEX, kSlotGlobals);
    push_compiled(state, machine.script_);
    lua_rawseti(state, LUA_REGISTRYINDEX, kSlotChunk);
    lua_newtable(state);
    for (const ScriptFile& file : machine.services_.files) {
      push_compiled(state, file.script);
      lua_setfield(state, -2, file.name.c_str());
    }
    lua_rawseti(state, LUA_REGISTRYINDEX, kSlotFiles);
    return 0;
  };
  const bool is_ready = run_protected(fill, this);
  if (is_ready) lua_gc(vm_.state(), LUA_GCCOLLECT, 0);
  after_collection_ = vm_.memory_used();
  return is_ready;
}

Machine& Machine::of(lua_State* state) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotMachine);
  auto* machine = static_cast<Machine*>(lua_touserdata(state, -1));
  lua_pop(state, 1);
  return *machine;
}

Error Machine::why_dead() const {
  return Error(ErrorCode::Unavailable,
               fmt::format("the adapter's script needed more than {} MiB of memory in all; it was "
                           "started anew",
                           limits_.memory_bytes >> 20U));
}

/// What begin() does within the VM, and what became of it.
struct Machine::Start {
  Machine& machine;
  const AdapterCall& order;
  Fiber* fiber = nullptr;
  std::map<std::string, ScriptPlace>* functions = nullptr;  ///< describe() only
  Result<Value> description;
  bool is_missing = false;
  std::string problem;
};

namespace {

/// The script's file, in an environment of its own that sees what the host provides. What it
/// requires from now on runs in the same one.
void push_chunk(lua_State* state) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotChunk);
  renew_environment(state, kSlotGlobals);
  lua_getfenv(state, -1);
  lua_rawseti(state, LUA_REGISTRYINDEX, kSlotEnvironment);
  lua_newtable(state);
  lua_rawseti(state, LUA_REGISTRYINDEX, kSlotRequired);
}

/// What was required lives as long as the script's functions hold it.
void forget_required(lua_State* state) {
  for (const int slot : {kSlotEnvironment, kSlotRequired}) {
    lua_pushboolean(state, 0);
    lua_rawseti(state, LUA_REGISTRYINDEX, slot);
  }
}

/// Where the function on top begins.
ScriptPlace place_of_function(lua_State* state) {
  lua_Debug function;
  lua_pushvalue(state, -1);
  lua_getinfo(state, ">S", &function);
  return {function.short_src, function.linedefined};
}

/// Splits the table at `table` into data and names of functions.
Result<Value> read_description(lua_State* state, int table,
                               std::map<std::string, ScriptPlace>& functions) {
  Value description = Value::map();
  for (lua_pushnil(state); lua_next(state, table) != 0; lua_pop(state, 1)) {
    if (lua_type(state, -2) != LUA_TSTRING)
      return fail(ErrorCode::Invalid, "the table that the script returns has only names as keys");
    const std::string name = lua_tostring(state, -2);
    if (lua_isfunction(state, -1)) {
      functions.emplace(name, place_of_function(state));
      continue;
    }
    TRY_ASSIGN(Value value, read_document(state, lua_gettop(state)));
    description.set(name, std::move(value));
  }
  return description;
}

int push_emit(lua_State* state) {
  Machine& machine = Machine::of(state);
  std::size_t size = 0;
  const char* text = luaL_checklstring(state, 1, &size);
  Fiber* const fiber = machine.running();
  const bool goes_on = fiber != nullptr && fiber->call->emit && fiber->call->emit({text, size});
  lua_pushboolean(state, goes_on ? 1 : 0);
  return 1;
}

}  // namespace

int Machine::begin_protected(lua_State* state) {
  auto& start = *static_cast<Start*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  push_chunk(state);
  const int outcome = lua_pcall(state, 0, 1, 0);
  forget_required(state);
  if (outcome != 0) {
    start.problem = text_of(state, -1);
    return 0;
  }
  if (!lua_istable(state, 1)) {
    start.problem = "it returns no table";
    return 0;
  }
  if (start.functions != nullptr) {
    start.description = read_description(state, 1, *start.functions);
    return 0;
  }
  lua_pushlstring(state, start.order.function.data(), start.order.function.size());
  lua_rawget(state, 1);
  if (!lua_isfunction(state, -1)) {
    start.is_missing = true;
    return 0;
  }
  Fiber& fiber = *start.fiber;
  fiber.call->place = place_of_function(state);
  if (start.order.by_extension) {
    push_runner(state, *start.machine.services_.extension);
    lua_insert(state, -2);
  }
  fiber.thread = lua_newthread(state);
  fiber.anchor = luaL_ref(state, LUA_REGISTRYINDEX);
  const auto count = static_cast<int>(start.order.arguments.size());
  luaL_checkstack(state, count + 6, "too many arguments");
  for (const Value& argument : start.order.arguments) push_document(state, argument);
  if (start.order.emit) lua_pushcfunction(state, push_emit);
  fiber.arguments = count + (start.order.emit ? 1 : 0) + (start.order.by_extension ? 1 : 0);
  lua_xmove(state, fiber.thread, fiber.arguments + 1);
  return 0;
}

Result<Value> Machine::describe(std::map<std::string, ScriptPlace>& functions) {
  const AdapterCall none;
  Start start{.machine = *this, .order = none, .functions = &functions, .description = Value()};
  vm_.begin_call();
  if (!run_protected(begin_protected, &start) || vm_.is_out_of_instructions())
    return fail(failure(vm_.state(), nullptr));
  if (!start.problem.empty()) return fail(ErrorCode::Invalid, redact(start.problem));
  return std::move(start.description);
}

Result<std::shared_ptr<Fiber>> Machine::begin(const AdapterCall& order,
                                              std::shared_ptr<CallState> call) {
  if (is_dead_) return fail(why_dead());
  if (running_ != nullptr)
    return fail(ErrorCode::Internal, "an adapter cannot be called from within itself");
  if (fibers_ >= limits_.coroutines) {
    return fail(ErrorCode::Unavailable,
                fmt::format("{} calls of the adapter are in flight already", fibers_));
  }
  collect_if_full();
  auto fiber = std::make_shared<Fiber>(shared_from_this(), call);
  Start start{.machine = *this, .order = order, .fiber = fiber.get(), .description = Value()};
  vm_.begin_call();
  const bool is_done = run_protected(begin_protected, &start);
  if (!is_done || vm_.is_out_of_instructions()) return fail(failure(vm_.state(), call.get()));
  if (start.is_missing) {
    return fail(ErrorCode::NotFound,
                fmt::format("{} has no function '{}'", script_.name(), order.function));
  }
  if (!start.problem.empty()) return fail(ErrorCode::Internal, redact(start.problem));
  return fiber;
}

std::shared_ptr<Fiber> Machine::branch(lua_State* state, int function,
                                       std::shared_ptr<CallState> call) {
  if (fibers_ >= limits_.coroutines)
    throw Misuse{"await.all: too many coroutines of the adapter are in flight"};
  auto fiber = std::make_shared<Fiber>(shared_from_this(), std::move(call));
  fiber->thread = lua_newthread(state);
  fiber->anchor = luaL_ref(state, LUA_REGISTRYINDEX);
  lua_pushvalue(state, function);
  lua_xmove(state, fiber->thread, 1);
  return fiber;
}

void Machine::collect_if_full() {
  // LuaJIT asks its allocator once and gives up: what is garbage must be gone before.
  const std::size_t used = vm_.memory_used();
  const bool is_full = used > limits_.memory_bytes / 2 &&
                       used > after_collection_ + limits_.memory_bytes / kSliceOfMemory;
  if (!is_full) return;
  lua_gc(vm_.state(), LUA_GCCOLLECT, 0);
  after_collection_ = vm_.memory_used();
}

bool Machine::is_placed(std::string_view text) const {
  const auto begins = [text](const Script& script) {
    return text.starts_with(script.name()) && text.substr(script.name().size()).starts_with(':');
  };
  return begins(script_) || std::ranges::any_of(services_.files, begins, &ScriptFile::script);
}

Error Machine::failure(lua_State* state, const CallState* call) {
  std::string text;
  ErrorCode code = ErrorCode::Internal;
  if (is_dead_ || vm_.is_out_of_memory()) {
    is_dead_ = true;
    code = ErrorCode::Unavailable;
    text = why_dead().message();
  } else if (vm_.is_out_of_instructions()) {
    text = fmt::format("{}{}the script takes more than {} steps without waiting", vm_.stopped_at(),
                       vm_.stopped_at().empty() ? "" : ": ", limits_.instructions);
  } else {
    text = text_of(state, -1);
  }
  bool has_place = is_placed(text);
  std::string lines;
  const std::vector<std::string> frames =
      state != vm_.state() ? frames_of(state) : std::vector<std::string>{};
  for (const std::string& frame : frames) {
    // The first is in the text already, if it is an error of the script's own.
    if (&frame == &frames[0] && text.starts_with(frame + ":")) continue;
    lines += fmt::format("\n    {} {}", has_place ? "called at" : "at", frame);
    has_place = true;
  }
  if (call != nullptr) {
    lines += fmt::format("\n    in {}{}", call->function,
                         call->subject.empty() ? "" : ", for " + call->subject);
  }
  // `return http.get(...)` leaves no line of its own: Lua forgets the function before it calls.
  if (call != nullptr && !has_place && call->place.line > 0) {
    text = fmt::format("{}:{}: {}", call->place.file, call->place.line, text);
    lines += ", which begins at that line";
  }
  return Error(code, redact(text + lines));
}

Step Machine::resume(Fiber& fiber, int arguments) {
  Step step;
  if (is_dead_) {
    step.kind = Step::Kind::Failed;
    step.error = why_dead();
    return step;
  }
  vm_.begin_call();
  running_ = &fiber;
  const auto begun = std::chrono::steady_clock::now();
  const int status = lua_resume(fiber.thread, arguments);
  metrics::registry()
      .histogram(metrics::kLuaSeconds, {"adapter", fiber.call->function})
      .observe(std::chrono::steady_clock::now() - begun);
  running_ = nullptr;
  const bool was_stopped = vm_.is_out_of_memory() || vm_.is_out_of_instructions();
  if (status == LUA_YIELD && !was_stopped) {
    const bool is_wait =
        fiber.pending && lua_touserdata(fiber.thread, -1) == static_cast<void*>(&wait_mark);
    lua_settop(fiber.thread, 0);
    if (is_wait) {
      step.kind = Step::Kind::Suspended;
      return step;
    }
    step.error = Error(
        ErrorCode::Internal,
        fmt::format("coroutine.yield: nothing resumes this\n    in {}", fiber.call->function));
  } else if (status == 0 && !was_stopped) {
    return step;
  } else {
    step.error = failure(fiber.thread, fiber.call.get());
  }
  step.kind = Step::Kind::Failed;
  return step;
}

namespace {

/// A reply on its way to a coroutine.
struct Answer {
  const Reply& reply;
  lua_State* thread;
  int count = 0;
};

int answer_protected(lua_State* state) {
  auto& answer = *static_cast<Answer*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  answer.count = answer.reply(state);
  // Within what every C function may have on its stack, so that nothing is allocated for it: the
  // coroutine is suspended in one.
  lua_xmove(state, answer.thread, answer.count);
  return 0;
}

/// What a fiber returned.
struct Returned {
  lua_State* thread;
  Result<Value> value;
};

std::optional<Error> error_from(const Value& described) {
  if (described.is_text()) return Error(ErrorCode::Unavailable, redact(described.as_text()));
  if (!described.is_map()) return std::nullopt;
  const auto code = error_code_from(described.text_or("code", ""));
  Error error(code.value_or(ErrorCode::Unavailable),
              redact(described.text_or("message", "the adapter does not say why")));
  const std::string field = described.text_or("field", "");
  if (!field.empty()) error = std::move(error).while_doing(field);
  const std::string hint = described.text_or("hint", "");
  if (!hint.empty()) error = std::move(error).with_hint(redact(hint));
  return error;
}

}  // namespace

Result<int> Machine::answer(Fiber& fiber, const Reply& reply) {
  Answer answer{.reply = reply, .thread = fiber.thread};
  if (!run_protected(answer_protected, &answer))
    return fail(failure(vm_.state(), fiber.call.get()));
  return answer.count;
}

int Machine::result_protected(lua_State* state) {
  auto& returned = *static_cast<Returned*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  lua_settop(returned.thread, 2);
  lua_xmove(returned.thread, state, 2);
  const bool has_failed = lua_toboolean(state, 1) == 0 && !lua_isnil(state, 2);
  // An error of http's has a function in it: json().
  returned.value = has_failed ? read_loose_document(state, 2) : read_document(state, 1);
  if (!has_failed || !returned.value) return 0;
  if (auto error = error_from(*returned.value)) {
    returned.value = std::unexpected(std::move(*error));
  } else {
    returned.value =
        fail(ErrorCode::Internal, "the second value that it returns is no error: {code, message}");
  }
  return 0;
}

Result<Value> Machine::result_of(Fiber& fiber) {
  Returned returned{.thread = fiber.thread, .value = Value()};
  if (!run_protected(result_protected, &returned))
    return fail(failure(vm_.state(), fiber.call.get()));
  return std::move(returned.value);
}

void Machine::require_waiting(lua_State* state, std::string_view function) const {
  if (running_ == nullptr) {
    throw Misuse{fmt::format(
        "{}: only within a verb (create, observe, ...), not while the file is read", function)};
  }
  if (!running_->call->may_wait)
    throw Misuse{
        fmt::format("{}: {} is pure, it can ask nobody", function, running_->call->function)};
  if (running_->thread != state) {
    throw Misuse{
        fmt::format("{}: not within a coroutine of your own; use await.all for what goes on side "
                    "by side",
                    function)};
  }
}

int Machine::suspend(lua_State* state, Operation operation) {
  running_->pending = std::move(operation);
  lua_settop(state, 0);
  lua_pushlightuserdata(state, &wait_mark);
  return lua_yield(state, 1);
}

std::vector<std::string> Machine::provided() {
  std::vector<std::string> names;
  const auto list = [](lua_State* state) {
    auto& out = *static_cast<std::vector<std::string>*>(lua_touserdata(state, 1));
    lua_rawgeti(state, LUA_REGISTRYINDEX, kSlotGlobals);
    const int globals = lua_gettop(state);
    for (lua_pushnil(state); lua_next(state, globals) != 0; lua_pop(state, 1)) {
      const std::string name = lua_tostring(state, -2);
      if (lua_isfunction(state, -1)) out.push_back(name);
      if (!lua_istable(state, -1) || lua_getmetatable(state, -1) == 0) continue;
      lua_getfield(state, -1, "__index");
      const int module = lua_gettop(state);
      for (lua_pushnil(state); lua_next(state, module) != 0; lua_pop(state, 1)) {
        out.push_back(name + "." + lua_tostring(state, -2));
      }
      lua_pop(state, 2);
    }
    return 0;
  };
  vm_.begin_call();
  run_protected(list, &names);
  std::ranges::sort(names);
  return names;
}

}  // namespace croft::lua
