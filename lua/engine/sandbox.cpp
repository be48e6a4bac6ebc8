#include "lua/engine/sandbox.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/base/metric_families.hpp"
#include "lua/engine/vm.hpp"

namespace croft::lua {

namespace {

constexpr std::size_t kLongestScript = 1 << 20;
constexpr Limits kCompiler{.memory_bytes = 64 << 20, .instructions = 1'000'000};
constexpr int kFramesShown = 8;
/// What a call may leave behind as garbage before it is collected at once.
constexpr std::size_t kGarbageAllowed = 2 << 20;

int append(lua_State* /*state*/, const void* part, std::size_t size, void* bytecode) {
  static_cast<std::string*>(bytecode)->append(static_cast<const char*>(part), size);
  return 0;
}

std::string text_of_error(lua_State* state) {
  // Never by __tostring: that is the script's.
  const int type = lua_type(state, -1);
  if (type != LUA_TSTRING)
    return fmt::format("the script raised an error that is no text, but a {}",
                       lua_typename(state, type));
  std::size_t size = 0;
  const char* text = lua_tolstring(state, -1, &size);
  return {text, size};
}

/// What is to be compiled, and what became of it.
struct Compilation {
  const std::string& name;
  std::string_view source;
  std::string bytecode;
  std::string problem;
};

int compile_protected(lua_State* state) {
  auto& compilation = *static_cast<Compilation*>(lua_touserdata(state, 1));
  const std::string chunk = "@" + compilation.name;
  const int status =
      luaL_loadbuffer(state, compilation.source.data(), compilation.source.size(), chunk.c_str());
  if (status != 0) {
    compilation.problem = text_of_error(state);
  } else {
    lua_dump(state, append, &compilation.bytecode);
  }
  return 0;
}

}  // namespace

Result<Script> Script::compile(std::string name, std::string_view source) {
  const auto refuse = [&](std::string why) {
    return fail(Error(ErrorCode::Invalid, std::move(why)).while_doing("compiling " + name));
  };
  if (source.size() > kLongestScript)
    return refuse(fmt::format("a script has at most {} bytes", kLongestScript));
  if (source.starts_with(LUA_SIGNATURE[0])) return refuse("this is bytecode, not Lua");
  Vm vm(kCompiler);
  if (!vm.is_open()) return fail(ErrorCode::Unavailable, "there is no memory for a Lua compiler");
  Compilation compilation{.name = name, .source = source};
  vm.begin_call();
  if (lua_cpcall(vm.state(), compile_protected, &compilation) != 0)
    return refuse(text_of_error(vm.state()));
  if (!compilation.problem.empty()) return refuse(std::move(compilation.problem));
  return Script(std::make_shared<const Code>(
      Code{.name = std::move(name), .bytecode = std::move(compilation.bytecode)}));
}

namespace {

constexpr int kLibrary = 1;  ///< where it is in the registry
/// Chunks that stay loaded; past it all are dropped, and loaded again as they are called.
constexpr std::size_t kMostChunks = 64;

void push_loaded(lua_State* state, const std::string& name, const std::string& bytecode) {
  const std::string chunk = "@" + name;
  if (luaL_loadbuffer(state, bytecode.data(), bytecode.size(), chunk.c_str()) != 0)
    lua_error(state);
}

}  // namespace

/// The VM and what stays in it between calls: the library, and the chunks of scripts. A chunk is
/// shared by all calls of its script; what it makes when it runs is not, and its environment is
/// made anew for each.
struct Sandbox::Machine {
  Machine(Limits limits, std::vector<Module> with, std::shared_ptr<Coverage> told)
      : vm(limits, told), modules(std::move(with)), coverage(std::move(told)) {}

  Result<void> prepare() {
    if (!vm.is_open()) return too_small();
    vm.begin_call();
    if (lua_cpcall(vm.state(), prepare_protected, this) != 0) {
      if (vm.is_out_of_memory()) return too_small();
      return fail(ErrorCode::Invalid, text_of_error(vm.state()));
    }
    settle();
    return {};
  }

  std::unexpected<Error> too_small() const {
    return fail(ErrorCode::Unavailable,
                fmt::format("{} bytes are too few for a Lua sandbox", vm.limits().memory_bytes));
  }

  /// Drops all garbage; what is there now stays. Twice, because each collection halves LuaJIT's
  /// own buffer for texts, which a large one has made large.
  void settle() {
    lua_gc(vm.state(), LUA_GCCOLLECT, 0);
    lua_gc(vm.state(), LUA_GCCOLLECT, 0);
    at_rest = vm.memory_used();
  }

  /// The script's chunk, with a new environment. Call it protected.
  void push_chunk(lua_State* state, const std::shared_ptr<const Script::Code>& code) {
    const auto known = chunks.find(code.get());
    if (known != chunks.end()) {
      lua_rawgeti(state, LUA_REGISTRYINDEX, known->second.reference);
    } else {
      push_loaded(state, code->name, code->bytecode);
      lua_pushvalue(state, -1);
      chunks.emplace(code.get(), Chunk{code, luaL_ref(state, LUA_REGISTRYINDEX)});
      has_new_chunk = true;
    }
    renew_environment(state, kLibrary);
  }

