#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

class CrashTest : public ProcessTest {
 protected:
  /// A Croft of its own that applies the effect and is killed after that many milliseconds.
  void apply_and_die(const Effect& wanted, int milliseconds) {
    const pid_t croft = ::fork();
    if (croft == 0) {
      asio::io_context io;
      BlockingPool pool(2);
      auto provider = make_process_provider(settings_, io.get_executor(), pool, clock_);
      if (provider) (void)run_task(io, (*provider)->create(wanted));
      ::_exit(0);
    }
    ::poll(nullptr, 0, milliseconds);
    ::kill(croft, SIGKILL);
    ::waitpid(croft, nullptr, 0);
  }
  int supervisors() const {
    const Result<ChildOutput> found = run_child(
        {.arguments = {"pgrep", "-fc",
                       fmt::format("^{} {}", settings_.shim.string(), settings_.data.string())}});
    return found ? std::stoi(found->output) : -1;
  }
};

TEST_F(CrashTest, CreateKilledAtAnyTimeIsRepairedByTheNextAndNeverDoubled) {
  if (!needs_sandbox()) return;
  int unfinished = 0;
  for (int milliseconds = 0; milliseconds < 240; milliseconds += 12) {
    drop_croft();
    Effect wanted = order("app");
    const Value spec = web_app(fmt::format("version {}", milliseconds));
    wanted.spec = std::make_shared<const Value>(spec);
    wanted.spec_digest = spec_digest(spec);
    wanted.files = make_memory_tree({{"n", std::to_string(milliseconds)}});
    apply_and_die(wanted, milliseconds);
    restart_croft();
    const std::vector<Observed> left = observe();
    ASSERT_LE(left.size(), 1U);
    ASSERT_LE(supervisors(), 1);
    if (left.empty() || left[0].intent != wanted.intent || left[0].phase != Phase::Running)
      ++unfinished;
    const Result<void> repaired = await(provider_->create(wanted));
    ASSERT_TRUE(repaired) << milliseconds << ": " << repaired.error().describe();
    EXPECT_EQ(seen("app")->spec_digest, wanted.spec_digest);
    EXPECT_EQ(supervisors(), 1);
    ASSERT_TRUE(eventually([&] { return get("app") == fmt::format("version {}", milliseconds); }))
        << get("app");
  }
  std::printf("killed in the middle %d times of 20\n", unfinished);
  EXPECT_GT(unfinished, 3);
}

}  // namespace
}  // namespace croft
