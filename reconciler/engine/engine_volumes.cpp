// Volumes as archives, and what is held stopped for them.
#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

/// A hold ends by itself this long after the daemon that made it ended; until then it is renewed.
constexpr Duration kHoldLife{120'000};
constexpr Duration kHoldRenewal{30'000};
/// Beside the grace that each has: for the pass that stops them.
constexpr Duration kStopPatience{60'000};
constexpr Duration kLongestGrace{3'600'000};
constexpr Duration kLookAgain{1'000};

bool is_up(Phase phase) {
  return phase == Phase::Running || phase == Phase::Starting || phase == Phase::Asleep ||
         phase == Phase::Stopping || phase == Phase::Failed;
}

std::string name_of(const Ref& ref, const std::string& volume) {
  return volume.empty() ? to_string(ref) : to_string(ref) + ":" + volume;
}

std::vector<std::string> volumes_of(const ResourceRow& row) {
  std::vector<std::string> names;
  const Value* volumes = row.applied ? row.applied->find("volumes") : nullptr;
  if (volumes == nullptr || !volumes->is_list()) return names;
  for (const Value& volume : volumes->as_list()) names.push_back(volume.text_or("name", ""));
  return names;
}

/// True if a Service mounts the Volume of that name in its Stack.
bool mounts(const ResourceRow& service, const std::string& volume) {
  const Value* all = service.applied ? service.applied->find("mounts") : nullptr;
  if (all == nullptr || !all->is_list()) return false;
  return std::ranges::any_of(
      all->as_list(), [&](const Value& mount) { return mount.text_or("volume", "") == volume; });
}

EventRow transfer_event(const Ref& ref, Timestamp time) {
  EventRow event;
  event.time = time;
  event.tenant = ref.tenant;
  event.subject = to_string(ref);
  return event;
}

/// Counts what goes through.
ByteSink counted(ByteSink sink, std::shared_ptr<std::uint64_t> count) {
  return [sink = std::move(sink), count](std::string bytes) -> Task<Result<void>> {
    *count += bytes.size();
    return sink(std::move(bytes));
  };
}
ByteSource counted(ByteSource source, std::shared_ptr<std::uint64_t> count) {
  // The copies are parameters of the coroutine: a lambda's captures go with the lambda.
  const auto read = [](ByteSource from,
                       std::shared_ptr<std::uint64_t> into) -> Task<Result<std::string>> {
    Result<std::string> bytes = co_await from();
    if (bytes) *into += bytes->size();
    co_return bytes;
  };
  return [read, source = std::move(source), count] { return read(source, count); };
}

}  // namespace

/// What is held stopped, and why.
struct EngineImpl::Hold {
  std::vector<Ref> refs;
  std::string by;
  std::string why;  ///< with an id: how we know our own order again
  Timestamp made;
  bool is_over = false;
};

struct EngineImpl::Transfer {
  ResourceRow row;
  std::string volume;
  std::shared_ptr<Provider> provider;
  std::vector<Ref> users;    ///< that run
  std::vector<Ref> to_hold;  ///< that may, and are not held already
  Occupancy::Place place;
};

bool EngineImpl::may_use_volumes(const Ref& ref) const {
  const ResourceRow* row = journal_.resource_of(ref);
  if (row == nullptr || row->state != InventoryState::Owned) return false;
  const Observed* seen = observed_of(*row);
  return is_up(seen != nullptr ? seen->phase : row->phase);
}

std::vector<Ref> EngineImpl::possible_users_of(const ResourceRow& row) const {
  if (row.ref.kind != Kind::Volume) {
    return row.state == InventoryState::Owned ? std::vector{row.ref} : std::vector<Ref>();
  }
  std::vector<Ref> users;
  for (const ResourceRow* other : journal_.resources_of(row.ref.tenant)) {
    const bool is_neighbour = other->ref.kind == Kind::Service &&
                              other->state == InventoryState::Owned &&
                              stack_of(other->ref) == stack_of(row.ref);
    if (is_neighbour && mounts(*other, name_in_stack(row.ref))) users.push_back(other->ref);
  }
  return users;
}

std::vector<Ref> EngineImpl::users_of(const ResourceRow& row) const {
  std::vector<Ref> users = possible_users_of(row);
  std::erase_if(users, [this](const Ref& ref) { return !may_use_volumes(ref); });
  return users;
}

bool EngineImpl::is_held(const Ref& ref) const {
  return std::ranges::any_of(
      journal_.directives_of(ref.tenant, clock_.now()),
      [&](const DirectiveRow& row) { return row.ref == ref && row.verb == DirectiveVerb::Stop; });
}

Task<> EngineImpl::look_again(std::vector<Ref> refs) {
  std::set<std::string> asked;
  const SteadyTime now = std::chrono::steady_clock::now();
  for (const Ref& ref : refs) {
    const ResourceRow* row = journal_.resource_of(ref);
    const auto provider = row == nullptr ? providers_.end() : providers_.find(row->provider);
    if (provider == providers_.end() || !provider->second.observer) continue;
    if (!asked.insert(provider->first).second) continue;
    // One that does not answer is as it was last seen.
    const std::shared_ptr<Observer> observer = provider->second.observer;
    (void)co_await observer->observe(now);
  }
}

std::vector<VolumeStatus> EngineImpl::volumes(const std::string& tenant) const {
  std::vector<VolumeStatus> all;
  for (const auto& [uid, row] : journal_.resources()) {
    if (!tenant.empty() && row.ref.tenant != tenant) continue;
    VolumeStatus status;
    status.ref = row.ref;
    status.uid = uid;
    status.provider = row.provider;
    if (row.state == InventoryState::Retained) status.kept_until = row.retained_until;
    if (const Observed* seen = observed_of(row)) status.used = seen->storage_bytes;
    if (row.ref.kind == Kind::Volume) {
      status.size = row.applied ? row.applied->integer_or("size", 0) : 0;
      status.users = users_of(row);
      all.push_back(std::move(status));
      continue;
    }
    const Value* declared = row.applied ? row.applied->find("volumes") : nullptr;
    if (declared == nullptr || !declared->is_list()) continue;
    status.users = users_of(row);
    for (const Value& volume : declared->as_list()) {
      status.volume = volume.text_or("name", "");
      status.size = volume.integer_or("size", 0);
      all.push_back(status);
    }
  }
  std::ranges::sort(
      all, {}, [](const VolumeStatus& one) { return std::tuple(one.ref, one.volume, one.uid); });
  return all;
}

Result<EngineImpl::Transfer> EngineImpl::transfer_of(const TransferRequest& request) {
  const ResourceRow* row = journal_.resource_of(request.ref);
  const std::string what = name_of(request.ref, request.volume);
  const Error absent =
      Error(ErrorCode::NotFound, "there is no volume " + what).with_hint("see `croft volume ls`");
  if (row == nullptr) return fail(absent);
  Transfer transfer;
  transfer.row = *row;
  transfer.volume = request.volume;
  const std::vector<std::string> names = volumes_of(*row);
  if (row->ref.kind == Kind::Volume) {
    if (!request.volume.empty()) return fail(absent);
  } else if (request.volume.empty() && names.size() > 1) {
    return fail(
        Error(ErrorCode::Invalid, fmt::format("{} has several volumes", to_string(row->ref)))
            .with_hint(fmt::format("say which: {}:{}", local_name(row->ref), names.front())));
  } else if (request.volume.empty() && names.size() == 1) {
    transfer.volume = names.front();
  } else if (std::ranges::find(names, request.volume) == names.end()) {
    return fail(absent);
  }
  const auto provider = providers_.find(row->provider);
  if (provider == providers_.end() || !provider->second.lane.provider)
    return fail(ErrorCode::Unavailable, "provider '" + row->provider + "' is not there");
  transfer.provider = provider->second.lane.provider;
  if (!transfer.provider->capabilities().volume_archives) {
    return fail(
        Error(ErrorCode::Invalid,
              fmt::format("provider '{}' cannot give volumes out or take them in", row->provider))
            .with_hint("use the vendor's own tool"));
  }
  TRY_ASSIGN(transfer.place, transfers_->take(request.ref.tenant, "exports and imports"));
  transfer.users = users_of(*row);
  // One that does not run now may be about to: it is held, too.
  transfer.to_hold = possible_users_of(*row);
  std::erase_if(transfer.to_hold, [this](const Ref& ref) { return is_held(ref); });
  return transfer;
}

/// Makes the orders, or renews those that are still ours: who stops something by hand meanwhile
/// means more than the time of an export.
Task<Result<void>> EngineImpl::put_hold(std::shared_ptr<Hold> held, bool is_first) {
  Transaction transaction;
  for (const Ref& ref : held->refs) {
    const bool is_ours = std::ranges::any_of(journal_.directives(), [&](const DirectiveRow& row) {
      return row.ref == ref && row.verb == DirectiveVerb::Stop && row.why == held->why;
    });
    if (!is_first && !is_ours) continue;
    DirectiveRow row;
    row.ref = ref;
    row.verb = DirectiveVerb::Stop;
    row.by = held->by;
    row.why = held->why;
    row.created_at = held->made;
    row.until = clock_.now() + kHoldLife;
    transaction.add(PutDirective{std::move(row)});
    if (!is_first) continue;
    EventRow event = transfer_event(ref, clock_.now());
    event.reason = "Directed";
    event.message = fmt::format("stop by {}: {}", held->by, held->why);
    transaction.add(AppendEvent{std::move(event)});
  }
  if (transaction.writes.empty()) co_return Result<void>();
  co_return co_await journal_.commit(std::move(transaction));
}

Task<> EngineImpl::keep_holding(std::shared_ptr<Hold> held) {
  const std::shared_ptr<bool> is_alive = is_alive_;
  for (;;) {
    co_await sleep_for(kHoldRenewal);
    if (!*is_alive || held->is_over) co_return;
    const Result<void> done = co_await put_hold(held, false);
    if (!done)
      log_warning("engine", "a hold was not renewed", {{"error", done.error().describe()}});
  }
}

/// Stops what uses a volume and waits until nothing of it runs.
Task<Result<void>> EngineImpl::hold(std::shared_ptr<Hold> held) {
  CO_TRY(co_await put_hold(held, true));
  spawn(executor_, keep_holding(held), "holding what uses a volume");
  const std::string tenant = held->refs.front().tenant;
  Duration patience = kStopPatience;
  for (const Ref& ref : held->refs) {
    const ResourceRow* row = journal_.resource_of(ref);
    if (row == nullptr || !row->applied) continue;
    const Duration grace(row->applied->integer_or("grace", 10'000));
    patience = std::max(patience, kStopPatience + std::min(grace, kLongestGrace));
  }
  applier_.forget_failures(tenant);
  Signal changed(executor_);
  const std::shared_ptr<void> subscription = on_change([&changed] { changed.notify(); });
  notify();
  const Duration until = clock_.steady() + patience;
  // A pass that goes on may be about to start one of them: ours comes after it.
  (void)co_await pass(tenant, std::nullopt, Asked::ByItself);
  for (;;) {
    co_await look_again(held->refs);
    const auto running =
        std::ranges::find_if(held->refs, [this](const Ref& ref) { return may_use_volumes(ref); });
    if (running == held->refs.end()) co_return Result<void>();
    const Duration left = until - clock_.steady();
    if (left <= Duration(0) || is_stopping_) {
      co_return fail(Error(ErrorCode::Timeout, to_string(*running) + " did not stop in time")
                         .with_hint("nothing was exported or imported; see `croft describe`"));
    }
    want_tenant(tenant);
    co_await changed.wait(std::min(left, kLookAgain));
  }
}

/// Lets run again what was held; tried until it is written, whatever happened meanwhile.
Task<> EngineImpl::release(std::shared_ptr<Hold> held) {
  held->is_over = true;
  if (held->refs.empty()) co_return;
  Transaction transaction;
  for (const Ref& ref : held->refs) {
    const bool is_ours = std::ranges::any_of(journal_.directives(), [&](const DirectiveRow& row) {
      return row.ref == ref && row.verb == DirectiveVerb::Stop && row.why == held->why;
    });
    if (!is_ours) continue;
    EventRow event = transfer_event(ref, clock_.now());
    event.reason = "DirectiveWithdrawn";
    event.message = fmt::format("stop withdrawn by {}: that is done", held->by);
    transaction.add(EraseDirective{ref, DirectiveVerb::Stop});
    transaction.add(AppendEvent{std::move(event)});
  }
  if (transaction.writes.empty()) co_return;
  const std::string tenant = held->refs.front().tenant;
  const Result<void> done = co_await journal_.commit(std::move(transaction));
  // The order has an end: what is not released now is so then.
  if (!done)
    log_warning("engine", "a hold was not withdrawn; it ends by itself",
                {{"error", done.error().describe()}});
  applier_.forget_failures(tenant);
  want_tenant(tenant);
  notify();
}

Task<Result<void>> EngineImpl::note_transfer(TransferRequest request, std::string reason,
                                             std::string message) {
  EventRow event = transfer_event(request.ref, clock_.now());
  event.reason = std::move(reason);
  event.message = std::move(message);
  Transaction transaction;
  transaction.add(AppendEvent{std::move(event)});
  Result<void> done = co_await journal_.commit(std::move(transaction));
  notify();
  co_return done;
}

Task<Result<void>> EngineImpl::export_held(TransferRequest request, ByteSink sink) {
  CO_TRY_ASSIGN(const Transfer transfer, transfer_of(request));
  const auto held = std::make_shared<Hold>();
  held->by = request.by;
  held->made = clock_.now();
  held->why = fmt::format("quiesced for the export of {} ({})",
                          name_of(request.ref, transfer.volume), random_.id());
  if (request.quiesce) held->refs = transfer.to_hold;
  const auto count = std::make_shared<std::uint64_t>(0);
  Result<void> done;
  if (!held->refs.empty()) done = co_await hold(held);
  if (done)
    done = co_await transfer.provider->export_volume(transfer.row.uid, transfer.volume,
                                                     counted(std::move(sink), count));
  co_await release(held);
  const std::string what = name_of(request.ref, transfer.volume);
  if (!done) co_return fail(std::move(done.error()).while_doing("exporting " + what));
  const std::string message = fmt::format("{} by {}, {} bytes{}", what, request.by, *count,
                                          held->refs.empty() ? "" : ", quiesced");
  co_return co_await note_transfer(std::move(request), "VolumeExported", message);
}

Task<Result<void>> EngineImpl::import_held(TransferRequest request, ByteSource source) {
  std::vector<Ref> users;
  if (const ResourceRow* row = journal_.resource_of(request.ref)) users = possible_users_of(*row);
  co_await look_again(std::move(users));
  CO_TRY_ASSIGN(const Transfer transfer, transfer_of(request));
  const std::string what = name_of(request.ref, transfer.volume);
  if (transfer.row.state != InventoryState::Owned) {
    co_return fail(Error(ErrorCode::Conflict, what + " is declared no more")
                       .with_hint("declare it again first: it gets its data back"));
  }
  if (!transfer.users.empty() && !request.quiesce) {
    co_return fail(Error(ErrorCode::Conflict, fmt::format("{} runs, and may be using {}",
                                                          to_string(transfer.users.front()), what))
                       .with_hint("stop it first, or let it be stopped for the time: --quiesce"));
  }
  const auto held = std::make_shared<Hold>();
  held->by = request.by;
  held->made = clock_.now();
  held->why = fmt::format("quiesced for the import of {} ({})", what, random_.id());
  if (request.quiesce) held->refs = transfer.to_hold;
  const auto count = std::make_shared<std::uint64_t>(0);
  Result<void> done;
  if (!held->refs.empty()) done = co_await hold(held);
  if (done)
    done = co_await transfer.provider->import_volume(transfer.row.uid, transfer.volume,
                                                     counted(std::move(source), count));
  co_await release(held);
  if (!done) {
    // What came before the mistake is in the volume.
    if (*count > 0)
      co_await note_transfer(request, "VolumeImportFailed",
                             fmt::format("{} by {}, after {} bytes: {}", what, request.by, *count,
                                         done.error().message()));
    co_return fail(std::move(done.error()).while_doing("importing into " + what));
  }
  const std::string message = fmt::format("{} by {}, {} bytes{}", what, request.by, *count,
                                          held->refs.empty() ? "" : ", quiesced");
  co_return co_await note_transfer(std::move(request), "VolumeImported", message);
}

/// A client that leaves calls off the coroutine that answers it, at any point; a hold has to be
/// released even so.
Task<Result<void>> EngineImpl::to_the_end(Task<Result<void>> work) {
  struct Shared {
    explicit Shared(const asio::any_io_executor& executor) : ended(executor) {}
    Signal ended;
    std::optional<Result<void>> result;
  };
  const auto shared = std::make_shared<Shared>(executor_);
  asio::co_spawn(
      executor_, std::move(work), [shared](const std::exception_ptr& failure, Result<void> result) {
        shared->result =
            failure ? fail(ErrorCode::Internal, "it ended with an exception") : std::move(result);
        shared->ended.notify();
      });
  while (!shared->result) co_await shared->ended.wait(kLongestGrace);
  co_return std::move(*shared->result);
}

Task<Result<void>> EngineImpl::export_volume(TransferRequest request, ByteSink sink) {
  return to_the_end(export_held(std::move(request), std::move(sink)));
}

Task<Result<void>> EngineImpl::import_volume(TransferRequest request, ByteSource source) {
  return to_the_end(import_held(std::move(request), std::move(source)));
}

Task<Result<void>> EngineImpl::erase_volumes(Ref ref, std::string by) {
  TenantState& state = tenant_states_.try_emplace(ref.tenant, executor_).first->second;
  const Semaphore::Permit turn = co_await state.turn->acquire();
  std::vector<ResourceRow> kept;
  for (const auto& [uid, row] : journal_.resources()) {
    if (row.ref != ref) continue;
    if (row.state == InventoryState::Owned) {
      co_return fail(Error(ErrorCode::Conflict, to_string(ref) + " is declared")
                         .with_hint("remove it from its repository first; what is kept then can be "
                                    "erased"));
    }
    kept.push_back(row);
  }
  if (kept.empty()) {
    co_return fail(Error(ErrorCode::NotFound, "nothing is kept of " + to_string(ref))
                       .with_hint("see `croft volume ls`"));
  }
  // A tenant that was removed has data, too.
  TenantIdentity identity;
  for (const auto& [uid, tenant] : journal_.tenants()) {
    const bool is_it = tenant.name == ref.tenant;
    if (is_it) identity = TenantIdentity{tenant.uid, tenant.name, tenant.number};
  }
  for (const ResourceRow& row : kept) {
    CO_TRY(co_await erase_retained(identity, row, "VolumeErased", "erased by " + by));
  }
  TransferRequest noted;
  noted.ref = ref;
  co_return co_await note_transfer(std::move(noted), "VolumeErased",
                                   fmt::format("what was kept of {}, by {}", to_string(ref), by));
}

}  // namespace croft
