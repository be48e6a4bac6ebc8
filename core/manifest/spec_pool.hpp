#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "core/base/guarded.hpp"
#include "core/base/value.hpp"

namespace croft::manifest {

/// Equal values share one copy: a thousand sites with the same spec cost one. Thread safe; hand one
/// pool to all caches.
class SpecPool {
 public:
  /// The shared copy of the value.
  std::shared_ptr<const Value> share(const Value& value);

 private:
  using Shelf = std::unordered_multimap<std::size_t, std::weak_ptr<const Value>>;
  static void sweep(Shelf& shelf);

  Guarded<Shelf> shelf_;
};

}  // namespace croft::manifest
