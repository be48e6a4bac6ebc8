#pragma once

#include <vector>

#include "core/store/rows.hpp"
#include "core/store/sql/session.hpp"

namespace croft::sql {

// The reads of the Store port, each one statement and thus one consistent view.

Result<std::vector<TenantRow>> read_tenants(Session& session);
Result<std::vector<SourceRow>> read_sources(Session& session);
Result<std::vector<ResourceRow>> read_resources(Session& session, const std::string& tenant);
Result<std::vector<ResourceRow>> read_all_resources(Session& session);
Result<std::vector<IntentRow>> read_open_intents(Session& session);
Result<std::vector<DirectiveRow>> read_directives(Session& session);
Result<std::vector<EventRow>> read_events(Session& session, const EventQuery& query);
Result<std::vector<UsageRow>> read_usage(Session& session, const std::string& tenant_uid,
                                         Timestamp from, Timestamp to);
Result<std::vector<UsageRow>> read_open_usage(Session& session);
Result<std::vector<TokenRow>> read_tokens(Session& session);
Result<std::vector<AcknowledgementRow>> read_acknowledgements(Session& session);

}  // namespace croft::sql
