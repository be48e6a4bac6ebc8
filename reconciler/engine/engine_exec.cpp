// Commands inside what runs, for people: who may have one is the API's to say.
#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/command_words.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

/// A session whose end is told, whichever it is.
class NotedSession final : public ExecSession {
 public:
  using Ended = std::function<void(std::optional<int> status)>;
  NotedSession(std::unique_ptr<ExecSession> session, std::shared_ptr<Provider> provider,
               Occupancy::Place place, Ended ended)
      : provider_(std::move(provider)),
        place_(std::move(place)),
        session_(std::move(session)),
        ended_(std::move(ended)) {}
  ~NotedSession() override { ended_(status_); }
  NotedSession(const NotedSession&) = delete;
  NotedSession& operator=(const NotedSession&) = delete;

  Task<Result<Output>> read() override { return session_->read(); }
  Task<Result<void>> write(std::string bytes) override { return session_->write(std::move(bytes)); }
  Task<Result<void>> close_input() override { return session_->close_input(); }
  Task<Result<void>> resize(int rows, int columns) override {
    return session_->resize(rows, columns);
  }
  Task<Result<int>> exit_status() override {
    Result<int> status = co_await session_->exit_status();
    if (status) status_ = *status;
    co_return status;
  }

 private:
  std::shared_ptr<Provider> provider_;  // outlives its session
  Occupancy::Place place_;
  std::unique_ptr<ExecSession> session_;
  Ended ended_;
  std::optional<int> status_;
};

}  // namespace

Task<> EngineImpl::note_exec(Ref ref, std::string reason, std::string message) {
  const std::shared_ptr<bool> is_alive = is_alive_;
  EventRow event;
  event.time = clock_.now();
  event.tenant = ref.tenant;
  event.subject = to_string(ref);
  event.reason = std::move(reason);
  event.message = std::move(message);
  Transaction transaction;
  transaction.add(AppendEvent{std::move(event)});
  const Result<void> done = co_await journal_.commit(std::move(transaction));
  if (!done)
    log_warning("engine", "an event was not written", {{"error", done.error().describe()}});
  if (*is_alive) notify();
}

Task<Result<std::unique_ptr<ExecSession>>> EngineImpl::open_exec(Ref ref, ExecRequest request,
                                                                 std::string by) {
  const ResourceRow* row = journal_.resource_of(ref);
  if (row == nullptr || row->state != InventoryState::Owned) {
    co_return fail(
        Error(ErrorCode::NotFound, "there is no " + to_string(ref)).with_hint("see `croft get`"));
  }
  if (ref.kind != Kind::Instance && ref.kind != Kind::Service) {
    co_return fail(
        Error(ErrorCode::Invalid, fmt::format("a {} runs no commands", to_string(ref.kind)))
            .with_hint("name an Instance, or a service of a Stack: Service/STACK.NAME"));
  }
  const auto found = providers_.find(row->provider);
  if (found == providers_.end() || !found->second.lane.provider)
    co_return fail(ErrorCode::Unavailable, "provider '" + row->provider + "' is not there");
  const std::shared_ptr<Provider> provider = found->second.lane.provider;
  if (!provider->capabilities().shell) {
    co_return fail(Error(ErrorCode::Invalid,
                         fmt::format("provider '{}' gives no commands and shells inside what it "
                                     "runs",
                                     row->provider))
                       .with_hint("use the vendor's own tool"));
  }
  CO_TRY_ASSIGN(Occupancy::Place place, exec_sessions_->take(ref.tenant, "commands"));
  request.uid = row->uid;
  const std::string what = describe_command(request.command);
  Result<std::unique_ptr<ExecSession>> session = co_await provider->open_exec(std::move(request));
  if (!session)
    co_return fail(
        std::move(session.error()).while_doing("running a command in " + to_string(ref)));
  co_await note_exec(ref, "ExecStarted", fmt::format("{} by {}", what, by));
  const auto ended = [this, alive = is_alive_, ref, what, by,
                      begun = clock_.steady()](std::optional<int> status) {
    if (!*alive) return;
    const std::string took =
        format_duration(std::chrono::round<std::chrono::seconds>(clock_.steady() - begun));
    const std::string how =
        status ? fmt::format("ended with exit status {}", *status) : std::string("was hung up");
    spawn(executor_,
          note_exec(ref, "ExecEnded", fmt::format("{} by {} {} after {}", what, by, how, took)),
          "end of a command");
  };
  co_return std::make_unique<NotedSession>(std::move(*session), provider, std::move(place), ended);
}

}  // namespace croft
