#include "lua/engine/adapter_host.hpp"

#include <algorithm>
#include <map>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "lua/engine/machine.hpp"

namespace croft::lua {

/// What a host and its calls in flight share: it lives as long as the last of them.
struct AdapterHost::Core : std::enable_shared_from_this<AdapterHost::Core> {
  Core(asio::any_io_executor on, Script what, HostServices with, HostLimits within)
      : executor(std::move(on)),
        script(std::move(what)),
        services(std::move(with)),
        limits(within) {}

  /// The VM for a new call; a new one in the place of one that is dead.
  Result<std::shared_ptr<Machine>> living_machine();
  Result<std::shared_ptr<Fiber>> begin(const AdapterCall& order, bool may_wait);
  /// Why the fiber may not go on, or nothing.
  std::optional<Error> refusal(const Fiber& fiber) const;
  /// Why the fiber may not wait for what it asks for, or nothing.
  std::optional<Error> wait_refusal(const Fiber& fiber) const;
  bool is_late(const CallState& call) const;

  static Task<Result<void>> drive(std::shared_ptr<Core> core, std::shared_ptr<Fiber> fiber);

  asio::any_io_executor executor;
  Script script;
  HostServices services;
  HostLimits limits;
  std::shared_ptr<Machine> machine;
  Value description;
  std::vector<std::string> functions;
  std::map<std::string, ScriptPlace> places;  ///< where they begin
  std::shared_ptr<std::uint64_t> generation = std::make_shared<std::uint64_t>(1);
};

namespace {

Error with_subject(Error error, const CallState& call) {
  std::string what = "calling " + call.function;
  if (!call.subject.empty()) what += " for " + call.subject;
  return std::move(error).while_doing(std::move(what));
}

Error late_error(const CallState& call) {
  return Error(ErrorCode::Timeout,
               fmt::format("the adapter's {} did not end before its deadline", call.function));
}

}  // namespace

Result<std::shared_ptr<Machine>> AdapterHost::Core::living_machine() {
  if (machine && !machine->is_dead()) return machine;
  machine = Machine::make(script, services, executor, limits);
  if (!machine) {
    return fail(ErrorCode::Unavailable,
                fmt::format("{} bytes are too few for {}", limits.memory_bytes, script.name()));
  }
  // Weak: the machine is the core's own.
  machine->drive = [weak = weak_from_this()](std::shared_ptr<Fiber> fiber) -> Task<Result<void>> {
    return drive(weak.lock(), std::move(fiber));
  };
  return machine;
}

Result<std::shared_ptr<Fiber>> AdapterHost::Core::begin(const AdapterCall& order, bool may_wait) {
  TRY_ASSIGN(const std::shared_ptr<Machine> living, living_machine());
  auto call = std::make_shared<CallState>();
  call->function = order.function;
  call->subject = order.subject;
  call->deadline = order.deadline;
  call->emit = order.emit;
  call->hidden = order.hidden;
  call->may_wait = may_wait;
  call->generation = *generation;
  call->present = generation;
  if (is_late(*call)) return fail(late_error(*call));
  return living->begin(order, std::move(call));
}

bool AdapterHost::Core::is_late(const CallState& call) const {
  return call.deadline && services.clock->steady() >= *call.deadline;
}

std::optional<Error> AdapterHost::Core::refusal(const Fiber& fiber) const {
  if (fiber.call->is_called_off()) {
    return Error(ErrorCode::Cancelled,
                 fmt::format("the adapter's {} was called off", fiber.call->function));
  }
  if (fiber.machine->is_dead()) return fiber.machine->why_dead();
  return std::nullopt;
}

std::optional<Error> AdapterHost::Core::wait_refusal(const Fiber& fiber) const {
  CallState& call = *fiber.call;
  // It has had its chance to end by itself, when its last wait ran into the deadline.
  if (is_late(call)) return late_error(call);
  // A loop around what fails at once is no loop that the budget sees.
  if (++call.waits <= limits.waits) return std::nullopt;
  return Error(ErrorCode::Internal, fmt::format("the adapter's {} waited more than {} times",
                                                call.function, limits.waits));
}

Task<Result<void>> AdapterHost::Core::drive(std::shared_ptr<Core> core,
                                            std::shared_ptr<Fiber> fiber) {
  if (!core) co_return fail(ErrorCode::Cancelled, "the adapter is gone");
  int arguments = fiber->arguments;
  for (;;) {
    Step step = fiber->machine->resume(*fiber, arguments);
    if (step.kind == Step::Kind::Failed) co_return std::unexpected(std::move(step.error));
    if (step.kind == Step::Kind::Returned) co_return Result<void>();
    if (auto refused = core->wait_refusal(*fiber)) co_return std::unexpected(std::move(*refused));
    const Operation operation = std::move(fiber->pending);
    fiber->pending = nullptr;
    const Duration begun = core->services.clock->steady();
    const Reply reply = co_await operation();
    // Others have their turn, also after a wait that was none.
    if (core->services.clock->steady() == begun)
      co_await asio::post(core->executor, asio::use_awaitable);
    if (auto refused = core->refusal(*fiber)) co_return std::unexpected(std::move(*refused));
    CO_TRY_ASSIGN(arguments, fiber->machine->answer(*fiber, reply));
  }
}

AdapterHost::AdapterHost(std::shared_ptr<Core> core) : core_(std::move(core)) {}
AdapterHost::~AdapterHost() { cancel(); }

Result<std::unique_ptr<AdapterHost>> AdapterHost::make(asio::any_io_executor executor,
                                                       Script script, HostServices services,
                                                       HostLimits limits) {
  auto core =
      std::make_shared<Core>(std::move(executor), std::move(script), std::move(services), limits);
  if (!core->services.sleep) core->services.sleep = [](Duration time) { return sleep_for(time); };
  TRY_ASSIGN(const std::shared_ptr<Machine> machine, core->living_machine());
  Result<Value> description = machine->describe(core->places);
  if (!description)
    return std::unexpected(
        std::move(description.error()).while_doing("reading " + core->script.name()));
  core->description = std::move(*description);
  for (const auto& [name, place] : core->places) core->functions.push_back(name);
  return std::unique_ptr<AdapterHost>(new AdapterHost(std::move(core)));
}

const Value& AdapterHost::description() const { return core_->description; }
const std::vector<std::string>& AdapterHost::functions() const { return core_->functions; }
ScriptPlace AdapterHost::place_of(std::string_view function) const {
  const auto known = core_->places.find(std::string(function));
  return known == core_->places.end() ? ScriptPlace() : known->second;
}
bool AdapterHost::has(std::string_view function) const {
  return std::ranges::find(core_->functions, function) != core_->functions.end();
}

Task<Result<Value>> AdapterHost::call(AdapterCall order) {
  const std::shared_ptr<Core> core = core_;
  CO_TRY_ASSIGN(const std::shared_ptr<Fiber> fiber, core->begin(order, true));
  order = {};  // the script has it now
  CO_TRY(co_await Core::drive(core, fiber));
  Result<Value> result = fiber->machine->result_of(*fiber);
  if (!result) co_return fail(with_subject(std::move(result.error()), *fiber->call));
  co_return result;
}

Result<Value> AdapterHost::call_pure(AdapterCall order) {
  TRY_ASSIGN(const std::shared_ptr<Fiber> fiber, core_->begin(order, false));
  Step step = fiber->machine->resume(*fiber, fiber->arguments);
  if (step.kind == Step::Kind::Failed) return std::unexpected(std::move(step.error));
  return fiber->machine->result_of(*fiber);
}

void AdapterHost::cancel() { ++*core_->generation; }

std::size_t AdapterHost::memory_used() const {
  return core_->machine ? core_->machine->vm().memory_used() : 0;
}
int AdapterHost::in_flight() const { return core_->machine ? core_->machine->fibers() : 0; }

std::vector<std::string> AdapterHost::provided() const {
  return core_->machine ? core_->machine->provided() : std::vector<std::string>{};
}

}  // namespace croft::lua
