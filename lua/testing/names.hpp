#pragma once
// The names that scripts find, for those who look at scripts without running them.

#include <map>
#include <set>
#include <string>

namespace croft::lua {

enum class ScriptKind { Adapter, PricingRule, Policy, HealthRule, Test };

/// Global names, each with the names in it if it is a table.
using ScriptNames = std::map<std::string, std::set<std::string>>;

/// What a script of that kind finds: the standard library as the sandbox has it, and what the stubs
/// of lua/meta, which are part of the program, declare.
ScriptNames names_for(ScriptKind kind);

}  // namespace croft::lua
