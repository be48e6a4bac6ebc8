#pragma once

#include <memory>
#include <string>
#include <vector>

#include "providers/fake/fake_world.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// What one fake provider is like.
struct FakeSettings {
  Capabilities capabilities{.workloads = true,
                            .images = true,
                            .builds = true,
                            .stacks = true,
                            .sites = true,
                            .volumes = true,
                            .logs = true,
                            .exec = true,
                            .shell = true,
                            .volume_archives = true,
                            .events = true};
  /// Filled in by normalize() where a spec lets it open; joined map by map.
  Value defaults = Value::map();
  /// Field paths ("health.exec") that it cannot honour: normalize() refuses them.
  std::vector<std::string> unsupported;
  /// Reported beside the spec's own fields, as clouds do; nothing of ours.
  Value extra_fields = Value::map();
};

/// The Provider over a FakeWorld. Keeps every promise of the port unless a rule of the world breaks
/// it; it behaves like a cloud in one more way: a create for a uid that exists, under another
/// intent, makes a second thing.
class FakeProvider final : public Provider {
 public:
  explicit FakeProvider(std::shared_ptr<FakeWorld> world, FakeSettings settings = {})
      : world_(std::move(world)), settings_(std::move(settings)) {}
  ~FakeProvider() override;
  FakeProvider(const FakeProvider&) = delete;
  FakeProvider& operator=(const FakeProvider&) = delete;

  Capabilities capabilities() const override { return settings_.capabilities; }
  Result<Value> normalize(const Ref& ref, const Value& spec) const override;
  Task<Result<std::vector<Observed>>> observe() override;
  Task<Result<void>> create(Effect effect) override;
  Task<Result<void>> update(Effect effect) override;
  Task<Result<void>> start(Effect effect) override;
  Task<Result<void>> stop(Effect effect) override;
  Task<Result<void>> destroy(Effect effect, DataPolicy data) override;
  void on_change(std::function<void(const std::string& uid)> listener) override;
  Task<Result<void>> logs(LogRequest request, LogSink sink) override;
  /// Understands `write VOLUME TEXT` and `read VOLUME TEXT` (0 if the volume holds that text).
  Task<Result<int>> exec(std::string uid, std::vector<std::string> command,
                         Duration deadline) override;
  /// What it can run: fake_session.hpp.
  Task<Result<std::unique_ptr<ExecSession>>> open_exec(ExecRequest request) override;
  /// The text that a volume holds is one file in it, `content`.
  Task<Result<void>> export_volume(std::string uid, std::string volume, ByteSink sink) override;
  Task<Result<void>> import_volume(std::string uid, std::string volume, ByteSource source) override;

 private:
  /// Records the call, lets a rule strike, does it at most once per intent.
  Task<Result<void>> perform(FakeVerb verb, Effect effect, DataPolicy data);
  Result<void> apply(FakeVerb verb, const Effect& effect, DataPolicy data, FakeCall& call);
  static bool is_up(const FakeThing& thing);
  void make(const Effect& effect);
  void change(FakeThing& thing, const Effect& effect);
  void remove(const std::string& uid, DataPolicy data);
  void run(FakeThing& thing);
  static void label(FakeThing& thing, const Effect& effect);

  std::shared_ptr<FakeWorld> world_;
  FakeSettings settings_;
};

}  // namespace croft
