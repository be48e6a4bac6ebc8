#pragma once

namespace croft {

/// A port of 127.0.0.1 that nobody uses now, outside the range that outgoing connections take.
int free_port();

}  // namespace croft
