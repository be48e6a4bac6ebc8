#include "gateway/api/schemas.hpp"

#include "core/base/error.hpp"
#include "core/resource/kind.hpp"
#include "core/resource/status.hpp"
#include "core/store/rows.hpp"
#include "gateway/api/upload.hpp"
#include "reconciler/changeset.hpp"

namespace croft {

namespace {

/// One property of an object. Answers always carry all of theirs.
struct Property {
  std::string_view name;
  Value schema;
  bool required = true;
};

Property optional(std::string_view name, Value schema) { return {name, std::move(schema), false}; }

Value object_schema(const std::vector<Property>& properties) {
  Value map = Value::map();
  Value required = Value::list();
  for (const Property& property : properties) {
    map.set(property.name, property.schema);
    if (property.required) required.push_back(property.name);
  }
  return Value::map(
      {{"type", "object"}, {"properties", std::move(map)}, {"required", std::move(required)}});
}

/// Of a request: a field that we do not know is an error, not a silent nothing.
Value request_schema(const std::vector<Property>& properties) {
  Value schema = object_schema(properties);
  schema.set("additionalProperties", false);
  return schema;
}

Value list_schema(Value items) {
  return Value::map({{"type", "array"}, {"items", std::move(items)}});
}

Value or_null(Value schema) {
  if (schema.find("type") == nullptr) {
    const Value null = Value::map({{"type", "null"}});
    return Value::map({{"anyOf", Value(Value::List{std::move(schema), null})}});
  }
  const Value type = *schema.find("type");
  schema.set("type", Value(Value::List{type, "null"}));
  return schema;
}

Value bounded_text(std::string_view help, std::int64_t most) {
  Value schema = text_schema(help);
  schema.set("maxLength", most);
  return schema;
}

Value time_schema(std::string_view help) {
  Value schema = text_schema(help);
  schema.set("format", "date-time");
  return schema;
}

Value spec_schema(std::string_view help) {
  return Value::map({{"type", Value(Value::List{"object", "null"})}, {"description", help}});
}

Value count_schema(std::string_view help) { return integer_schema(help, 0, INT64_MAX); }

/// The names of enumerators that follow one another up to `last`.
template <typename Enum>
std::vector<std::string_view> names_up_to(Enum last) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(last); ++i)
    names.push_back(to_string(static_cast<Enum>(i)));
  return names;
}

Value error_schema() {
  Value position = object_schema({{"file", text_schema("Path of the file")},
                                  {"line", count_schema("From 1")},
                                  {"column", count_schema("From 1, in bytes")}});
  return object_schema(
      {{"error", object_schema({{"code", choice_schema("What kind of failure",
                                                       names_up_to(ErrorCode::Internal))},
                                {"message", text_schema("What happened, for people")},
                                {"hint", text_schema("What to try, or empty")},
                                {"position", or_null(std::move(position))}})}});
}

Value condition_schema() {
  return object_schema(
      {{"type", text_schema("Ready, Reconciling, Stalled, ...")},
       {"status", choice_schema("Whether it holds", names_up_to(ConditionStatus::Unknown))},
       {"reason", text_schema("CamelCase, for machines")},
       {"message", text_schema("For people")},
       {"since", time_schema("When the status last changed")}});
}

Value directive_schema() {
  return object_schema(
      {{"ref", text_schema("Whom it concerns: alice/Site/blog")},
       {"verb", choice_schema("What is ordered", names_up_to(DirectiveVerb::Suspend))},
       {"by", text_schema("Who said so")},
       {"why", text_schema("Why, or empty")},
       {"createdAt", time_schema("When")},
       {"until", or_null(time_schema("When it ends by itself"))}});
}

Value field_change_schema() {
  return object_schema(
      {{"path", text_schema("resources.memory")},
       {"before", or_null(text_schema("As people write it; null: there was none"))},
       {"after", or_null(text_schema("As people write it; null: there is none"))}});
}

