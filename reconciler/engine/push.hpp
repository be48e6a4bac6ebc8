#pragma once

#include <string>

#include "core/base/trace.hpp"

namespace croft {

/// A commit on its way from the look that found it until all that its source declares is ready, as
/// the trace it is part of. Its spans, by name:
///
///   push                    from the look to ready, rejected, or superseded
///   ├ fetch, load           of the commit (engine_sources.cpp)
///   ├ pass                  each of its tenant's passes meanwhile (engine_pass.cpp)
///   │ ├ prepare             the declared set expanded and checked
///   │ ├ observe, diff
///   │ └ apply
///   │   └ create, ...       an effect, intent and waiting included (apply.cpp)
///   │     └ provider create, ...     the call
///   └ becoming ready        from the end of the pass that applied it
struct Push {
  std::string commit;
  Span span;
  Span becoming_ready;  ///< empty until it was applied
  std::int64_t begun = 0;
};

}  // namespace croft
