#include "cli/lua/script_under_test.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/resource/kind.hpp"
#include "plans/admission/policy.hpp"
#include "plans/pricing/quote.hpp"

namespace croft::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestScript = 1 << 20;
constexpr const char* kAdapterFile = "adapter.lua";
constexpr std::size_t kLongestName = 55;

std::vector<fs::path> scripts_in(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const bool is_script =
        entry.path().extension() == ".lua" && !entry.path().filename().string().starts_with('.');
    if (is_script) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

Result<fs::path> script_of_directory(const fs::path& directory) {
  std::error_code ignored;
  if (fs::exists(directory / kAdapterFile, ignored)) return directory / kAdapterFile;
  const std::vector<fs::path> scripts = scripts_in(directory);
  if (scripts.size() == 1) return scripts[0];
  if (scripts.empty()) {
    return fail(Error(ErrorCode::NotFound,
                      fmt::format("{} holds no adapter.lua and no rule", directory.string()))
                    .with_hint("croft lua new provider NAME makes one"));
  }
  return fail(Error(ErrorCode::Invalid,
                    fmt::format("{} holds {} rules", directory.string(), scripts.size()))
                  .with_hint(fmt::format("name one of them, like {}", scripts[0].string())));
}

/// The functions of the table that a rule returns; none if it cannot be run.
Value functions_of(const ScriptUnderTest& script) {
  const std::string text =
      "return {names = function() local names, rule = {}, (function() " + script.source +
      "\nend)() for name, value in pairs(rule) do if type(value) == 'function' then "
      "names[#names + 1] = name end end return names end}";
  const Result<lua::Script> compiled = lua::Script::compile(script.file, text);
  const Result<std::unique_ptr<lua::Sandbox>> sandbox = plans::make_pricing_sandbox();
  if (!compiled || !sandbox) return Value::list();
  const Result<Value> names = (*sandbox)->call(*compiled, "names", {});
  return names && names->is_list() ? *names : Value::list();
}

lua::ScriptKind kind_of(const ScriptUnderTest& script) {
  const std::string name = script.path.filename().string();
  if (name == kAdapterFile) return lua::ScriptKind::Adapter;
  if (name == plans::kPolicyFile) return lua::ScriptKind::Policy;
  const Value functions = functions_of(script);
  for (const Value& function : functions.as_list()) {
    if (!function.is_text()) continue;
    if (function.as_text() == "admit") return lua::ScriptKind::Policy;
    if (kind_from(function.as_text())) return lua::ScriptKind::HealthRule;
  }
  return lua::ScriptKind::PricingRule;
}

}  // namespace

std::string shown_name(const fs::path& file, const fs::path& directory) {
  const std::string name = file.lexically_normal().string();
  if (name.size() <= kLongestName) return name;
  return file.lexically_normal().lexically_relative(directory.lexically_normal()).string();
}

namespace {

/// The Lua files of a folder by name; errors name them without `directory`.
Result<std::map<std::string, ScriptSource>> read_sources(const fs::path& folder,
                                                         const fs::path& directory) {
  std::map<std::string, ScriptSource> sources;
  for (const fs::path& path : scripts_in(folder)) {
    ScriptSource& source = sources[path.stem().string()];
    source.file = shown_name(path, directory);
    TRY_ASSIGN(source.text, read_file(path, kLongestScript));
  }
  return sources;
}

}  // namespace

Result<ScriptUnderTest> find_script_to_check(const fs::path& where) {
  std::error_code ignored;
  fs::path file = where;
  if (!fs::exists(where, ignored))
    return fail(ErrorCode::NotFound, fmt::format("there is no {}", where.string()));
  if (fs::is_directory(where, ignored)) {
    TRY_ASSIGN(file, script_of_directory(where));
  }
  if (file.extension() != ".lua")
    return fail(ErrorCode::Invalid, fmt::format("{} is no file NAME.lua", file.string()));
  ScriptUnderTest script;
  script.path = file.lexically_normal();
  script.file = shown_name(script.path, script.path.parent_path());
  TRY_ASSIGN(script.source, read_file(file, kLongestScript));
  script.kind = kind_of(script);
  script.tests = scripts_in(script.path.parent_path() / "tests");
  const fs::path directory = script.path.parent_path();
  TRY_ASSIGN(script.support, read_sources(directory / "tests" / "support", directory));
  if (script.is_adapter()) {
    TRY_ASSIGN(script.files, read_sources(directory, directory));
    script.files.erase(fs::path(kAdapterFile).stem().string());
  }
  return script;
}

Result<std::vector<lua::ScriptFile>> compile_files(
    const std::map<std::string, ScriptSource>& sources) {
  std::vector<lua::ScriptFile> files;
  for (const auto& [name, source] : sources) {
    TRY_ASSIGN(lua::Script compiled, lua::Script::compile(source.file, source.text));
    files.push_back({name, std::move(compiled)});
  }
  return files;
}

std::vector<ScriptSource> all_files(const ScriptUnderTest& script) {
  std::vector<ScriptSource> all{{.file = script.file, .text = script.source}};
  for (const auto& [name, file] : script.files) all.push_back(file);
  return all;
}

Result<ScriptUnderTest> find_script(const fs::path& where) {
  TRY_ASSIGN(ScriptUnderTest script, find_script_to_check(where));
  if (!script.tests.empty()) return script;
  const fs::path directory = script.path.parent_path() / "tests";
  return fail(
      Error(ErrorCode::NotFound, fmt::format("there are no tests {}/*.lua", directory.string()))
          .with_hint("a file of tests returns {[\"creates an app\"] = function(t) ... end}"));
}

}  // namespace croft::cli