Value change_schema() {
  return object_schema({{"ref", text_schema("alice/Site/blog")},
                        {"uid", text_schema("Empty for what was never accepted yet")},
                        {"action", choice_schema("What is done", names_up_to(Action::Keep))},
                        {"provider", text_schema("Where")},
                        {"providerBefore", text_schema("Of a move: where it is now")},
                        {"reason", text_schema("CamelCase, for machines")},
                        {"why", text_schema("For people")},
                        {"fields", list_schema(schema_reference("FieldChange"))},
                        {"before", spec_schema("The spec last applied")},
                        {"after", spec_schema("The spec once this is applied")},
                        {"specDigest", text_schema("Of the provider's part of after")},
                        {"isDrift", boolean_schema("Nobody changed the declaration")},
                        {"losesData", boolean_schema("Data is out of reach afterwards")},
                        {"erasesData", boolean_schema("Data is erased")},
                        {"isRecordOnly", boolean_schema("The provider is not called")},
                        {"stopsFirst", boolean_schema("Of a start: it is stopped before")},
                        {"manner", or_null(schema_reference("UpdateManner"))},
                        {"dependsOn", list_schema(text_schema("A ref"))},
                        {"price", or_null(schema_reference("ChangePrice"))}});
}

Value update_manner_schema() {
  return object_schema(
      {{"way",
        choice_schema("What an update does to what runs: it goes on; the new one takes over, "
                      "then the old one ends; or the old one ends first, a short gap",
                      names_up_to(UpdateWay::Replace))},
       {"because", text_schema("Of replace: why there is a gap; else empty")}});
}

Value record_change_schema() {
  return object_schema(
      {{"ref", text_schema("alice/Webhook/ops: of a kind that nothing runs")},
       {"action", choice_schema("create, update or destroy", names_up_to(Action::Keep))},
       {"fields", list_schema(schema_reference("FieldChange"))}});
}

Value change_price_schema() {
  return object_schema({{"currency", text_schema("ISO 4217 code")},
                        {"before", text_schema("A month, as a decimal number")},
                        {"after", text_schema("A month, as a decimal number")},
                        {"delta", text_schema("after less before")}});
}

Value quote_line_schema() {
  return object_schema(
      {{"text", text_schema("What it is for")},
       {"resource", text_schema("Instance/api, or empty for what several share")},
       {"meter", text_schema("activeHours, storage, ..., or empty")},
       {"rate", text_schema("A decimal number in major units, or empty for a plain amount")},
       {"quantity", text_schema("How much, as a decimal number")},
       {"per", count_schema("How much of the quantity makes a unit")},
       {"unit", text_schema("hour, GiB, ...")},
       {"amount", text_schema("rate × quantity ÷ per, rounded once")},
       {"currency", text_schema("ISO 4217 code")}});
}

Value changeset_price_schema() {
  return object_schema(
      {{"currency", text_schema("ISO 4217 code")},
       {"per", choice_schema("What the amounts are for", {"month"})},
       {"rule", text_schema("The pricing rule that computed it")},
       {"before", text_schema("A decimal number")},
       {"after", text_schema("A decimal number")},
       {"delta", text_schema("after less before")},
       {"shared", text_schema("What shared allowances absorb: delta less the changes' own")},
       {"lines", list_schema(schema_reference("QuoteLine"))},
       {"basis", text_schema("The usage that is assumed")},
       {"notices", list_schema(text_schema("What the rule says beside"))},
       {"unpriced", list_schema(text_schema("What is not in it, and why"))}});
}

Value plan_price_schema() {
  return object_schema({{"plan", text_schema("Name of the Plan")},
                        {"isCurrent", boolean_schema("The tenant's own")},
                        {"rule", text_schema("The pricing rule, or empty: the plan has no price")},
                        {"currency", text_schema("ISO 4217 code, or empty")},
                        {"total", or_null(text_schema("A decimal number; null: see problem"))},
                        {"lines", list_schema(schema_reference("QuoteLine"))},
                        {"notices", list_schema(text_schema("What the rule says beside"))},
                        {"problem", text_schema("Why it is not priced, or empty")},
                        {"refusals", list_schema(schema_reference("Refusal"))},
                        {"unpriced", list_schema(text_schema("What is not in it, and why"))}});
}

Value price_list_schema() {
  return object_schema({{"per", choice_schema("What the amounts are for", {"month"})},
                        {"plans", list_schema(schema_reference("PlanPrice"))},
                        {"basis", text_schema("The usage that is assumed")}});
}

Value quota_schema() {
  return object_schema({{"quota", text_schema("instances, memory, ...")},
                        {"used", text_schema("Afterwards, as people write it")},
                        {"limit", text_schema("As people write it")},
                        {"exceeded", boolean_schema("It is beyond its limit")}});
}

