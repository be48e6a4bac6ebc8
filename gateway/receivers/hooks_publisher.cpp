#include "gateway/receivers/hooks_publisher.hpp"

#include "core/base/files.hpp"
#include "core/base/hex.hpp"
#include "core/base/log.hpp"

namespace croft {

namespace {

constexpr std::size_t kKeyLimit = 1024;
constexpr Duration kGather{20};
constexpr Duration kNoTimeout{86'400'000};

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
    if (type) source.hook = Hook{hook_id(key, status.key), *type, status.receiver->secret};
    table.sources.push_back(std::move(source));
  }
  return table;
}

struct HooksPublisher::State {
  State(Engine& of, std::filesystem::path to, Secret<std::string> with,
        const asio::any_io_executor& executor)
      : engine(of), file(std::move(to)), key(std::move(with)), changed(executor) {}

  Result<void> publish() {
    HookTable table = hook_table_of(engine.sources(""), key);
    if (published == table) return {};
    TRY(write_file_atomic(file, write_hook_table(table), 0600));
    published = std::move(table);
    return {};
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
  std::filesystem::path file;
  Secret<std::string> key;
  Signal changed;
  bool is_stopped = false;
  std::optional<HookTable> published;
  std::shared_ptr<void> subscription;
};

HooksPublisher::HooksPublisher(Engine& engine, std::filesystem::path file, Secret<std::string> key,
                               const asio::any_io_executor& executor)
    : state_(std::make_shared<State>(engine, std::move(file), std::move(key), executor)) {
  state_->subscription = engine.on_change([state = state_.get()] { state->changed.notify(); });
  spawn(executor, State::run(state_), "hooks publisher");
}

HooksPublisher::~HooksPublisher() {
  state_->is_stopped = true;
  state_->subscription.reset();
  state_->changed.notify();
}

}  // namespace croft
