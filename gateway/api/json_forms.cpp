#include "gateway/api/json_forms.hpp"

#include "gateway/api/form_reader.hpp"
#include "gateway/api/price_forms.hpp"

namespace croft {

namespace {

Value optional_form(const std::optional<Timestamp>& time) {
  return time ? Value(format_time(*time)) : Value();
}
Value optional_form(const std::optional<std::string>& text) {
  return text ? Value(*text) : Value();
}
Value optional_form(const std::shared_ptr<const Value>& value) { return value ? *value : Value(); }

std::shared_ptr<const Value> optional_value(const Value* form) {
  return form == nullptr || form->is_null() ? nullptr : std::make_shared<const Value>(*form);
}

using croft::to_form;

// Parts of a changeset; nobody else has these forms.
Value to_form(const FieldChange& change);
Value to_form(const Change& change);
Value to_form(const RecordChange& change);
Value to_form(const Ref& ref) { return to_string(ref); }
Value to_form(const std::string& text) { return text; }

template <typename Item>
Value list_form(const std::vector<Item>& items) {
  Value::List list;
  list.reserve(items.size());
  for (const Item& item : items) list.push_back(to_form(item));
  return list;
}

std::string_view severity_name(Severity severity) {
  return severity == Severity::Warning ? "Warning" : "Normal";
}

std::optional<Severity> severity_from(std::string_view name) {
  for (const Severity severity : {Severity::Normal, Severity::Warning}) {
    if (severity_name(severity) == name) return severity;
  }
  return std::nullopt;
}

std::optional<Action> action_from(std::string_view name) {
  for (const Action action : {Action::Create, Action::Update, Action::Replace, Action::Start,
                              Action::Stop, Action::Destroy, Action::Adopt, Action::Keep}) {
    if (to_string(action) == name) return action;
  }
  return std::nullopt;
}

Value to_form(const FieldChange& change) {
  return Value::map({{"path", change.path},
                     {"before", optional_form(change.before)},
                     {"after", optional_form(change.after)}});
}

Result<FieldChange> field_change_from_form(const Value& form) {
  FormReader reader(form, "a field's change");
  FieldChange change;
  change.path = reader.text("path");
  change.before = reader.optional_text("before");
  change.after = reader.optional_text("after");
  return reader.finish(std::move(change));
}

Result<Ref> ref_from_form(const Value& form) {
  if (!form.is_text()) return fail(ErrorCode::Invalid, "expected a ref as text");
  return parse_ref(form.as_text());
}

Result<std::string> text_from_form(const Value& form) {
  if (!form.is_text()) return fail(ErrorCode::Invalid, "expected a text");
  return form.as_text();
}

Value to_form(const std::optional<UpdateManner>& manner) {
  if (!manner) return {};
  return Value::map({{"way", to_string(manner->way)}, {"because", manner->because}});
}

std::optional<UpdateManner> manner_from_form(FormReader& change) {
  const Value* form = change.find("manner");
  if (form == nullptr || form->is_null()) return std::nullopt;
  FormReader reader(*form, "the manner of a change");
  UpdateManner manner;
  manner.way = reader.name_of("way", update_way_from);
  manner.because = reader.text_or("because", "");
  Result<UpdateManner> read = reader.finish(std::move(manner));
  if (read) return *read;
  change.refuse("manner", "is none");
  return std::nullopt;
}

Value to_form(const Change& change) {
  return Value::map({{"ref", to_string(change.ref)},
                     {"uid", change.uid},
                     {"action", to_string(change.action)},
                     {"provider", change.provider},
                     {"providerBefore", change.provider_before},
                     {"reason", change.reason},
                     {"why", change.why},
                     {"fields", list_form(change.fields)},
                     {"before", optional_form(change.before)},
                     {"after", optional_form(change.after)},
                     {"specDigest", change.spec_digest},
                     {"isDrift", change.is_drift},
                     {"losesData", change.loses_data},
                     {"erasesData", change.erases_data},
                     {"isRecordOnly", change.is_record_only},
                     {"stopsFirst", change.stops_first},
                     {"manner", to_form(change.manner)},
                     {"dependsOn", list_form(change.depends_on)},
                     {"price", to_form(change.price)}});
}

Result<Change> change_from_form(const Value& form) {
  FormReader reader(form, "a change");
  Change change;
  change.ref = reader.ref("ref");
  change.uid = reader.text_or("uid", "");
  change.action = reader.name_of("action", action_from);
  change.provider = reader.text_or("provider", "");
  change.provider_before = reader.text_or("providerBefore", "");
  change.reason = reader.text_or("reason", "");
  change.why = reader.text_or("why", "");
  change.fields = reader.list("fields", field_change_from_form);
  change.before = optional_value(reader.find("before"));
  change.after = optional_value(reader.find("after"));
  change.spec_digest = reader.text_or("specDigest", "");
  change.is_drift = reader.boolean_or("isDrift", false);
  change.loses_data = reader.boolean_or("losesData", false);
  change.erases_data = reader.boolean_or("erasesData", false);
  change.is_record_only = reader.boolean_or("isRecordOnly", false);
  change.stops_first = reader.boolean_or("stopsFirst", false);
  change.manner = manner_from_form(reader);
  change.depends_on = reader.list("dependsOn", ref_from_form);
  change.price = change_price_from_form(reader);
  return reader.finish(std::move(change));
}

Value to_form(const RecordChange& change) {
  return Value::map({{"ref", to_string(change.ref)},
                     {"action", to_string(change.action)},
                     {"fields", list_form(change.fields)}});
}

Result<RecordChange> record_change_from_form(const Value& form) {
  FormReader reader(form, "a record's change");
  RecordChange change;
  change.ref = reader.ref("ref");
  change.action = reader.name_of("action", action_from);
  change.fields = reader.list("fields", field_change_from_form);
  return reader.finish(std::move(change));
}

Value to_form(const std::optional<Guard>& guard) {
  if (!guard) return {};
  return Value::map({{"reason", guard->reason}, {"message", guard->message}});
}

std::optional<Guard> guard_from_form(FormReader& changeset) {
  const Value* form = changeset.find("guard");
  if (form == nullptr || form->is_null()) return std::nullopt;
  if (!form->is_map()) changeset.refuse("guard", "is no object");
  return Guard{form->text_or("reason", ""), form->text_or("message", "")};
}

}  // namespace

Value to_form(const ServerVersion& version) {
  return Value::map(
      {{"version", version.version}, {"api", version.api}, {"isSolo", version.is_solo}});
}

Result<ServerVersion> version_from_form(const Value& form) {
  FormReader reader(form, "a version");
  ServerVersion version;
  version.version = reader.text("version");
  version.api = reader.text("api");
  version.is_solo = reader.boolean_or("isSolo", false);
  return reader.finish(std::move(version));
}

Value to_form(const Condition& condition) {
  return Value::map({{"type", condition.type},
                     {"status", to_string(condition.status)},
                     {"reason", condition.reason},
                     {"message", condition.message},
                     {"since", format_time(condition.since)}});
}

Result<Condition> condition_from_form(const Value& form) {
  FormReader reader(form, "a condition");
  Condition condition;
  condition.type = reader.text("type");
  condition.status = reader.name_of("status", condition_status_from);
  condition.reason = reader.text_or("reason", "");
  condition.message = reader.text_or("message", "");
  condition.since = reader.time("since");
  return reader.finish(std::move(condition));
}

Value to_form(const DirectiveRow& directive) {
  return Value::map({{"ref", to_string(directive.ref)},
                     {"verb", to_string(directive.verb)},
                     {"by", directive.by},
                     {"why", directive.why},
                     {"createdAt", format_time(directive.created_at)},
                     {"until", optional_form(directive.until)}});
}

Result<DirectiveRow> directive_from_form(const Value& form) {
  FormReader reader(form, "a directive");
  DirectiveRow directive;
  directive.ref = reader.ref("ref");
  directive.verb = reader.name_of("verb", directive_verb_from);
  directive.by = reader.text_or("by", "");
  directive.why = reader.text_or("why", "");
  directive.created_at = reader.time("createdAt");
  directive.until = reader.optional_time("until");
  return reader.finish(std::move(directive));
}

Value to_form(const Changeset& changeset) {
  return Value::map({{"tenant", changeset.tenant},
                     {"plan", changeset.plan},
                     {"before", changeset.before},
                     {"after", changeset.after},
                     {"observed", changeset.observed},
                     {"changes", list_form(changeset.changes)},
                     {"records", list_form(changeset.records)},
                     {"notes", list_form(changeset.notes)},
                     {"guard", to_form(changeset.guard)},
                     {"refusals", list_form(changeset.refusals)},
                     {"quotas", list_form(changeset.quotas)},
                     {"price", to_form(changeset.price)},
                     {"unpriced", changeset.unpriced},
                     {"digest", changeset.digest}});
}

Result<Changeset> changeset_from_form(const Value& form) {
  FormReader reader(form, "a changeset");
  Changeset changeset;
  changeset.tenant = reader.text("tenant");
  changeset.plan = reader.text_or("plan", "");
  changeset.before = reader.text_or("before", "");
  changeset.after = reader.text_or("after", "");
  changeset.observed = reader.boolean_or("observed", true);
  changeset.changes = reader.list("changes", change_from_form);
  changeset.records = reader.list("records", record_change_from_form);
  changeset.notes = reader.list("notes", text_from_form);
  changeset.guard = guard_from_form(reader);
  changeset.refusals = reader.list("refusals", refusal_from_form);
  changeset.quotas = reader.list("quotas", quota_use_from_form);
  changeset.price = changeset_price_from_form(reader);
  changeset.unpriced = reader.text_or("unpriced", "");
  changeset.digest = reader.text("digest");
  return reader.finish(std::move(changeset));
}

Value to_form(const ResourceStatus& status) {
  return Value::map({{"ref", to_string(status.ref)},
                     {"uid", status.uid},
                     {"provider", status.provider},
                     {"source", status.source},
                     {"phase", to_string(status.phase)},
                     {"conditions", list_form(status.conditions)},
                     {"attemptedRevision", status.attempted_revision},
                     {"appliedRevision", status.applied_revision},
                     {"url", status.url},
                     {"message", status.message},
                     {"restarts", status.restarts},
                     {"createdAt", format_time(status.created_at)},
                     {"observedAt", optional_form(status.observed_at)},
                     {"spec", optional_form(status.spec)},
                     {"directives", list_form(status.directives)}});
}

Result<ResourceStatus> status_from_form(const Value& form) {
  FormReader reader(form, "a resource");
  ResourceStatus status;
  status.ref = reader.ref("ref");
  status.uid = reader.text_or("uid", "");
  status.provider = reader.text_or("provider", "");
  status.source = reader.text_or("source", "");
  status.phase = reader.name_of("phase", phase_from);
  status.conditions = reader.list("conditions", condition_from_form);
  status.attempted_revision = reader.text_or("attemptedRevision", "");
  status.applied_revision = reader.text_or("appliedRevision", "");
  status.url = reader.text_or("url", "");
  status.message = reader.text_or("message", "");
  status.restarts = static_cast<int>(reader.integer_or("restarts", 0));
  status.created_at = reader.time("createdAt");
  status.observed_at = reader.optional_time("observedAt");
  status.spec = optional_value(reader.find("spec"));
  status.directives = reader.list("directives", directive_from_form);
  return reader.finish(std::move(status));
}

Value to_form(const ResourceDetail& detail) {
  return Value::map({{"status", to_form(detail.status)},
                     {"events", list_form(detail.events)},
                     {"logTail", detail.log_tail}});
}

Result<ResourceDetail> detail_from_form(const Value& form) {
  FormReader reader(form, "a resource's details");
  ResourceDetail detail;
  const Value* status = reader.find("status");
  if (status == nullptr) return fail(ErrorCode::Invalid, "field 'status' is missing");
  TRY_ASSIGN(detail.status, status_from_form(*status));
  detail.events = reader.list("events", event_from_form);
  detail.log_tail = reader.text_or("logTail", "");
  return reader.finish(std::move(detail));
}

Value to_form(const SourceStatus& source) {
  return Value::map(
      {{"key", source.key},
       {"tenant", source.tenant},
       {"url", source.url},
       {"ref", source.ref},
       {"attemptedRevision", source.attempted_revision},
       {"appliedRevision", source.applied_revision},
       {"conditions", list_form(source.conditions)},
       {"fetchedAt", optional_form(source.fetched_at)},
       {"receiver", source.receiver ? source.receiver->type : std::string()},
       {"hook", source.hook},
       {"commitStatus", source.commit_status ? source.commit_status->type : std::string()}});
}

Result<SourceStatus> source_from_form(const Value& form) {
  FormReader reader(form, "a source");
  SourceStatus source;
  source.key = reader.text("key");
  source.tenant = reader.text_or("tenant", "");
  source.url = reader.text_or("url", "");
  source.ref = reader.text_or("ref", "");
  source.attempted_revision = reader.text_or("attemptedRevision", "");
  source.applied_revision = reader.text_or("appliedRevision", "");
  source.conditions = reader.list("conditions", condition_from_form);
  source.fetched_at = reader.optional_time("fetchedAt");
  source.hook = reader.text_or("hook", "");
  if (std::string type = reader.text_or("receiver", ""); !type.empty())
    source.receiver = ReceiverDeclaration{std::move(type), ""};
  if (std::string type = reader.text_or("commitStatus", ""); !type.empty())
    source.commit_status = CommitStatusDeclaration{.type = std::move(type)};
  return reader.finish(std::move(source));
}

Value to_form(const ProviderStatus& provider) {
  Value missing = Value::list();
  for (const Capabilities::Missing& one : provider.missing)
    missing.push_back(Value::map({{"what", one.what}, {"why", one.why}}));
  return Value::map({{"name", provider.name},
                     {"adapter", provider.adapter},
                     {"ready", provider.is_ready},
                     {"message", provider.message},
                     {"missing", std::move(missing)}});
}

Result<ProviderStatus> provider_from_form(const Value& form) {
  FormReader reader(form, "a provider");
  ProviderStatus provider;
  provider.name = reader.text("name");
  provider.adapter = reader.text_or("adapter", "");
  const Value* ready = reader.find("ready");
  provider.is_ready = ready != nullptr && ready->is_boolean() && ready->as_boolean();
  provider.message = reader.text_or("message", "");
  if (const Value* missing = reader.find("missing"); missing != nullptr && missing->is_list()) {
    for (const Value& one : missing->as_list())
      provider.missing.push_back({one.text_or("what", ""), one.text_or("why", "")});
  }
  return reader.finish(std::move(provider));
}

Value to_form(const EventRow& event) {
  return Value::map({{"sequence", event.sequence},
                     {"time", format_time(event.time)},
                     {"tenant", event.tenant},
                     {"subject", event.subject},
                     {"severity", severity_name(event.severity)},
                     {"reason", event.reason},
                     {"message", event.message},
                     {"revision", event.revision}});
}

Result<EventRow> event_from_form(const Value& form) {
  FormReader reader(form, "an event");
  EventRow event;
  event.sequence = reader.integer_or("sequence", 0);
  event.time = reader.time("time");
  event.tenant = reader.text_or("tenant", "");
  event.subject = reader.text_or("subject", "");
  event.severity = reader.name_of("severity", severity_from);
  event.reason = reader.text_or("reason", "");
  event.message = reader.text_or("message", "");
  event.revision = reader.text_or("revision", "");
  return reader.finish(std::move(event));
}

Value to_form(const TokenSummary& token) {
  return Value::map({{"id", token.id},
                     {"name", token.name},
                     {"tenant", token.tenant},
                     {"createdAt", format_time(token.created_at)},
                     {"expiresAt", optional_form(token.expires_at)}});
}

Result<TokenSummary> token_from_form(const Value& form) {
  FormReader reader(form, "a token");
  TokenSummary token;
  token.id = reader.text("id");
  token.name = reader.text_or("name", "");
  token.tenant = reader.text_or("tenant", "");
  token.created_at = reader.time("createdAt");
  token.expires_at = reader.optional_time("expiresAt");
  return reader.finish(std::move(token));
}

Value to_form(const SealingKey& key) {
  return Value::map({{"id", key.id},
                     {"key", key.key},
                     {"recipient", key.recipient},
                     {"isNewest", key.is_newest}});
}

Result<SealingKey> sealing_key_from_form(const Value& form) {
  FormReader reader(form, "a sealing key");
  SealingKey key;
  key.id = reader.text("id");
  key.key = reader.text("key");
  key.recipient = reader.text_or("recipient", "");
  key.is_newest = form.boolean_or("isNewest", false);
  return reader.finish(std::move(key));
}

Value to_form(const VolumeStatus& volume) {
  Value users = Value::list();
  for (const Ref& user : volume.users) users.push_back(to_string(user));
  return Value::map({{"ref", to_string(volume.ref)},
                     {"volume", volume.volume},
                     {"uid", volume.uid},
                     {"provider", volume.provider},
                     {"size", volume.size},
                     {"used", volume.used ? Value(*volume.used) : Value()},
                     {"users", std::move(users)},
                     {"keptUntil", optional_form(volume.kept_until)}});
}

Result<VolumeStatus> volume_from_form(const Value& form) {
  FormReader reader(form, "a volume");
  VolumeStatus volume;
  volume.ref = reader.ref("ref");
  volume.volume = reader.text_or("volume", "");
  volume.uid = reader.text_or("uid", "");
  volume.provider = reader.text_or("provider", "");
  volume.size = reader.integer_or("size", 0);
  if (const Value* used = reader.find("used"); used != nullptr && used->is_integer())
    volume.used = used->as_integer();
  volume.users = reader.list("users", ref_from_form);
  volume.kept_until = reader.optional_time("keptUntil");
  return reader.finish(std::move(volume));
}

Value to_form(const ResourceUse& use) {
  const auto number = [](const std::optional<std::int64_t>& count) {
    return count ? Value(*count) : Value();
  };
  Value form = Value::map({{"ref", to_string(use.ref)},
                           {"provider", use.provider},
                           {"phase", to_string(use.phase)},
                           {"restarts", use.restarts},
                           {"measuredAt", Value()},
                           {"cpuMilliseconds", Value()},
                           {"memory", Value()},
                           {"memoryLimit", Value()},
                           {"processes", Value()}});
  if (!use.use) return form;
  form.set("measuredAt", format_time(use.use->at));
  if (use.use->cpu_seconds)
    form.set("cpuMilliseconds", static_cast<std::int64_t>(*use.use->cpu_seconds * 1000));
  form.set("memory", number(use.use->memory));
  form.set("memoryLimit", number(use.use->memory_limit));
  form.set("processes", number(use.use->processes));
  return form;
}

Result<ResourceUse> use_from_form(const Value& form) {
  FormReader reader(form, "what a resource uses");
  const auto number = [&](std::string_view field) -> std::optional<std::int64_t> {
    const Value* value = reader.find(field);
    if (value == nullptr || !value->is_integer()) return std::nullopt;
    return value->as_integer();
  };
  ResourceUse use;
  use.ref = reader.ref("ref");
  use.provider = reader.text_or("provider", "");
  use.phase = reader.name_of<Phase>("phase", phase_from);
  use.restarts = static_cast<int>(reader.integer_or("restarts", 0));
  const std::optional<Timestamp> at = reader.optional_time("measuredAt");
  if (!at) return reader.finish(std::move(use));
  Use& measured = use.use.emplace();
  measured.at = *at;
  if (const auto milliseconds = number("cpuMilliseconds"))
    measured.cpu_seconds = static_cast<double>(*milliseconds) / 1000;
  measured.memory = number("memory");
  measured.memory_limit = number("memoryLimit");
  measured.processes = number("processes");
  return reader.finish(std::move(use));
}

}  // namespace croft
