#include "tests/providers/railway/railway_harness.hpp"

namespace croft {

std::unique_ptr<VendorHarness> make_railway_harness() {
  ProviderHarness::Sample sample = vendor_sample(500, 400'000'000);
  sample.changed.set("grace", 2'000);
  sample.unsupported.push_back(with(sample.spec, "health", Value::map({{"tcp", 8080}})));
  sample.unsupported.push_back(with(sample.spec, "env", Value::map({{"A", "${{shared.B}}"}})));
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
