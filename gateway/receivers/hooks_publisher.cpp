#include "gateway/receivers/hooks_publisher.hpp"

#include <map>
#include <set>

#include "core/base/files.hpp"
#include "core/base/hex.hpp"
#include "core/base/log.hpp"

namespace croft {

namespace {

constexpr std::size_t kKeyLimit = 1024;
constexpr std::size_t kLargestSecret = 65'536;
constexpr Duration kGather{20};
constexpr Duration kNoTimeout{86'400'000};

/// Where the hooks role finds a secret.
Result<std::string> place_of(const std::string& name, const HookFiles& files) {
  if (!files.secrets.is_declared(name)) return (files.secrets.directory() / name).string();
  TRY_ASSIGN(const Secret<std::string> secret, files.secrets.find(name, kLargestSecret));
  TRY_ASSIGN(const std::filesystem::path memory, secret::memory_directory(files.data));
  const std::filesystem::path file = memory / ("hook-" + sha256_hex(name));
  const Result<std::string> known = read_file(file, kLargestSecret);
  if (!known || *known != secret.reveal()) {
    TRY(write_file_atomic(file, secret.reveal(), 0600));
  }
  return file.string();
}

/// What no hook needs any more must not lie about, in memory neither.
void remove_others(const HookTable& table, const HookFiles& files) {
  const Result<std::filesystem::path> memory = secret::memory_directory(files.data);
  if (!memory) return;
  std::set<std::string> needed;
  for (const HookedSource& source : table.sources) {
    if (source.hook) needed.insert(source.hook->secret_file);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(*memory, error)) {
    const bool is_ours = entry.path().filename().string().starts_with("hook-");
    if (is_ours && !needed.contains(entry.path().string()))
      std::filesystem::remove(entry.path(), error);
  }
}

}  // namespace

Result<Secret<std::string>> hook_key(const std::filesystem::path& file, RandomSource& random) {
  Result<std::string> known = read_file(file, kKeyLimit);
  if (known && !known->empty()) return Secret<std::string>(std::move(*known));
  if (!known && known.error().code() != ErrorCode::NotFound) return fail(known.error());
  std::string made = to_hex(random.bytes());
  TRY(write_file_atomic(file, made, 0600, Durability::Full));
  return Secret<std::string>(std::move(made));
}

HookTable hook_table_of(const std::vector<SourceStatus>& sources, const Secret<std::string>& key) {
  HookTable table;
  for (const SourceStatus& status : sources) {
    HookedSource source;
    source.key = status.key;
    source.url = status.url;
    source.ref = status.ref;
    source.is_operators = status.tenant.empty();
    source.wants_merge_requests =
        status.commit_status && status.commit_status->has_merge_requests && !status.tenant.empty();
    const auto type =
        status.receiver ? hook_type_from(status.receiver->type) : std::optional<HookType>();
    if (type) source.hook = Hook{hook_id(key, status.key), *type, status.receiver->secret, ""};
    table.sources.push_back(std::move(source));
  }
  return table;
}

struct HooksPublisher::State {
  State(Engine& of, HookFiles to, Secret<std::string> with, const asio::any_io_executor& executor)
      : engine(of), files(std::move(to)), key(std::move(with)), changed(executor) {}

  Result<void> publish() {
    HookTable table = hook_table_of(engine.sources(""), key);
    for (HookedSource& source : table.sources) {
      if (!source.hook) continue;
      const Result<std::string> place = place_of(source.hook->secret, files);
      if (place) source.hook->secret_file = *place;
      note(source.key, place ? "" : place.error().describe());
    }
    if (published == table) return {};
    remove_others(table, files);
    TRY(write_file_atomic(files.table, write_hook_table(table), 0600));
    published = std::move(table);
    return {};
  }

  /// Without its secret a hook proves nothing; the others go on.
  void note(const std::string& source, std::string problem) {
    std::string& known = problems[source];
    if (known == problem) return;
    known = std::move(problem);
    if (!known.empty())
      log_warning("hooks", "a hook has no secret", {{"source", source}, {"error", known}});
  }

  static Task<> run(std::shared_ptr<State> state) {
    while (!state->is_stopped) {
      const Result<void> done = state->publish();
      if (!done)
        log_error("hooks", "cannot write the table of hooks", {{"what", done.error().describe()}});
      co_await state->changed.wait(kNoTimeout);
      if (!state->is_stopped) co_await sleep_for(kGather);
    }
  }

  Engine& engine;
  HookFiles files;
  Secret<std::string> key;
  Signal changed;
  bool is_stopped = false;
  std::optional<HookTable> published;
  std::map<std::string, std::string> problems;  ///< by source
  std::shared_ptr<void> subscription;
};

HooksPublisher::HooksPublisher(Engine& engine, HookFiles files, Secret<std::string> key,
                               const asio::any_io_executor& executor)
    : state_(std::make_shared<State>(engine, std::move(files), std::move(key), executor)) {
  state_->subscription = engine.on_change([state = state_.get()] { state->changed.notify(); });
  spawn(executor, State::run(state_), "hooks publisher");
}

HooksPublisher::~HooksPublisher() {
  state_->is_stopped = true;
  state_->subscription.reset();
  state_->changed.notify();
}

}  // namespace croft
