// memory: what calls leave for later ones.

#include <algorithm>

#include "lua/bindings/adapter_memory.hpp"
#include "lua/bindings/arguments.hpp"
#include "lua/bindings/bindings.hpp"

namespace croft::lua {

const Value* AdapterMemory::get(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second.value;
}

bool AdapterMemory::set(const std::string& name, Value value) {
  forget(name);
  if (value.is_null()) return true;
  Entry entry{.value = std::move(value), .set_at = ++sets_};
  entry.size = to_json(entry.value).size() + name.size();
  if (entry.size > limit_) return false;
  while (size_ + entry.size > limit_) {
    const auto oldest = std::ranges::min_element(
        entries_, {}, [](const auto& known) { return known.second.set_at; });
    forget(std::string(oldest->first));
  }
  size_ += entry.size;
  entries_.emplace(name, std::move(entry));
  return true;
}

void AdapterMemory::forget(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  size_ -= found->second.size;
  entries_.erase(found);
}

namespace {

// A pure function gives the same for the same, whatever was called before.
AdapterMemory* memory_of(lua_State* state, const char* name) {
  const Machine& machine = Machine::of(state);
  const Fiber* const fiber = machine.running();
  if (fiber == nullptr || !fiber->call->may_wait)
    throw Misuse{std::string(name) + ": only within a verb that may wait; this one is pure"};
  return machine.services().memory.get();
}

int get(lua_State* state) {
  const AdapterMemory* const memory = memory_of(state, "memory.get");
  const std::string name(text_argument(state, 1, "memory.get", "the name"));
  const Value* const value = memory != nullptr ? memory->get(name) : nullptr;
  if (value == nullptr) {
    lua_pushnil(state);
  } else {
    push_document(state, *value);
  }
  return 1;
}

int set(lua_State* state) {
  AdapterMemory* const memory = memory_of(state, "memory.set");
  const std::string name(text_argument(state, 1, "memory.set", "the name"));
  Result<Value> value = read_document(state, 2);
  if (!value) throw Misuse{"memory.set: " + value.error().message()};
  const bool is_kept = memory != nullptr && memory->set(name, std::move(*value));
  lua_pushboolean(state, is_kept ? 1 : 0);
  return 1;
}

}  // namespace

void push_memory_module(lua_State* state) {
  lua_newtable(state);
  lua_pushcfunction(state, bound<get>);
  lua_setfield(state, -2, "get");
  lua_pushcfunction(state, bound<set>);
  lua_setfield(state, -2, "set");
}

}  // namespace croft::lua
