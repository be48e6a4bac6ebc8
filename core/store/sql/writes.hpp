#pragma once

#include "core/store/sql/session.hpp"
#include "core/store/transaction.hpp"

namespace croft::sql {

/// Does one write inside the session's open transaction. After an error the caller rolls back.
Result<void> apply(Session& session, const Write& write);

/// Forgets what is past its bound: events past the newest `event_limit`, finished intents past the
/// newest `intent_limit`. Meant to be called every few hundred writes; costs as much as what it
/// forgets.
Result<void> prune(Session& session, std::int64_t event_limit, std::int64_t intent_limit);

}  // namespace croft::sql
