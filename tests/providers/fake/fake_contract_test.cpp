#include "core/base/clock.hpp"
#include "providers/fake/fake_provider.hpp"
#include "tests/contract/provider_contract.hpp"

namespace croft {
namespace {

class FakeHarness final : public ProviderHarness {
 public:
  FakeHarness(Kind kind, int observes_until_running)
      : kind_(kind), world_(std::make_shared<FakeWorld>(clock_)) {
    world_->observes_until_running = observes_until_running;
    settings_.unsupported = {"health.exec", "image"};
    settings_.defaults = Value::map({{"resources", Value::map({{"pids", 64}})}});
    settings_.extra_fields = Value::map({{"zone", "cloud-1"}});
    restart();
  }

  asio::io_context& context() override { return context_; }
  Provider& provider() override { return *provider_; }
  void restart() override { provider_ = std::make_unique<FakeProvider>(world_, settings_); }

  Sample sample() override {
    Sample sample;
    sample.kind = kind_;
    sample.files = make_memory_tree({{"index.html", "hello"}});
    sample.changed_files = make_memory_tree({{"index.html", "hello again"}});
    sample.unsupported = {Value::map({{"image", "nginx"}})};
    if (kind_ == Kind::Site) {
      sample.spec = Value::map({{"files", Value::map({{"path", "public"}})}, {"retain", 5}});
      sample.changed = Value::map({{"files", Value::map({{"path", "public"}})}, {"retain", 3}});
      return sample;
    }
    Value::List volumes{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})};
    sample.spec = Value::map({{"command", Value::List{"python3", "app.py"}},
                              {"env", Value::map({{"GREETING", "hello"}, {"OLD", "x"}})},
                              {"volumes", Value(volumes)}});
    sample.changed = Value::map({{"command", Value::List{"python3", "main.py"}},
                                 {"env", Value::map({{"GREETING", "hi"}})},
                                 {"volumes", Value(volumes)}});
    sample.volume = "data";
    return sample;
  }

  bool lose_next_reply() override {
    world_->add({.verb = FakeVerb::Any, .fault = FakeFault::LoseReply});
    return true;
  }
  Result<void> write(const std::string& uid, const std::string& volume,
                     const std::string& text) override {
    world_->write_data(uid, volume, text);
    return {};
  }
  Result<std::string> read(const std::string& uid, const std::string& volume) override {
    const auto text = world_->read_data(uid, volume);
    if (!text) return fail(ErrorCode::NotFound, "no such volume");
    return *text;
  }

 private:
  Kind kind_;
  ManualClock clock_;
  asio::io_context context_;
  std::shared_ptr<FakeWorld> world_;
  FakeSettings settings_;
  std::unique_ptr<FakeProvider> provider_;
};

ProviderSubject subject(std::string name, Kind kind, int observes_until_running) {
  return {std::move(name),
          [=] { return std::make_unique<FakeHarness>(kind, observes_until_running); }, ""};
}

INSTANTIATE_TEST_SUITE_P(Fake, ProviderContract,
                         testing::Values(subject("Workloads", Kind::Instance, 0),
                                         subject("Sites", Kind::Site, 0),
                                         subject("SlowWorkloads", Kind::Instance, 3)),
                         subject_name);

}  // namespace
}  // namespace croft
