#pragma once

#include "cli/lua/test_run.hpp"
#include "core/manifest/diagnostic.hpp"

namespace croft::cli {

/// Says what is wrong with a script, and with the tests beside it, without running a verb or a
/// test: whether it compiles; whether what it returns is an adapter or a rule (the file itself is
/// run for that, and a rule prices an example); and names of globals, and of fields of host
/// modules, that are not there.
///
/// Names are read from LuaJIT's bytecode: `http.gett` is seen wherever it stands, also in code that
/// no test reaches, and `local h = http; h.gett` where h is set once. Lines are exact, columns are
/// where the name first stands in that line.
manifest::Diagnostics check_script(const ScriptUnderTest& script);

}  // namespace croft::cli
