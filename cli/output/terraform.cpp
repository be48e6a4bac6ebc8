#include "cli/output/terraform.hpp"

#include <algorithm>
#include <cctype>

#include "gateway/api/price_forms.hpp"

namespace croft::cli {

namespace {

Value actions_of(Action action) {
  Value actions = Value::list();
  switch (action) {
    case Action::Create:
      actions.push_back("create");
      break;
    case Action::Update:
    case Action::Start:
    case Action::Stop:
      actions.push_back("update");
      break;
    case Action::Replace:
      actions.push_back("delete");
      actions.push_back("create");
      break;
    case Action::Destroy:
      actions.push_back("delete");
      break;
    case Action::Adopt:
    case Action::Keep:
      actions.push_back("no-op");
      break;
  }
  return actions;
}

Value document_or_null(const std::shared_ptr<const Value>& document) {
  return document == nullptr ? Value() : *document;
}

Value change_of(const Change& change) {
  Value out = Value::map(
      {{"actions", actions_of(change.action)},
       {"before", document_or_null(change.before)},
       {"after", change.action == Action::Destroy ? Value() : document_or_null(change.after)},
       {"after_unknown", Value::map()},
       {"before_sensitive", false},
       {"after_sensitive", false}});
  if (change.action == Action::Adopt)
    out.set("importing", Value::map({{"id", to_string(change.ref)}}));
  return out;
}

Value form_of(const std::vector<FieldChange>& changes) {
  Value fields = Value::list();
  for (const FieldChange& field : changes) {
    fields.push_back(Value::map({{"path", field.path},
                                 {"before", field.before ? Value(*field.before) : Value()},
                                 {"after", field.after ? Value(*field.after) : Value()}}));
  }
  return fields;
}

/// "Site" → "croft_site": Terraform's types are lower case and begin with their provider.
std::string type_of(const Ref& ref) {
  std::string type = "croft_" + std::string(to_string(ref.kind));
  std::ranges::transform(type, type.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

Value manner_of(const Change& change) {
  if (!change.manner) return {};
  return Value::map({{"way", to_string(change.manner->way)}, {"because", change.manner->because}});
}

Value resource_change(const Change& change) {
  Value out =
      Value::map({{"address", to_string(change.ref)},
                  {"mode", "managed"},
                  {"type", type_of(change.ref)},
                  {"name", change.ref.name},
                  {"provider_name", change.provider.empty() ? "croft" : "croft/" + change.provider},
                  {"change", change_of(change)}});
  if (!change.ref.tenant.empty()) out.set("module_address", "module." + change.ref.tenant);
  out.set("croft", Value::map({{"action", to_string(change.action)},
                               {"ref", to_string(change.ref)},
                               {"uid", change.uid},
                               {"reason", change.reason},
                               {"why", change.why},
                               {"fields", form_of(change.fields)},
                               {"drift", change.is_drift},
                               {"losesData", change.loses_data},
                               {"erasesData", change.erases_data},
                               {"manner", manner_of(change)},
                               {"price", to_form(change.price)}}));
  return out;
}

/// What nothing runs: there are no documents of it, as they would hold what is sealed.
Value record_change(const RecordChange& change) {
  Value out = Value::map({{"address", to_string(change.ref)},
                          {"mode", "managed"},
                          {"type", type_of(change.ref)},
                          {"name", change.ref.name},
                          {"provider_name", "croft"},
                          {"change", Value::map({{"actions", actions_of(change.action)},
                                                 {"before", Value()},
                                                 {"after", Value()},
                                                 {"after_unknown", Value::map()},
                                                 {"before_sensitive", true},
                                                 {"after_sensitive", true}})},
                          {"croft", Value::map({{"action", to_string(change.action)},
                                                {"ref", to_string(change.ref)},
                                                {"fields", form_of(change.fields)}})}});
  if (!change.ref.tenant.empty()) out.set("module_address", "module." + change.ref.tenant);
  return out;
}

Value croft_part(const Changeset& changeset) {
  Value notes = Value::list();
  for (const std::string& note : changeset.notes) notes.push_back(note);
  Value out = Value::map({{"tenant", changeset.tenant},
                          {"plan", changeset.plan},
                          {"before", changeset.before},
                          {"after", changeset.after},
                          {"observed", changeset.observed},
                          {"digest", changeset.digest},
                          {"notes", notes}});
  Value refusals = Value::list();
  for (const Problem& refusal : changeset.refusals) refusals.push_back(to_form(refusal));
  Value quotas = Value::list();
  for (const plans::QuotaUse& use : changeset.quotas) quotas.push_back(to_form(use));
  out.set("refusals", std::move(refusals));
  out.set("quotas", std::move(quotas));
  out.set("quote", to_form(changeset.price));
  if (!changeset.unpriced.empty()) out.set("unpriced", changeset.unpriced);
  if (changeset.guard) {
    out.set("guard", Value::map({{"reason", changeset.guard->reason},
                                 {"message", changeset.guard->message}}));
  }
  return out;
}

}  // namespace

Value to_terraform_plan(const Changeset& changeset) {
  Value changes = Value::list();
  Value drift = Value::list();
  for (const Change& change : changeset.changes) {
    changes.push_back(resource_change(change));
    if (change.is_drift) drift.push_back(resource_change(change));
  }
  for (const RecordChange& change : changeset.records) changes.push_back(record_change(change));
  return Value::map(
      {{"format_version", "1.2"},
       {"applyable", has_changes(changeset) && !changeset.guard && changeset.refusals.empty()},
       {"complete", true},
       {"errored", false},
       {"resource_changes", changes},
       {"resource_drift", drift},
       {"croft", croft_part(changeset)}});
}

}  // namespace croft::cli