Value refusal_schema() {
  return object_schema({{"ref", text_schema("The resource that it is about, or empty")},
                        {"path", text_schema("The field")},
                        {"message", text_schema("For people")},
                        {"hint", text_schema("What to try, or empty")},
                        {"place", text_schema("file:line:column in the repository, or empty")}});
}

Value changeset_schema() {
  Value guard = object_schema(
      {{"reason", text_schema("CamelCase, for machines")}, {"message", text_schema("For people")}});
  return object_schema({{"tenant", text_schema("Empty: the platform")},
                        {"plan", text_schema("Name of the tenant's Plan, or empty")},
                        {"before", text_schema("The revision it starts from")},
                        {"after", text_schema("What it leads to")},
                        {"observed", boolean_schema("Computed against what really runs")},
                        {"changes", list_schema(schema_reference("Change"))},
                        {"records", list_schema(schema_reference("RecordChange"))},
                        {"notes", list_schema(text_schema("For people"))},
                        {"guard", or_null(std::move(guard))},
                        {"refusals", list_schema(schema_reference("Refusal"))},
                        {"quotas", list_schema(schema_reference("Quota"))},
                        {"price", or_null(schema_reference("ChangesetPrice"))},
                        {"unpriced", text_schema("Why it has no price; empty if it has one, or "
                                                 "there is no plan")},
                        {"digest", text_schema("Over everything it was computed from")}});
}

Value resource_schema() {
  return object_schema(
      {{"ref", text_schema("alice/Site/blog")},
       {"uid", text_schema("Minted at first acceptance")},
       {"provider", text_schema("Where it is")},
       {"source", text_schema("Key of the source that declares it")},
       {"phase", choice_schema("Where it is in its life", names_up_to(Phase::Destroyed))},
       {"conditions", list_schema(schema_reference("Condition"))},
       {"attemptedRevision", text_schema("The newest commit that was tried")},
       {"appliedRevision", text_schema("The commit that is applied")},
       {"url", text_schema("Where it is reached, or empty")},
       {"message", text_schema("The provider's word")},
       {"restarts", count_schema("Of the present run")},
       {"createdAt", time_schema("When it was accepted")},
       {"observedAt", or_null(time_schema("When it was last looked at"))},
       {"spec", spec_schema("Last applied, else desired")},
       {"directives", list_schema(schema_reference("Directive"))}});
}

Value source_schema() {
  return object_schema(
      {{"key", text_schema("alice/main")},
       {"tenant", text_schema("Empty: the platform")},
       {"url", text_schema("Of the Git repository")},
       {"ref", text_schema("Branch or full ref")},
       {"attemptedRevision", text_schema("The newest commit that was tried")},
       {"appliedRevision", text_schema("The last commit that loaded and was applied")},
       {"conditions", list_schema(schema_reference("Condition"))},
       {"fetchedAt", or_null(time_schema("When it was last fetched"))},
       {"receiver", text_schema("Who calls its hook: github, ...; empty: it has none")},
       {"hook", text_schema("URL of its hook, or its path if hooks.url is not set; or empty")},
       {"commitStatus", text_schema("Where its revisions are reported: github, ...; or empty")}});
}

Value provider_schema() {
  return object_schema(
      {{"name", text_schema("As the platform declares it")},
       {"adapter", text_schema("What it is made of: process, docker, ...")},
       {"ready", boolean_schema("Whether it could be made and be observed")},
       {"message", text_schema("Why it is not, or what is not as declared; or empty")},
       {"missing", list_schema(object_schema(
                       {{"what", text_schema("What it cannot promise here: memory, egress, ...")},
                        {"why", text_schema("Why")}}))}});
}

Value event_schema() {
  return object_schema({{"sequence", count_schema("Rising; what `after` and Last-Event-ID mean")},
                        {"time", time_schema("When")},
                        {"tenant", text_schema("Empty: the operator's")},
                        {"subject", text_schema("A ref, or a source's key")},
                        {"severity", choice_schema("How bad", {"Normal", "Warning"})},
                        {"reason", text_schema("CamelCase, for machines")},
                        {"message", text_schema("For people")},
                        {"revision", text_schema("The commit, or empty")}});
}

Value token_schema() {
  return object_schema({{"id", text_schema("What revokes it")},
                        {"name", text_schema("What it is for")},
                        {"tenant", text_schema("Its scope; empty: the operator")},
                        {"createdAt", time_schema("When")},
                        {"expiresAt", or_null(time_schema("When it ends"))}});
}

