#pragma once

#include <memory>

#include "tests/vendors/harness.hpp"

namespace croft {

/// The Fly adapter over the fake Fly.
std::unique_ptr<VendorHarness> make_fly_harness();

}  // namespace croft
