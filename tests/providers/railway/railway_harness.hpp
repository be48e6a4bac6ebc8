#pragma once

#include <memory>

#include "tests/vendors/harness.hpp"

namespace croft {

/// The Railway adapter over the fake Railway.
std::unique_ptr<VendorHarness> make_railway_harness();

}  // namespace croft
