#include "reconciler/records.hpp"

#include "core/base/id.hpp"
#include "reconciler/world.hpp"

namespace croft {

namespace {

constexpr std::string_view kSealed = "(sealed)";
constexpr std::string_view kSealedAnew = "(sealed anew)";

/// Ciphertext tells people nothing but that it is another one.
void shorten_sealed(FieldChange& field) {
  if (!field.path.starts_with("values")) return;
  if (field.after) field.after = field.before ? kSealedAnew : kSealed;
  if (field.before) field.before = kSealed;
}

RecordChange change_of(const Ref& ref, Action action, const Value* before, const Value* after) {
  RecordChange change{ref, action, {}};
  if (after == nullptr) return change;
  change.fields = diff_fields(ref.kind, before, after, {});
  if (ref.kind == Kind::Secret) {
    for (FieldChange& field : change.fields) shorten_sealed(field);
  }
  return change;
}

}  // namespace

void add_records(Records& records, const std::vector<Resource>& resources,
                 const std::map<std::string, std::string>& files) {
  for (const Resource& resource : resources) {
    if (!is_record(resource.ref.kind)) continue;
    std::shared_ptr<const Value> spec = resource.spec;
    const auto text = files.find(spec->text_or("file", ""));
    if (resource.ref.kind == Kind::Secret && text != files.end()) {
      Value with_content = *spec;
      with_content.set("content", sha256_hex(text->second).substr(0, 12));
      spec = std::make_shared<const Value>(std::move(with_content));
    }
    records.emplace(resource.ref, std::move(spec));
  }
}

std::vector<RecordChange> diff_records(const Records& before, const Records& after) {
  std::vector<RecordChange> changes;
  auto was = before.begin();
  auto is = after.begin();
  while (was != before.end() || is != after.end()) {
    if (is == after.end() || (was != before.end() && was->first < is->first)) {
      changes.push_back(change_of(was->first, Action::Destroy, was->second.get(), nullptr));
      ++was;
    } else if (was == before.end() || is->first < was->first) {
      changes.push_back(change_of(is->first, Action::Create, nullptr, is->second.get()));
      ++is;
    } else {
      if (was->second != is->second && *was->second != *is->second) {
        changes.push_back(
            change_of(is->first, Action::Update, was->second.get(), is->second.get()));
      }
      ++was;
      ++is;
    }
  }
  return changes;
}

}  // namespace croft
