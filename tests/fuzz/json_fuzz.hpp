#pragma once

#include <string_view>

namespace croft {

/// Sends bytes over the border between JSON and the Lua of adapters, and back. Bytes that begin
/// with '!' are orders by which a script builds tables as hostile as Lua has them (circles, holes,
/// keys of every kind, numbers that are none, texts that are no UTF-8) and encodes them; all others
/// are a text that it decodes.
///
/// Aborts where a promise is broken: a document that is another one when it comes back, one that is
/// refused without a reason to, a table that is encoded though it is none, a refusal in words that
/// nobody chose, a call after it that is not right.
void fuzz_json(std::string_view bytes);

}  // namespace croft
