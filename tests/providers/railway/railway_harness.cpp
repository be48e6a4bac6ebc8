#include "tests/providers/railway/railway_harness.hpp"

namespace croft {

std::unique_ptr<VendorHarness> make_railway_harness() {
  const Value volumes =
      Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 400'000'000}})};
  const Value resources = Value::map({{"cpu", 500}, {"memory", 1 << 28}, {"pids", 128}});
  const Value health = Value::map(
      {{"http", "/healthz"}, {"interval", 10'000}, {"timeout", 5'000}, {"startWithin", 90'000}});
  ProviderHarness::Sample sample;
  sample.kind = Kind::Instance;
  sample.spec = Value::map({{"command", Value::List{"python3", "app.py", "it's \"this\""}},
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
  sample.changed.set("grace", 2'000);
  Value two = volumes;
  two.push_back(Value::map({{"name", "more"}, {"path", "/more"}, {"size", 1000}}));
  sample.unsupported = {with(sample.spec, "volumes", two),
                        with(sample.spec, "health", Value::map({{"tcp", 8080}})),
                        with(sample.spec, "env", Value::map({{"A", "${{shared.B}}"}})),
                        with(sample.spec, "template", "x")};
  sample.files = make_memory_tree({{"app.py", "print('hello')"}, {"lib/data.bin", "\x01\xff"}});
  sample.changed_files = make_memory_tree({{"main.py", "print('hi')"}});
  sample.volume = "data";
  return std::make_unique<VendorHarness>(
      VendorSetup{.adapter = "railway",
                  .vendor = &FakeVendor::railway(),
                  .settings = Value::map({{"workspace", "workspace-1"},
                                          {"image", "docker.io/library/python:3.12-slim"},
                                          {"observeEvery", "0s"}}),
                  .vendor_plan = "pro",
                  .losing = "mutation Configure"},
      std::move(sample));
}

}  // namespace croft
