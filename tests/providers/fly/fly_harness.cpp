#include "tests/providers/fly/fly_harness.hpp"

namespace croft {

std::unique_ptr<VendorHarness> make_fly_harness() {
  ProviderHarness::Sample sample = vendor_sample(1000, 1LL << 30);
  sample.changed.set("grace", 1'500);
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
