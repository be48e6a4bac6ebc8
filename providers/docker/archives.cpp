#include "providers/docker/archives.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/archive/tar.hpp"
#include "core/base/id.hpp"
#include "providers/docker/archive_guard.hpp"
#include "providers/docker/objects.hpp"
#include "providers/docker/spec.hpp"

namespace croft::docker {

namespace {

constexpr const char* kEmptyImage = "croft-build/empty:1";
constexpr const char* kPlace = "/volume";
constexpr const char* kPart = "archive";
constexpr const char* kProcess = "croft.process";
constexpr Duration kQuick{60'000};

/// Of this process alone: a Provider that is made anew leaves the transfers of the one before.
const std::string& process_token() {
  static const std::string token = SystemRandom().id();
  return token;
}

Limit a_while() { return {std::chrono::steady_clock::now() + kQuick}; }

Task<Result<ObjectSummary>> find_volume(CorePtr core, std::string uid, std::string volume,
                                        Limit limit) {
  CO_TRY_ASSIGN(const std::vector<ObjectSummary> all, co_await list_volumes(core, uid, limit));
  const std::string part = volume.empty() ? "" : "volume:" + volume;
  const auto found = std::ranges::find(all, part, &ObjectSummary::part);
  if (found != all.end()) co_return *found;
  co_return fail(ErrorCode::NotFound, volume.empty()
                                          ? std::string("there is no such volume")
                                          : fmt::format("there is no volume '{}'", volume));
}

/// What the resource declares that the volume holds at most. What only an image declares has no
/// size; it may hold what a Volume may that says nothing.
std::uint64_t declared_size(const Core& core, const ObjectSummary& volume,
                            const std::string& name) {
  constexpr std::int64_t kUndeclared = 1LL << 30;
  const std::shared_ptr<const Record> record = core.records.find(volume.uid());
  const Result<Value> labelled = parse_json(label_or_empty(volume.labels, label::kFields));
  const Value fields = record && record->fields ? *record->fields
                       : labelled               ? *labelled
                                                : Value::map();
  std::int64_t size = name.empty() ? fields.integer_or("size", 0) : 0;
  for (const Value& one : elements_at(fields, "volumes")) {
    if (!name.empty() && one.text_or("name", "") == name) size = one.integer_or("size", 0);
  }
  return static_cast<std::uint64_t>(size > 0 ? size : kUndeclared);
}

/// What of an archive may pass. An empty piece is its end, so that it is asked until there is one.
class GuardedArchive {
 public:
  GuardedArchive(ByteSource source, std::uint64_t limit)
      : source_(std::move(source)), guard_(limit) {}

  Task<Result<std::string>> next() {
    std::string out;
    while (out.empty() && !is_over_) {
      Result<std::string> piece = co_await source_();
      if (!piece) co_return piece;
      is_over_ = piece->empty();
      Result<std::string> passed = is_over_ ? guard_.finish() : guard_.feed(*piece);
      if (!passed) {
        problem_ = passed.error();
        co_return passed;
      }
      out = std::move(*passed);
    }
    co_return out;
  }
  /// What the guard found.
  const std::optional<Error>& problem() const { return problem_; }

 private:
  ByteSource source_;
  ArchiveGuard guard_;
  std::optional<Error> problem_;
  bool is_over_ = false;
};

/// An image with nothing in it: what is never started needs none.
Task<Result<void>> ensure_empty_image(CorePtr core, Limit limit) {
  const Result<Value> found = co_await core->engine.images().inspect(kEmptyImage, limit.at);
  if (found) co_return Result<void>{};
  TarEntry place;
  place.path = "volume/";
  place.type = TarType::Directory;
  place.mode = 0755;
  CO_TRY_ASSIGN(std::string archive, TarWriter().begin(place));
  const auto rest = std::make_shared<std::string>(std::move(archive) + TarWriter::finish());
  ByteSource source = [rest]() -> Task<Result<std::string>> {
    std::string piece = std::exchange(*rest, {});
    co_return piece;
  };
  const std::vector<std::string> changes{"CMD [\"none\"]"};
  const Result<std::string> made =
      co_await core->engine.images().import(kEmptyImage, changes, std::move(source), limit.at);
  if (!made) co_return std::unexpected(made.error());
  co_return Result<void>{};
}

Task<Result<std::string>> open_helper(CorePtr core, std::string volume, Limit limit) {
  CO_TRY(co_await ensure_empty_image(core, limit));
  Value mount = Value::map({{"Type", "volume"}, {"Source", volume}, {"Target", kPlace}});
  mount.set("VolumeOptions", Value::map({{"NoCopy", true}}));
  Value host = Value::map({{"NetworkMode", "none"}});
  host.set("Mounts", Value(Value::List{std::move(mount)}));
  Value config = Value::map({{"Image", kEmptyImage}});
  config.set("Cmd", Value(Value::List{Value("none")}));
  config.set("HostConfig", std::move(host));
  config.set("Labels", to_value({{label::kProvider, core->settings.name},
                                 {label::kPart, kPart},
                                 {kProcess, process_token()}}));
  const std::string name = "croft-archive-" + SystemRandom().id();
  const auto created =
      co_await core->engine.containers().create(name, std::move(config), {}, limit.at);
  if (!created) co_return std::unexpected(created.error());
  co_return created->id;
}

Task<> close_helper(CorePtr core, std::string helper) {
  const RemoveContainer how{.force = true, .volumes = false};
  const Limit limit = a_while();
  (void)co_await core->engine.containers().remove(std::move(helper), how, limit.at);
}

}  // namespace

Task<Result<void>> export_archive(CorePtr core, std::string uid, std::string volume,
                                  ByteSink sink) {
  CO_TRY_ASSIGN(const ObjectSummary found,
                co_await find_volume(core, std::move(uid), std::move(volume), a_while()));
  CO_TRY_ASSIGN(const std::string helper, co_await open_helper(core, found.name, a_while()));
  const std::string path = std::string(kPlace) + "/.";
  const auto filter = std::make_shared<ExportFilter>();
  ByteSink filtered = [filter, sink](std::string bytes) -> Task<Result<void>> {
    CO_TRY_ASSIGN(std::string piece, filter->feed(bytes));
    if (piece.empty()) co_return Result<void>{};
    Result<void> written = co_await sink(std::move(piece));
    co_return written;
  };
  Result<void> done =
      co_await core->engine.containers().get_archive(helper, path, std::move(filtered));
  co_await close_helper(core, helper);
  if (done) {
    Result<std::string> end = filter->finish();
    if (!end) co_return std::unexpected(std::move(end.error()).while_doing("exporting the volume"));
    done = co_await sink(std::move(*end));
  }
  co_return while_doing(std::move(done), "exporting the volume");
}

Task<Result<void>> import_archive(CorePtr core, std::string uid, std::string volume,
                                  ByteSource source) {
  CO_TRY_ASSIGN(const ObjectSummary found,
                co_await find_volume(core, std::move(uid), volume, a_while()));
  CO_TRY_ASSIGN(const std::string helper, co_await open_helper(core, found.name, a_while()));
  const auto archive =
      std::make_shared<GuardedArchive>(std::move(source), declared_size(*core, found, volume));
  ByteSource guarded = [archive] { return archive->next(); };
  Result<void> done =
      co_await core->engine.containers().put_archive(helper, kPlace, std::move(guarded));
  co_await close_helper(core, helper);
  core->volume_sizes.erase(found.name);
  // What the guard found says more than that the stream broke.
  if (archive->problem()) done = std::unexpected(*archive->problem());
  co_return while_doing(std::move(done), "importing into the volume");
}

Task<> remove_leftovers(CorePtr core) {
  const Filters filter = our_filter(*core, {fmt::format("{}={}", label::kPart, kPart)});
  const Limit limit = a_while();
  const Result<Value> list = co_await core->engine.containers().list(filter, limit.at);
  if (!list || !list->is_list()) co_return;
  for (const Value& entry : list->as_list()) {
    if (label_or_empty(read_labels(entry.find("Labels")), kProcess) == process_token()) continue;
    co_await close_helper(core, entry.text_or("Id", ""));
  }
}

}  // namespace croft::docker
