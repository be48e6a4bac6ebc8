#pragma once
// How what the API speaks of looks in JSON, both ways: the server writes these forms, the client
// reads them back. gateway/api/schemas.hpp describes the same forms for /openapi.json; a test holds
// them against each other. Reading ignores fields that it does not know, so that an old client
// understands a newer server.

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/value.hpp"
#include "core/resource/status.hpp"
#include "core/store/rows.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// GET /v1/version.
struct ServerVersion {
  std::string version;  ///< "0.1.0"
  std::string api = "v1";
  bool is_solo = false;  ///< one implicit tenant, `home`

  bool operator==(const ServerVersion&) const = default;
};

/// GET /v1/resources/{tenant}/{kind}/{name}: what `croft describe` shows.
struct ResourceDetail {
  ResourceStatus status;
  std::vector<EventRow> events;  ///< the newest, oldest first
  std::string log_tail;          ///< last lines of its log, if it is not ready
};

/// A token as it is listed. The token itself is in the answer to its making only.
struct TokenSummary {
  std::string id;
  std::string name;
  std::string tenant;  ///< empty: the operator's
  Timestamp created_at;
  std::optional<Timestamp> expires_at;

  bool operator==(const TokenSummary&) const = default;
};

Value to_form(const ServerVersion& version);
Value to_form(const Condition& condition);
Value to_form(const DirectiveRow& directive);
Value to_form(const Changeset& changeset);
Value to_form(const ResourceStatus& status);
Value to_form(const ResourceDetail& detail);
Value to_form(const SourceStatus& source);
Value to_form(const ProviderStatus& provider);
Value to_form(const EventRow& event);
Value to_form(const VolumeStatus& volume);
Value to_form(const ResourceUse& use);
Value to_form(const SealingKey& key);
Value to_form(const TokenSummary& token);

// Each is Invalid, naming the field, for what is not its form.
Result<ServerVersion> version_from_form(const Value& form);
Result<Condition> condition_from_form(const Value& form);
Result<DirectiveRow> directive_from_form(const Value& form);
Result<Changeset> changeset_from_form(const Value& form);
Result<ResourceStatus> status_from_form(const Value& form);
Result<ResourceDetail> detail_from_form(const Value& form);
Result<SourceStatus> source_from_form(const Value& form);
Result<ProviderStatus> provider_from_form(const Value& form);
Result<EventRow> event_from_form(const Value& form);
Result<VolumeStatus> volume_from_form(const Value& form);
Result<ResourceUse> use_from_form(const Value& form);
Result<SealingKey> sealing_key_from_form(const Value& form);
Result<TokenSummary> token_from_form(const Value& form);

/// {"error": {"code", "message", "hint", "position"}}: the body of every answer with a status of
/// 400 and above. Context is folded into the message; secrets that were remembered are redacted.
Value to_form(const Error& error);
/// The Error in such a body; whatever is no such body becomes an error that quotes the status.
Error error_from_answer(int status, const std::string& body);
/// The status that an error is answered with.
int http_status(ErrorCode code);

/// A list of forms as {"NAME": [...]}, which every list answer is.
template <typename Item>
Value to_list_form(std::string_view name, const std::vector<Item>& items) {
  Value::List list;
  list.reserve(items.size());
  for (const Item& item : items) list.push_back(to_form(item));
  return Value::map({{name, Value(std::move(list))}});
}
/// Reads it back with one of the functions above.
template <typename Item>
Result<std::vector<Item>> list_from_form(const Value& form, std::string_view name,
                                         Result<Item> (*read)(const Value&)) {
  const Value* list = form.find(name);
  if (list == nullptr || !list->is_list())
    return fail(ErrorCode::Invalid, "expected a list '" + std::string(name) + "'");
  std::vector<Item> items;
  items.reserve(list->size());
  for (const Value& element : list->as_list()) {
    TRY_ASSIGN(Item item, read(element));
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace croft
