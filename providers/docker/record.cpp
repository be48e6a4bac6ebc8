#include "providers/docker/record.hpp"

#include <system_error>

#include "core/base/files.hpp"

namespace croft::docker {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestRecord = 64 << 20;
constexpr std::string_view kEnding = ".json";

Value to_value(const Record& record) {
  Value value = Value::map({{"object", record.object},
                            {"intent", record.intent},
                            {"spec", record.spec_digest},
                            {"stopped", record.is_stopped},
                            {"kept", record.is_kept},
                            {"completed", record.has_completed}});
  if (record.fields) value.set("fields", *record.fields);
  return value;
}

Result<Record> read_record(const fs::path& file) {
  TRY_ASSIGN(const std::string text, read_file(file, kLongestRecord));
  TRY_ASSIGN(const Value value, parse_json(text));
  Record record{.object = value.text_or("object", ""),
                .intent = value.text_or("intent", ""),
                .spec_digest = value.text_or("spec", ""),
                .fields = nullptr,
                .is_stopped = value.boolean_or("stopped", false),
                .is_kept = value.boolean_or("kept", false),
                .has_completed = value.boolean_or("completed", false)};
  if (const Value* fields = value.find("fields"))
    record.fields = std::make_shared<const Value>(*fields);
  return record;
}

}  // namespace

Result<void> Records::load() {
  TRY(make_directory(directory_, 0700));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    std::string uid = entry.path().filename().string();
    if (!uid.ends_with(kEnding)) continue;
    uid.resize(uid.size() - kEnding.size());
    Result<Record> record = read_record(entry.path());
    if (!record) continue;
    records_.with([&](auto& all) {
      all.insert_or_assign(uid, std::make_shared<const Record>(std::move(*record)));
    });
  }
  return {};
}

std::shared_ptr<const Record> Records::find(const std::string& uid) const {
  return records_.with([&](const auto& all) {
    const auto found = all.find(uid);
    return found == all.end() ? nullptr : found->second;
  });
}

Result<void> Records::put(const std::string& uid, Record record) {
  // What a record holds may hold secrets, as the engine's own files do.
  const fs::path file = directory_ / (uid + std::string(kEnding));
  TRY(write_file_atomic(file, to_json(to_value(record)), 0600, Durability::Full));
  records_.with([&](auto& all) {
    all.insert_or_assign(uid, std::make_shared<const Record>(std::move(record)));
  });
  return {};
}

void Records::remove(const std::string& uid) {
  std::error_code ignored;
  fs::remove(directory_ / (uid + std::string(kEnding)), ignored);
  records_.with([&](auto& all) { all.erase(uid); });
}

}  // namespace croft::docker
