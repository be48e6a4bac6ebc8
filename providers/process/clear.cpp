#include "providers/process/clear.hpp"

#include <optional>

#include "core/base/clock.hpp"
#include "providers/process/process_provider.hpp"

namespace croft {

namespace {

constexpr std::size_t kThreads = 4;
/// An app may take its whole grace, and then some to be killed.
constexpr Duration kDeadline{60'000};

Task<Result<int>> end_all(Provider& provider) {
  CO_TRY_ASSIGN(const std::vector<Observed> apps, co_await provider.observe());
  for (const Observed& app : apps) {
    Effect effect;
    effect.intent = "down-" + app.uid;
    effect.uid = app.uid;
    effect.ref = app.ref;
    effect.deadline = kDeadline;
    Result<void> ended = co_await provider.destroy(std::move(effect), DataPolicy::Keep);
    if (!ended)
      co_return std::unexpected(
          std::move(ended.error()).while_doing("ending " + to_string(app.ref)));
  }
  co_return static_cast<int>(apps.size());
}

}  // namespace

Result<int> clear_process_provider(const std::filesystem::path& data) {
  ProcessSettings settings;
  settings.data = data;
  SystemClock clock;
  asio::io_context io{1};
  BlockingPool pool(kThreads);
  TRY_ASSIGN(std::unique_ptr<Provider> provider,
             make_process_provider(std::move(settings), io.get_executor(), pool, clock));
  std::optional<Result<int>> ended;
  asio::co_spawn(io, end_all(*provider), [&](const std::exception_ptr&, Result<int> count) {
    ended.emplace(std::move(count));
    io.stop();
  });
  io.run();
  provider.reset();
  pool.stop();
  return ended ? std::move(*ended) : fail(ErrorCode::Internal, "ending apps was cut short");
}

}  // namespace croft
