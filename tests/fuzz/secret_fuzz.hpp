#pragma once

#include <string_view>

namespace croft {

/// Opens bytes as everything that core/secret opens: an age file, armored or not; a SOPS file, with
/// and without its data key; a sealed value; keys.
///
/// Aborts where a promise is broken: something opens that nobody encrypted to the key at hand, a
/// refusal has no words or a control character in them, what is read is another text when it is
/// written again, names and values of a SOPS file are not the same.
void fuzz_secret(std::string_view bytes);

}  // namespace croft
