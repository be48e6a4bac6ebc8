#pragma once
// Room core/store: the journal. Everything Croft must remember goes through this port and nothing
// else.
//
//   rows              what is kept, as plain structs
//   keys              how long what identifies them may be
//   transaction       changes that happen together or not at all
//   store             the port
//   sqlite            opens the embedded engine
//   postgres          opens the one for a fleet
//   open              whichever of the two the settings say
//   measured          a store that counts and times for those who watch
//
// Behind the port: sql/ holds every statement, the numbered migrations and the mapping of rows to
// columns, once for both dialects: writes and reads are descriptions (sql/writes, sql/reads) that
// need no answer half-way, so that one engine can step through them and the other can send them all
// at once. sqlite/ and postgres/ hold what is an engine's own: connections, group commit, faults.
// tools/ holds what people do with a whole store: back it up, copy it, check it.
// Every engine must pass tests/contract/store_contract unchanged.
//
// Methods are coroutines. A Transaction is submitted whole; engines may group several into one disk
// write, but each succeeds or fails by itself.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/store/rows.hpp"
#include "core/store/transaction.hpp"

namespace croft {

/// The port. On one executor; not thread safe. Transactions take effect in the order of submission,
/// each whole or not at all; a failed one leaves nothing of itself and does not hold up others. A
/// commit completes once it is durable; a read sees every commit that completed before it was
/// asked, as one consistent view. Errors: Unavailable (disk full, locked, I/O: try again), Conflict
/// (a name, a number or a ref is taken), Invalid (a row without a key or with one too long, a
/// document nested too deep), Denied (read-only), Internal (corrupt).
class Store {
 public:
  virtual ~Store() = default;

  virtual Task<Result<void>> commit(Transaction transaction) = 0;

  // Rows come in the order of their keys as bytes: tenants by number, resources and directives by
  // ref (the kind by its name), intents, usage and tokens by age, events by sequence.
  virtual Task<Result<std::vector<TenantRow>>> tenants() = 0;
  virtual Task<Result<std::vector<SourceRow>>> sources() = 0;
  /// Every resource of a tenant ("" for operator kinds), gone ones within retention included.
  virtual Task<Result<std::vector<ResourceRow>>> resources(std::string tenant) = 0;
  virtual Task<Result<std::vector<ResourceRow>>> all_resources() = 0;
  virtual Task<Result<std::vector<IntentRow>>> open_intents() = 0;
  virtual Task<Result<std::vector<DirectiveRow>>> directives() = 0;
  virtual Task<Result<std::vector<EventRow>>> events(EventQuery query) = 0;
  /// The tenant's facts whose time overlaps [from, to), open ones included; one of no length counts
  /// where it stands.
  virtual Task<Result<std::vector<UsageRow>>> usage(std::string tenant_uid, Timestamp from,
                                                    Timestamp to) = 0;
  /// Intervals without an end: what was active when the writer stopped.
  virtual Task<Result<std::vector<UsageRow>>> open_usage() = 0;
  virtual Task<Result<std::vector<TokenRow>>> tokens() = 0;
  virtual Task<Result<std::vector<AcknowledgementRow>>> acknowledgements() = 0;
  virtual Task<Result<std::vector<NotificationRow>>> notifications(NotificationQuery query) = 0;
  virtual Task<Result<std::vector<WebhookRow>>> webhooks() = 0;
  /// In the order of their notifications.
  virtual Task<Result<std::vector<DeliveryRow>>> deliveries(DeliveryQuery query) = 0;
  /// The one of that id, or none.
  virtual Task<Result<std::vector<DeliveryRow>>> delivery(std::string id) = 0;

  /// Waits until somebody else may have written directives or acknowledgements, `at_most` so long.
  /// False if nobody else can have. For one caller at a time.
  virtual Task<bool> foreign_orders(Duration at_most) = 0;
};

}  // namespace croft
