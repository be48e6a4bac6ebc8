#include "providers/docker/walls.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "providers/docker/names.hpp"
#include "providers/local/machine_facts.hpp"

namespace croft::docker {

namespace {

constexpr Duration kDeadline{15'000};

Result<void> run_nft(std::vector<std::string> arguments, std::string input) {
  arguments.insert(arguments.begin(), "nft");
  const ChildCommand command{
      .arguments = std::move(arguments), .input = std::move(input), .deadline = kDeadline};
  TRY(run_child_checked(command));
  return {};
}

std::string reason_against(const ProviderSettings& settings) {
  if (!settings.is_local())
    return "the engine is on another machine, whose packet filter is not ours";
  if (::geteuid() != 0) return "only root can set the packet filter";
  const Result<void> tried = run_nft({"--check", "add", "table", "inet", "croft_probe"}, "");
  return tried ? "" : "nftables does not work: " + tried.error().message();
}

}  // namespace

Walls::Walls(const ProviderSettings& settings, const asio::any_io_executor& executor)
    : mark_(mark_of(settings.data.string())),
      why_not_(reason_against(settings)),
      turn_(executor, 1),
      listing_(executor, 1) {
  input_.table = "croft_docker_" + mark_;
  input_.resolvers = settings.resolvers.empty() ? host_resolvers() : settings.resolvers;
  input_.allow = settings.egress_allow;
  input_.deny = settings.egress_deny;
}

void Walls::give_up(std::string why) {
  if (why_not_.empty()) why_not_ = std::move(why);
}

Task<Result<void>> Walls::add(BlockingPool& pool, std::string bridge, bool is_closed) {
  if (!why_not_.empty() || bridge.empty()) co_return Result<void>{};
  input_.bridges.insert(bridge);
  announced_.insert(bridge);
  if (is_closed) {
    input_.closed.insert(bridge);
    announced_closed_.insert(bridge);
  }
  Result<void> done = co_await apply(pool, false);
  co_return done;
}

Task<Result<void>> Walls::drop(BlockingPool& pool, std::string bridge) {
  if (!why_not_.empty() || bridge.empty()) co_return Result<void>{};
  for (std::set<std::string>* names :
       {&input_.bridges, &input_.closed, &announced_, &announced_closed_})
    names->erase(bridge);
  Result<void> done = co_await apply(pool, false);
  co_return done;
}

Task<Result<void>> Walls::set(BlockingPool& pool, std::set<std::string> bridges,
                              std::set<std::string> closed, bool anew) {
  if (!why_not_.empty()) co_return Result<void>{};
  for (const std::string& bridge : bridges) {
    announced_.erase(bridge);
    if (closed.contains(bridge)) announced_closed_.erase(bridge);
  }
  bridges.insert(announced_.begin(), announced_.end());
  closed.insert(announced_closed_.begin(), announced_closed_.end());
  input_.bridges = std::move(bridges);
  input_.closed = std::move(closed);
  is_listed_ = true;
  Result<void> done = co_await apply(pool, anew);
  co_return done;
}

Task<Result<void>> Walls::apply(BlockingPool& pool, bool anew) {
  const Semaphore::Permit permit = co_await turn_.acquire();
  // None of ours, none to forbid: the host is as it was found.
  if (input_.bridges.empty()) {
    if (applied_.empty()) co_return Result<void>{};
    auto removing = pool.run([this] {
      remove();
      return 0;
    });
    co_await std::move(removing);
    co_return Result<void>{};
  }
  // Made when it is this one's turn, so that the last word is the newest.
  std::string script = firewall_script(input_);
  if (!anew && script == applied_) co_return Result<void>{};
  auto setting = pool.run([script] { return run_nft({"-f", "-"}, script); });
  Result<void> done = co_await std::move(setting);
  if (!done) co_return while_doing(std::move(done), "setting up the packet filter");
  applied_ = std::move(script);
  co_return Result<void>{};
}

void Walls::remove() {
  if (why_not_.empty()) (void)run_nft({"delete", "table", "inet", input_.table}, "");
  applied_.clear();
}

}  // namespace croft::docker