Value sealing_key_schema() {
  return object_schema({{"id", text_schema("What sealed values and messages name")},
                        {"key", text_schema("croft-seal-1...: what `croft seal` takes")},
                        {"recipient", text_schema("age1...: what SOPS files are encrypted to")},
                        {"isNewest", boolean_schema("It is the one that seals")}});
}

Value upload_schema() {
  const UploadLimits limits;
  Value files = list_schema(request_schema(
      {{"path", text_schema("Relative, with /")},
       {"mode", choice_schema("As Git writes it", {"100644", "100755", "120000", "160000"})},
       {"id", text_schema("Git's id of the blob or commit")},
       optional("size", count_schema("In bytes; counts against quotas"))}));
  files.set("maxItems", static_cast<std::int64_t>(limits.files));
  Value blobs =
      list_schema(request_schema({{"id", text_schema("Git's id")},
                                  {"size", count_schema("In bytes")},
                                  optional("text", text_schema("The content, if it is UTF-8")),
                                  optional("base64", text_schema("The content, if it is not"))}));
  blobs.set("maxItems", static_cast<std::int64_t>(limits.files));
  return request_schema({{"files", std::move(files)}, {"blobs", std::move(blobs)}});
}

Value named_list(std::string_view name, Value items) {
  return object_schema({{name, list_schema(std::move(items))}});
}

