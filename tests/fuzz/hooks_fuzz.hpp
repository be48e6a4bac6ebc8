#pragma once

#include <string_view>

namespace croft {

/// Gives bytes to a receiver as a delivery: the first chooses the type, lines up to an empty one
/// are headers, the rest is the body. Once as it comes, which nothing proves, and once with the
/// proof that its type wants.
///
/// Aborts where a promise is broken: what is not proven is accepted, what is proven is answered
/// with more than 202, 200 or 400, a delivery names a ref that is none, concerns a source that does
/// not follow it, or a repository's name is not the same when it is read again.
void fuzz_hooks(std::string_view bytes);

}  // namespace croft
