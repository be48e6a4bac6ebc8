#pragma once
// What a compiled script consists of, for those who look at scripts without running them.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft::lua {

/// A function of a script; the file itself is one too.
struct ListedFunction {
  int first = 0;  ///< the line it begins at; 0 for the file itself
  int last = 0;
  std::set<int> lines;  ///< that have something to run, without those of functions within it
};

/// A place where a script reads or sets a global.
struct GlobalUse {
  std::string name;
  std::string field;  ///< "get" of `http.get`; empty if the next instruction reads no field of it
  int line = 0;
  bool is_set = false;
};

struct Listing {
  std::vector<ListedFunction> functions;
  std::vector<GlobalUse> globals;  ///< in the order of the functions and their instructions
};

/// Compiles a script and reads LuaJIT's bytecode; nothing of it is run. Only what is read as
/// `NAME.FIELD` of a global is seen as a field; uses_through_locals() sees more. Invalid with
/// "NAME:LINE: ..." if it is no Lua.
Result<Listing> list_script(const std::string& name, std::string_view source);

}  // namespace croft::lua
