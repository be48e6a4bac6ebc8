#pragma once

#include "core/manifest/compose/item.hpp"

namespace croft::manifest::compose {

/// Rewrites the short forms of a compose file's values as their long ones, so that files can be
/// laid over each other and are decoded in one way: lists of NAME=VALUE become maps, "80:8080"
/// becomes {target, published}, "data:/data" becomes {type, source, target}, a single text becomes
/// a list. What has another shape than the specification allows stays as it is.
void make_canonical(Item& file, Complaints& complaints);

}  // namespace croft::manifest::compose
