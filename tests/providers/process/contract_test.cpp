#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "providers/process/layout.hpp"
#include "tests/contract/provider_contract.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

/// The fixture of the other tests as a harness, with a sandbox or without.
class ProcessHarness final : public ProviderHarness, private ProcessTest {
 public:
  explicit ProcessHarness(ProcessSettings::Isolation isolation) : isolation_(isolation) { SetUp(); }
  ~ProcessHarness() override { TearDown(); }
  ProcessHarness(const ProcessHarness&) = delete;
  ProcessHarness& operator=(const ProcessHarness&) = delete;

  asio::io_context& context() override { return io_; }
  Provider& provider() override { return *provider_; }
  void restart() override { restart_croft(); }

  Sample sample() override {
    Value spec = shell("cat marker.txt; sleep 1000");
    spec.set("files", Value::map({{"path", "app"}}));
    spec.set("env", Value::map({{"GREETING", "hello"}}));
    spec.set("http", Value::map());
    spec.set(
        "volumes",
        Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})}));
    Value changed = spec;
    changed.find("env")->set("GREETING", "good morning");
    Value with_image = spec;
    with_image.set("image", "nginx");
    Value with_reserved = spec;
    with_reserved.find("env")->set("PORT", "1");
    return {.kind = Kind::Instance,
            .spec = spec,
            .changed = changed,
            .files = make_memory_tree({{"marker.txt", "first"}}),
            .changed_files = make_memory_tree({{"marker.txt", "second"}}),
            .unsupported = {with_image, with_reserved},
            .volume = "data"};
  }

  Result<void> write(const std::string& uid, const std::string& volume,
                     const std::string& text) override {
    std::ofstream(file(uid, volume)) << text;
    return {};
  }
  Result<std::string> read(const std::string& uid, const std::string& volume) override {
    return read_file(file(uid, volume), 4096);
  }
  bool is_sandbox_possible() const { return provider_->capabilities().missing.empty(); }
  bool is_made() const { return provider_ != nullptr; }

 private:
  void adjust(ProcessSettings& settings) override { settings.isolation = isolation_; }
  void TestBody() override {}
  std::filesystem::path file(const std::string& uid, const std::string& volume) const {
    return ProcessLayout{data()}.volume(uid, volume) / "note";
  }
  ProcessSettings::Isolation isolation_;
};

ProviderSubject subject(std::string name, ProcessSettings::Isolation isolation) {
  return {
      .name = std::move(name),
      .make = [isolation]() -> std::unique_ptr<ProviderHarness> {
        auto harness = std::make_unique<ProcessHarness>(isolation);
        const bool needs_sandbox = isolation == ProcessSettings::Isolation::Full;
        if (!harness->is_made() || (needs_sandbox && !harness->is_sandbox_possible()))
          return nullptr;
        return harness;
      },
      .why_not = "sandboxes need root, bubblewrap, nftables and cgroups for memory, cpu and pids"};
}

INSTANTIATE_TEST_SUITE_P(Process, ProviderContract,
                         testing::Values(subject("Sandboxed", ProcessSettings::Isolation::Full),
                                         subject("Unsandboxed", ProcessSettings::Isolation::None)),
                         subject_name);

}  // namespace
}  // namespace croft
