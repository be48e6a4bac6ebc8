#include "tests/providers/railway/railway_harness.hpp"

namespace croft {
namespace {

INSTANTIATE_TEST_SUITE_P(Railway, ProviderContract,
                         testing::Values(ProviderSubject{"Services",
                                                         []() -> std::unique_ptr<ProviderHarness> {
                                                           if (!FakeVendor::missing().empty())
                                                             return nullptr;
                                                           return make_railway_harness();
                                                         },
                                                         FakeVendor::missing()}),
                         subject_name);

}  // namespace
}  // namespace croft
