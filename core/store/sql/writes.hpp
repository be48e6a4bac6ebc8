#pragma once

#include <vector>

#include "core/base/error.hpp"
#include "core/store/history.hpp"
#include "core/store/sql/session.hpp"
#include "core/store/transaction.hpp"

namespace croft::sql {

/// Appends what does one write: statements that need no answer from each other, so that an engine
/// may send them all at once, in their order and in one transaction. Invalid for what cannot be
/// written.
Result<void> plan(const Write& write, std::vector<Statement>& statements);

/// What an engine's error says of that write: engines only know the names of their indexes.
Error explain(const Write& write, Error error);

/// Forgets what is past its bound. Meant to be run every few hundred writes; costs as much as what
/// it forgets.
std::vector<Statement> plan_prune(const StoreHistory& history, Timestamp now);

}  // namespace croft::sql
