#pragma once

#include <string_view>

namespace croft {

/// Reads the bytes as requests, as the edge would, and aborts if something that it relies on does
/// not hold: heads without line ends inside, forwarded requests that mean the same when they are
/// read again, decoded paths that stay inside, ranges that lie within.
void fuzz_edge(std::string_view bytes);

}  // namespace croft
