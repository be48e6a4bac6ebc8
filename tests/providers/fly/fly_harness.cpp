#include "tests/providers/fly/fly_harness.hpp"

namespace croft {

std::unique_ptr<VendorHarness> make_fly_harness() {
  constexpr std::int64_t kGibibyte = 1LL << 30;
  const Value volumes =
      Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", kGibibyte}})};
  const Value resources = Value::map({{"cpu", 1000}, {"memory", kGibibyte / 4}, {"pids", 128}});
  const Value health = Value::map(
      {{"http", "/healthz"}, {"interval", 10'000}, {"timeout", 5'000}, {"startWithin", 90'000}});
  ProviderHarness::Sample sample;
  sample.kind = Kind::Instance;
  sample.spec = Value::map({{"command", Value::List{"python3", "app.py"}},
                            {"files", Value::map({{"path", "web"}})},
                            {"env", Value::map({{"GREETING", "hello"}, {"OLD", "x"}})},
                            {"resources", resources},
                            {"http", Value::map({{"port", 8080}})},
                            {"health", health},
                            {"volumes", volumes},
                            {"grace", 10'000}});
  sample.changed = sample.spec;
  sample.changed.set("command", Value::List{"python3", "main.py"});
  sample.changed.set("env", Value::map({{"GREETING", "hi"}}));
  sample.changed.set("grace", 1'500);
  Value two = volumes;
  two.push_back(Value::map({{"name", "more"}, {"path", "/more"}, {"size", kGibibyte}}));
  Value by_command = sample.spec;
  by_command.set("health", Value::map({{"exec", Value::List{"./check"}}}));
  sample.unsupported = {with(sample.spec, "volumes", two), by_command,
                        with(sample.spec, "template", "x")};
  sample.files = make_memory_tree({{"app.py", "print('hello')"}, {"lib/data.bin", "\x01\xff"}});
  sample.changed_files = make_memory_tree({{"main.py", "print('hi')"}});
  sample.volume = "data";
  return std::make_unique<VendorHarness>(
      VendorSetup{.adapter = "fly",
                  .vendor = &FakeVendor::fly(),
                  .settings = Value::map({{"organization", "my-org"},
                                          {"image", "docker.io/library/python:3.12-slim"}}),
                  .vendor_plan = "",
                  .losing = "POST /apps/[^/]+/machines$"},
      std::move(sample));
}

}  // namespace croft
