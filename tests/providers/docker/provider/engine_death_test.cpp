#include <algorithm>
#include <chrono>
#include <thread>

#include "core/base/child.hpp"
#include "tests/providers/docker/provider/fixture.hpp"

// Comes last in its program: an engine that was killed leaves rules and interfaces of the host
// behind that confuse its successor.

namespace croft {
namespace {

class DockerEngineDeathTest : public DockerTest {
 protected:
  /// Of those that run, known to the engine or not.
  static int process_count() {
    const auto found = run_child({.arguments = {"pgrep", "-c", "-x", "-f", "sleep 100123"}});
    return found ? std::atoi(found->output.c_str()) : -1;
  }
  int container_count(const Ref& ref) {
    const std::string ids = docker({"ps", "-aq", "--filter", "label=croft.uid=" + uid_of(ref)});
    return static_cast<int>(std::ranges::count(ids, '\n'));
  }
};

TEST_F(DockerEngineDeathTest, AnEngineThatDiesInTheMiddleLeavesNoSecond) {
  const Ref ref = instance("api");
  for (const int after : {20, 90, 200}) {
    const Effect wanted = effect(ref, shell("exec sleep 100123"));
    DockerEngine& engine = DockerEngine::shared();
    std::thread killer([after, &engine] {
      std::this_thread::sleep_for(std::chrono::milliseconds(after));
      engine.kill();
    });
    Effect first = wanted;
    first.deadline = Duration(5'000);
    (void)await(provider_->create(first));
    killer.join();
    ASSERT_EQ(engine_starts(), "");
    // An engine that comes back may be slow; what may be repeated is repeated, as passes do.
    Result<void> again = await(provider_->create(wanted));
    for (int i = 0; i < 3 && !again && again.error().is_retryable(); ++i)
      again = await(provider_->create(wanted));
    ASSERT_TRUE(again) << again.error().describe();
    EXPECT_TRUE(becomes(ref, Phase::Running));
    EXPECT_EQ(container_count(ref), 1) << "killed after " << after << " ms";
    EXPECT_TRUE(eventually([&] { return process_count() == 1; }))
        << "killed after " << after << " ms: " << process_count();
    ASSERT_TRUE(destroy(ref));
  }
}

}  // namespace
}  // namespace croft
