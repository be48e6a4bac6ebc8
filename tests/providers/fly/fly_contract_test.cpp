#include "tests/providers/fly/fly_harness.hpp"

namespace croft {
namespace {

INSTANTIATE_TEST_SUITE_P(Fly, ProviderContract,
                         testing::Values(ProviderSubject{"Machines",
                                                         []() -> std::unique_ptr<ProviderHarness> {
                                                           if (!FakeVendor::missing().empty())
                                                             return nullptr;
                                                           return make_fly_harness();
                                                         },
                                                         FakeVendor::missing()}),
                         subject_name);

}  // namespace
}  // namespace croft