  /// The function that makes tables of a shape. Call it protected.
  void push_maker(lua_State* state, const TableShape& shape) {
    const auto known = makers.find(&shape);
    if (known != makers.end()) {
      lua_rawgeti(state, LUA_REGISTRYINDEX, known->second);
      return;
    }
    if (luaL_loadbuffer(state, shape.source().data(), shape.source().size(), "=croft") != 0)
      lua_error(state);
    lua_call(state, 0, 1);
    lua_pushvalue(state, -1);
    makers.emplace(&shape, luaL_ref(state, LUA_REGISTRYINDEX));
    has_new_chunk = true;
  }

  void forget_chunks() {
    for (const auto& [code, chunk] : chunks)
      luaL_unref(vm.state(), LUA_REGISTRYINDEX, chunk.reference);
    chunks.clear();
  }

  struct Chunk {
    std::shared_ptr<const Script::Code> code;  ///< keeps the key from being used again
    int reference;
  };

  Vm vm;
  std::vector<Module> modules;
  std::shared_ptr<Coverage> coverage;
  std::map<const Script::Code*, Chunk> chunks;
  std::map<const TableShape*, int> makers;  ///< where they are in the registry
  bool has_new_chunk = false;
  std::size_t at_rest = 0;  ///< bytes that what stays takes

