#include "providers/process/record.hpp"

#include "core/base/files.hpp"

namespace croft {

namespace {

constexpr std::size_t kMaximumRecord = 64 << 20;

}  // namespace

std::string write_record(const AppRecord& record) {
  Value tenant = Value::map({{"uid", record.tenant.uid},
                             {"name", record.tenant.name},
                             {"number", Value(record.tenant.number)}});
  Value value = Value::map({{"version", 1},
                            {"uid", record.uid},
                            {"ref", to_string(record.ref)},
                            {"tenant", std::move(tenant)},
                            {"intent", record.intent},
                            {"spec", record.spec ? *record.spec : Value()},
                            {"digest", record.digest},
                            {"tree", record.tree},
                            {"wanted", record.is_wanted},
                            {"egress", record.allow_egress},
                            {"networkSlot", record.network_slot},
                            {"port", record.port}});
  return to_json(value);
}

Result<AppRecord> read_record(std::string_view json) {
  TRY_ASSIGN(const Value value, parse_json(json));
  AppRecord record;
  TRY_ASSIGN(record.ref, parse_ref(value.text_or("ref", "")));
  const Value* spec = value.find("spec");
  if (spec == nullptr || !spec->is_map())
    return fail(ErrorCode::Internal, "the record has no spec");
  record.spec = std::make_shared<const Value>(*spec);
  record.uid = value.text_or("uid", "");
  record.tenant.uid = value.text_or("tenant.uid", "");
  record.tenant.name = value.text_or("tenant.name", "");
  record.tenant.number = value.integer_or("tenant.number", 0);
  record.intent = value.text_or("intent", "");
  record.digest = value.text_or("digest", "");
  record.tree = value.text_or("tree", "");
  record.is_wanted = value.boolean_or("wanted", true);
  record.allow_egress = value.boolean_or("egress", false);
  record.network_slot = static_cast<int>(value.integer_or("networkSlot", -1));
  record.port = static_cast<int>(value.integer_or("port", 0));
  return record;
}

Result<void> save_record(const ProcessLayout& layout, const AppRecord& record) {
  return write_file_atomic(layout.record(record.uid), write_record(record), 0600, Durability::Full);
}

Result<std::optional<AppRecord>> load_record(const ProcessLayout& layout, std::string_view uid) {
  Result<std::string> json = read_file(layout.record(uid), kMaximumRecord);
  if (!json && json.error().code() == ErrorCode::NotFound) return std::nullopt;
  if (!json) return fail(std::move(json.error()));
  TRY_ASSIGN(AppRecord record,
             while_doing(read_record(*json), "reading " + layout.record(uid).string()));
  return record;
}

}  // namespace croft