void add_requests(Value& schemas) {
  const Value tenant = bounded_text("Whose; empty or '-' is the platform", 32);
  schemas.set("Upload", upload_schema());
  schemas.set(
      "DiffRequest",
      request_schema({optional("tenant", tenant),
                      optional("source", bounded_text("Which source the tree stands for", 256)),
                      optional("label", bounded_text("How the header names the tree", 256)),
                      optional("tree", schema_reference("Upload"))}));
  const auto amount = [](std::string_view help) {
    return integer_schema(help, 0, 1'000'000'000'000'000);
  };
  schemas.set(
      "PriceRequest",
      request_schema(
          {optional("tenant", tenant),
           optional("source", bounded_text("Which of its sources the tree stands for", 128)),
           optional("label", bounded_text("How the tree is named", 256)),
           optional("tree", schema_reference("Upload")),
           optional("compare", boolean_schema("Under every plan of the platform")),
           optional("usage",
                    request_schema({optional("hours", integer_schema("Of each Instance, a month", 0,
                                                                     1'000'000)),
                                    optional("storage", amount("Bytes, of all together")),
                                    optional("egress", amount("Bytes a month, of all together")),
                                    optional("requests", amount("A month, of all together"))}))}));
  schemas.set("ReconcileRequest",
              request_schema(
                  {optional("tenant", bounded_text("Whose; empty: every source", 32)),
                   optional("expect", bounded_text("Digest of the changeset that was shown, or "
                                                   "4 digits of it and more: refused if it moved",
                                                   64))}));
  schemas.set("DirectiveRequest",
              request_schema(
                  {{"ref", bounded_text("Whom it concerns: alice/Site/blog", 256)},
                   {"verb", choice_schema("What is ordered", names_up_to(DirectiveVerb::Suspend))},
                   optional("why", bounded_text("Shown wherever the directive is", 1'024)),
                   optional("until", time_schema("When it ends by itself"))}));
  schemas.set("AcknowledgeRequest",
              request_schema(
                  {optional("tenant", tenant),
                   {"digest", bounded_text("The whole digest of the changeset that waits", 64)}}));
  schemas.set(
      "LookRequest",
      request_schema({{"source", bounded_text("Its key: alice/alice", 256)},
                      optional("mergeRequest",
                               integer_schema("One of its merge requests, instead of the source", 1,
                                              INT64_MAX))}));
  schemas.set("AdoptRequest",
              request_schema({{"tenant", bounded_text("Whose name it runs under", 32)}}));
  schemas.set("ResealRequest",
              request_schema({optional("tenant", tenant),
                              {"name", bounded_text("Of the Secret", 63)},
                              {"key", bounded_text("Of the value in it", 253)},
                              {"sealed", bounded_text("sealed:v1:...", 1 << 20)}}));
  Value name = bounded_text("What it is for", 63);
  name.set("minLength", 1);
  schemas.set(
      "TokenRequest",
      request_schema({{"name", std::move(name)},
                      optional("tenant", bounded_text("Its scope; empty: the operator", 32)),
                      optional("expiresIn", bounded_text("How long it holds: 720h", 32))}));
}

void add_answers(Value& schemas) {
  schemas.set("TenantList", named_list("tenants", text_schema("A tenant's name")));
  schemas.set("AdoptedList", named_list("adopted", text_schema("A resource's ref")));
  schemas.set("SourceList", named_list("sources", schema_reference("Source")));
  schemas.set("ProviderList", named_list("providers", schema_reference("Provider")));
  schemas.set("ResourceList", named_list("resources", schema_reference("Resource")));
  schemas.set("EventList", named_list("events", schema_reference("Event")));
  schemas.set("DirectiveList", named_list("directives", schema_reference("Directive")));
  schemas.set("PruneList", named_list("prunes", schema_reference("Changeset")));
  schemas.set("ChangesetList", named_list("changesets", schema_reference("Changeset")));
  schemas.set("UseList", named_list("resources", schema_reference("Use")));
  schemas.set("VolumeList", named_list("volumes", schema_reference("Volume")));
  schemas.set("WebhookList", named_list("webhooks", schema_reference("Webhook")));
  schemas.set("DeliveryList", named_list("deliveries", schema_reference("Delivery")));
  schemas.set("TestOutcome",
              object_schema({{"taken", boolean_schema("Whether the endpoint has it")},
                             {"status", integer_schema("Of HTTP; 0: no answer", 0, 999)},
                             {"answer", text_schema("How it ended, if it was not taken")}}));
  schemas.set("Replayed", object_schema({{"count", integer_schema("How many", 0, INT64_MAX)}}));
  schemas.set("SigningKey",
              object_schema({{"secret", text_schema("What verifies signatures: whsec_...")}}));
  schemas.set("SealingKeyList", named_list("keys", schema_reference("SealingKey")));
  schemas.set("SealedValue", object_schema({{"sealed", text_schema("sealed:v1:...")}}));
  schemas.set("TokenList", named_list("tokens", schema_reference("Token")));
  schemas.set(
      "ResourceDetail",
      object_schema({{"status", schema_reference("Resource")},
                     {"events", list_schema(schema_reference("Event"))},
                     {"logTail", text_schema("Last lines of its log, if it is not ready")}}));
  schemas.set("NewToken", object_schema({{"token", text_schema("Shown this once")},
                                         {"summary", schema_reference("Token")}}));
  schemas.set("Settled", object_schema({{"settled", boolean_schema("Nothing is left to do")}}));
  schemas.set("Health", object_schema({{"status", text_schema("ok")}}));
  schemas.set("Version", object_schema({{"version", text_schema("Of the server")},
                                        {"api", choice_schema("Of these paths", {"v1"})},
                                        {"isSolo", boolean_schema("One implicit tenant, home")}}));
  schemas.set("Document", Value::map({{"type", "object"}}));
}

Value volume_schema() {
  return object_schema(
      {{"ref", text_schema("Whose it is: alice/Instance/api, alice/Volume/db.data")},
       {"volume", text_schema("Its name among an Instance's; empty for a Volume")},
       {"uid", text_schema("Of the resource")},
       {"provider", text_schema("Where")},
       {"size", count_schema("Declared, in bytes")},
       {"used", or_null(count_schema("Bytes, of all that the resource keeps"))},
       {"users", list_schema(text_schema("Who runs and may be using it"))},
       {"keptUntil", or_null(time_schema("It is declared no more; when its data goes"))}});
}

Value use_schema() {
  return object_schema(
      {{"ref", text_schema("alice/Instance/api")},
       {"provider", text_schema("Where it runs")},
       {"phase", text_schema("Running, ...")},
       {"restarts", count_schema("Since it was made")},
       {"measuredAt", or_null(time_schema("When; null: nothing is measured, and so are the rest"))},
       {"cpuMilliseconds",
        or_null(
            count_schema("Processor time of one core used in all; less than before: a new run"))},
       {"memory", or_null(count_schema("Bytes, without what the kernel could drop at once"))},
       {"memoryLimit", or_null(count_schema("Bytes"))},
       {"processes", or_null(count_schema("That live"))}});
}

Value exec_request_schema() {
  Value word = bounded_text("", 131'072);
  Value command = list_schema(word);
  command.set("maxItems", 1'000);
  Value env = list_schema(bounded_text("NAME=VALUE", 131'072));
  env.set("maxItems", 500);
  return request_schema(
      {optional("command", std::move(command)), optional("env", std::move(env)),
       optional("workingDir", bounded_text("Empty: where the app itself runs", 4'096)),
       optional("terminal", boolean_schema("With a terminal: one stream, lines edited")),
       optional("rows", integer_schema("Of the terminal", 1, 9'999)),
       optional("columns", integer_schema("Of the terminal", 1, 9'999))});
}

Value webhook_schema() {
  return object_schema(
      {{"ref", text_schema("Whose it is: alice/Webhook/ops")},
       {"url", text_schema("Where, without what may be a key; empty if it is a secret")},
       {"format", text_schema("What is sent")},
       {"ready", schema_reference("Condition")},
       {"waiting", integer_schema("Deliveries that are tried, or to be", 0, INT64_MAX)},
       {"status", or_null(integer_schema("Of the last attempt; 0: no answer", 0, 999))},
       {"disabledAt", or_null(text_schema("Nothing is sent since then"))},
       {"createdAt", text_schema("RFC 3339")}});
}

Value delivery_schema() {
  std::vector<std::string_view> states;
  for (const DeliveryState state :
       {DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Failed})
    states.push_back(to_string(state));
  return object_schema({{"id", text_schema("Of the delivery")},
                        {"message", text_schema("Of the event, and of the header webhook-id")},
                        {"type", text_schema("Of the event: croft.resource.ready")},
                        {"subject", text_schema("What it is about")},
                        {"state", choice_schema("Where it is", states)},
                        {"attempts", integer_schema("So far", 0, INT64_MAX)},
                        {"status", integer_schema("Of the last attempt; 0: no answer", 0, 999)},
                        {"answer", text_schema("How the last attempt ended")},
                        {"happenedAt", text_schema("RFC 3339")},
                        {"nextTry", or_null(text_schema("RFC 3339"))},
                        {"endedAt", or_null(text_schema("RFC 3339"))}});
}

Value make_schemas() {
  Value schemas = Value::map({{"Error", error_schema()},
                              {"Condition", condition_schema()},
                              {"Directive", directive_schema()},
                              {"FieldChange", field_change_schema()},
                              {"Change", change_schema()},
                              {"RecordChange", record_change_schema()},
                              {"Changeset", changeset_schema()},
                              {"ChangePrice", change_price_schema()},
                              {"UpdateManner", update_manner_schema()},
                              {"ChangesetPrice", changeset_price_schema()},
                              {"QuoteLine", quote_line_schema()},
                              {"PlanPrice", plan_price_schema()},
                              {"PriceList", price_list_schema()},
                              {"Quota", quota_schema()},
                              {"Refusal", refusal_schema()},
                              {"Resource", resource_schema()},
                              {"Source", source_schema()},
                              {"Provider", provider_schema()},
                              {"Event", event_schema()},
                              {"Volume", volume_schema()},
                              {"Use", use_schema()},
                              {"ExecRequest", exec_request_schema()},
                              {"Webhook", webhook_schema()},
                              {"Delivery", delivery_schema()},
                              {"SealingKey", sealing_key_schema()},
                              {"Token", token_schema()}});
  schemas.set(
      "ReplayRequest",
      request_schema({optional(
          "delivery", bounded_text("Which; all that were given up if there is none", 64))}));
  add_requests(schemas);
  add_answers(schemas);
  return schemas;
}

}  // namespace

const Value& api_schemas() {
  static const Value schemas = make_schemas();
  return schemas;
}

Value schema_reference(std::string_view name) {
  return Value::map({{"$ref", "#/components/schemas/" + std::string(name)}});
}

Value text_schema(std::string_view help) {
  return Value::map({{"type", "string"}, {"description", help}});
}

Value integer_schema(std::string_view help, std::int64_t low, std::int64_t high) {
  return Value::map(
      {{"type", "integer"}, {"description", help}, {"minimum", low}, {"maximum", high}});
}

Value boolean_schema(std::string_view help) {
  return Value::map({{"type", "boolean"}, {"description", help}});
}

Value choice_schema(std::string_view help, const std::vector<std::string_view>& names) {
  Value schema = text_schema(help);
  Value choices = Value::list();
  for (const std::string_view name : names) choices.push_back(name);
  schema.set("enum", std::move(choices));
  return schema;
}

}  // namespace croft