 private:
  static int prepare_protected(lua_State* state) {
    Machine& self = *static_cast<Machine*>(lua_touserdata(state, 1));
    push_library(state);
    lua_rawseti(state, LUA_REGISTRYINDEX, kLibrary);
    for (const Module& module : self.modules) {
      push_loaded(state, module.script.code_->name, module.script.code_->bytecode);
      renew_environment(state, kLibrary);
      lua_call(state, 0, 1);
      add_to_library(state, kLibrary, module.name);
    }
    return 0;
  }
};

Sandbox::Sandbox(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
Sandbox::~Sandbox() = default;

Result<std::unique_ptr<Sandbox>> Sandbox::make(Limits limits, std::vector<Module> modules,
                                               std::shared_ptr<Coverage> coverage) {
  auto machine = std::make_unique<Machine>(limits, std::move(modules), std::move(coverage));
  TRY(machine->prepare());
  return std::unique_ptr<Sandbox>(new Sandbox(std::move(machine)));
}

std::size_t Sandbox::memory_used() const { return machine_->vm.memory_used(); }

/// One call, and what became of it.
struct Sandbox::Call {
  Machine& machine;
  const std::shared_ptr<const Script::Code>& code;
  std::string_view field;                  ///< of the table that the script returns
  const std::vector<Argument>* arguments;  ///< to call it with; null: it is only read
  bool wants_all = false;                  ///< a list of what it returns, not the first only
  Result<Value> result;
  bool is_missing = false;  ///< there is no such function
  std::string problem;      ///< what the script raised
};

namespace {

/// Adds where the error came from: "NAME:3, NAME:12".
int add_traceback(lua_State* state) {
  if (lua_type(state, 1) != LUA_TSTRING) return 1;
  int shown = 0;
  lua_settop(state, 1);
  lua_pushstring(state, "");
  lua_Debug frame;
  for (int level = 1; shown < kFramesShown && lua_getstack(state, level, &frame) != 0; ++level) {
    lua_getinfo(state, "Sl", &frame);
    if (frame.currentline <= 0) continue;
    lua_pushfstring(state, "%s%s:%d", shown == 0 ? "\n  called at " : ", ", frame.short_src,
                    frame.currentline);
    ++shown;
  }
  lua_concat(state, lua_gettop(state));
  return 1;
}

/// A table of the cells, by its maker that is at an index.
void push_row(lua_State* state, int maker, const Value* cells, std::size_t count) {
  lua_pushvalue(state, maker);
  for (std::size_t i = 0; i < count; ++i) push_value(state, cells[i]);
  lua_call(state, static_cast<int>(count), 1);
}

/// Puts what is above an index into a list, up to the first nil.
void collect(lua_State* state, int index) {
  const int count = lua_gettop(state) - index;
  lua_createtable(state, count, 0);
  for (int i = 1; i <= count && !lua_isnil(state, index + i); ++i) {
    lua_pushvalue(state, index + i);
    lua_rawseti(state, -2, i);
  }
}

}  // namespace

void Sandbox::push_argument(lua_State* state, Machine& machine, const Argument& argument) {
  if (argument.value != nullptr) return push_value(state, *argument.value);
  const std::size_t count = argument.shape->size();
  luaL_checkstack(state, static_cast<int>(count) + 4, "a table has too many fields");
  machine.push_maker(state, *argument.shape);
  const int maker = lua_gettop(state);
  if (argument.cells != nullptr) {
    push_row(state, maker, argument.cells, count);
  } else {
    lua_createtable(state, static_cast<int>(argument.rows->size()), 0);
    int index = 0;
    for (const Row& row : *argument.rows) {
      push_row(state, maker, row.get(), count);
      lua_rawseti(state, -2, ++index);
    }
  }
  lua_remove(state, maker);
}

int Sandbox::call_protected(lua_State* state) {
  auto& call = *static_cast<Call*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  lua_pushcfunction(state, add_traceback);
  call.machine.push_chunk(state, call.code);
  int status = lua_pcall(state, 0, 1, 1);
  if (status == 0 && lua_istable(state, -1)) {
    lua_pushlstring(state, call.field.data(), call.field.size());
    lua_rawget(state, -2);
  }
  if (status == 0 && call.arguments != nullptr) {
    call.is_missing = !lua_isfunction(state, -1);
    if (call.is_missing) return 0;
    for (const Argument& argument : *call.arguments) push_argument(state, call.machine, argument);
    const int before = lua_gettop(state) - static_cast<int>(call.arguments->size()) - 1;
    status = lua_pcall(state, static_cast<int>(call.arguments->size()),
                       call.wants_all ? LUA_MULTRET : 1, 1);
    if (status == 0 && call.wants_all) collect(state, before);
  }
  if (status == 0) {
    call.result = read_value(state, -1);
  } else {
    call.problem = text_of_error(state);
  }
  return 0;
}

std::unexpected<Error> Sandbox::describe_failure(const Call& call) {
  const Vm& vm = call.machine.vm;
  const auto says = [&](ErrorCode code, std::string what) {
    return fail(Error(code, std::move(what))
                    .while_doing(fmt::format("{} {} of {}",
                                             call.arguments == nullptr ? "reading" : "calling",
                                             call.field, call.code->name)));
  };
  if (vm.is_out_of_memory())
    return says(ErrorCode::Invalid, fmt::format("the script needs more than {} MiB of memory",
                                                vm.limits().memory_bytes >> 20));
  if (vm.is_out_of_instructions())
    return says(ErrorCode::Invalid,
                fmt::format("the script takes more than {} steps", vm.limits().instructions));
  if (call.is_missing)
    return says(ErrorCode::NotFound,
                fmt::format("the script returns no table with a function '{}'", call.field));
  return says(ErrorCode::Invalid, call.problem);
}

Result<Value> Sandbox::call(const Script& script, std::string_view function,
                            const std::vector<Argument>& arguments) {
  return run({.machine = *machine_,
              .code = script.code_,
              .field = function,
              .arguments = &arguments,
              .result = Value()});
}

Result<Value> Sandbox::call_all(const Script& script, std::string_view function,
                                const std::vector<Argument>& arguments) {
  return run({.machine = *machine_,
              .code = script.code_,
              .field = function,
              .arguments = &arguments,
              .wants_all = true,
              .result = Value()});
}

Result<Value> Sandbox::read(const Script& script, std::string_view field) {
  return run({.machine = *machine_,
              .code = script.code_,
              .field = field,
              .arguments = nullptr,
              .result = Value()});
}

Result<Value> Sandbox::run(Call call) {
  Vm& vm = machine_->vm;
  vm.begin_call();
  const auto begun = std::chrono::steady_clock::now();
  const int status = lua_cpcall(vm.state(), call_protected, &call);
  // What is only read is no turn of the script's.
  if (call.arguments != nullptr) {
    metrics::registry()
        .histogram(metrics::kLuaSeconds, {"rule", std::string(call.field)})
        .observe(std::chrono::steady_clock::now() - begun);
  }
  if (status != 0) call.problem = text_of_error(vm.state());
  // A script that caught what stopped it, and came to its end all the same, was stopped.
  const bool was_stopped = vm.is_out_of_memory() || vm.is_out_of_instructions();
  Result<Value> result = Value();
  if (status != 0 || was_stopped || call.is_missing || !call.problem.empty()) {
    result = describe_failure(call);
  } else {
    result = std::move(call.result);
  }
  clear_up(!result.has_value());
  return result;
}

void Sandbox::clear_up(bool has_failed) {
  Vm& vm = machine_->vm;
  if (vm.is_out_of_memory()) {
    // What was refused in the middle of anything is not worth looking for.
    auto fresh = std::make_unique<Machine>(vm.limits(), machine_->modules, machine_->coverage);
    if (fresh->prepare()) {
      machine_ = std::move(fresh);
      return;
    }
  }
  lua_settop(vm.state(), 0);
  lua_sethook(vm.state(), nullptr, 0, 0);
  if (machine_->chunks.size() > kMostChunks) machine_->forget_chunks();
  if (std::exchange(machine_->has_new_chunk, false) || has_failed) {
    machine_->settle();  // a stack that was used up is large, too
  } else if (vm.memory_used() > machine_->at_rest + kGarbageAllowed) {
    lua_gc(vm.state(), LUA_GCCOLLECT, 0);
  }
}

}  // namespace croft::lua
