#include "lua/engine/vm.hpp"

#include <cstdlib>

namespace croft::lua {

namespace {

/// Between two looks at the budget: rarely enough to cost nothing, often enough to be exact.
constexpr int kInstructionsAtOnce = 1000;

/// The innermost line that runs: the hook's own function, or the one that called into C.
std::string line_of(lua_State* state) {
  lua_Debug frame;
  for (int level = 0; level < 3 && lua_getstack(state, level, &frame) != 0; ++level) {
    lua_getinfo(state, "Sl", &frame);
    if (frame.currentline > 0)
      return std::string(frame.short_src) + ":" + std::to_string(frame.currentline);
  }
  return "";
}

}  // namespace

Vm::Vm(Limits limits, std::shared_ptr<Coverage> coverage)
    : limits_(limits), coverage_(std::move(coverage)), state_(lua_newstate(&Vm::allocate, this)) {
  if (state_ != nullptr) luaJIT_setmode(state_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
}

Vm::~Vm() {
  if (state_ != nullptr) lua_close(state_);
}

Vm& Vm::of(lua_State* state) {
  void* self = nullptr;
  lua_getallocf(state, &self);
  return *static_cast<Vm*>(self);
}

void* Vm::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  Vm& vm = *static_cast<Vm*>(self);
  if (new_size == 0) {
    std::free(block);
    vm.memory_used_ -= old_size;
    return nullptr;
  }
  const bool fits = vm.memory_used_ - old_size + new_size <= vm.limits_.memory_bytes;
  void* moved = fits || new_size <= old_size ? std::realloc(block, new_size) : nullptr;
  if (moved == nullptr) {
    vm.is_out_of_memory_ = true;
    return nullptr;
  }
  vm.memory_used_ += new_size - old_size;
  return moved;
}

void Vm::on_hook(lua_State* state, lua_Debug* where) {
  Vm& vm = of(state);
  if (where->event != LUA_HOOKLINE) return vm.charge(state, kInstructionsAtOnce);
  lua_getinfo(state, "S", where);
  vm.coverage_->saw(where->source, where->currentline);
}

void Vm::begin_call() {
  instructions_used_ = 0;
  stopped_at_.clear();
  is_out_of_instructions_ = false;
  is_out_of_memory_ = false;
  lua_sethook(state_, &Vm::on_hook, LUA_MASKCOUNT | (coverage_ ? LUA_MASKLINE : 0),
              kInstructionsAtOnce);
}

void Vm::charge(lua_State* state, std::uint64_t instructions) {
  instructions_used_ += instructions;
  const bool is_over = instructions_used_ > limits_.instructions || is_out_of_memory_;
  if (!is_over) return;
  if (!is_out_of_instructions_ && !is_out_of_memory_) stopped_at_ = line_of(state);
  is_out_of_instructions_ = !is_out_of_memory_;
  // From now on at every instruction: whoever catches this one meets the next.
  lua_sethook(state, &Vm::on_hook, LUA_MASKCOUNT, 1);
  luaL_error(state, is_out_of_memory_ ? "out of memory" : "out of instructions");
}

}  // namespace croft::lua
