#include "cli/lua/check.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "cli/lua/adapter_bench.hpp"
#include "cli/lua/rule_bench.hpp"
#include "core/base/files.hpp"
#include "core/base/suggest.hpp"
#include "lua/testing/listing.hpp"
#include "lua/testing/locals.hpp"
#include "lua/testing/names.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kLongestScript = 1 << 20;
/// Of Lua 5.1 and LuaJIT, and kept from scripts.
constexpr std::array<std::string_view, 24> kKeptAway = {
    "_G", "bit",     "collectgarbage", "debug",    "dofile",     "ffi",     "gcinfo",   "getfenv",
    "io", "jit",     "load",           "loadfile", "loadstring", "module",  "newproxy", "next",
    "os", "package", "print",          "random",   "rawset",     "require", "setfenv",  "_VERSION"};

std::string line_of_text(const std::string& source, int number) {
  std::size_t at = 0;
  for (int line = 1; line < number && at != std::string::npos; ++line) {
    at = source.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  if (at == std::string::npos) return "";
  return source.substr(at, source.find('\n', at) - at);
}

bool is_of_word(const std::string& text, std::size_t at) {
  return at < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
}

/// Where a word first stands in a line, counted from 1; 0 if it does not.
int column_of(const std::string& line, const std::string& word) {
  for (auto at = line.find(word); at != std::string::npos; at = line.find(word, at + 1)) {
    const bool is_whole =
        (at == 0 || !is_of_word(line, at - 1)) && !is_of_word(line, at + word.size());
    if (is_whole) return static_cast<int>(at) + 1;
  }
  return 0;
}

/// Looks at one file.
class Checker {
 public:
  Checker(std::string file, const std::string& source, manifest::Diagnostics& found)
      : file_(std::move(file)), source_(source), found_(found) {}

  /// False if it is no Lua: there is nothing more to say then.
  bool check_names(lua::ScriptKind kind) {
    const Result<lua::Listing> listing = lua::list_script(file_, source_);
    if (!listing) {
      add_placed(listing.error());
      return false;
    }
    const lua::ScriptNames names = lua::names_for(kind);
    std::set<std::string> own;
    for (const lua::GlobalUse& use : listing->globals) {
      if (use.is_set) own.insert(use.name);
    }
    for (const lua::GlobalUse& use : listing->globals) check_use(use, names, own);
    for (const lua::GlobalUse& use : lua::uses_through_locals(source_)) check_use(use, names, own);
    return true;
  }

  /// An error whose message begins with "FILE:LINE: ", or is about the file.
  void add_placed(const Error& error) {
    std::string message = error.message().substr(0, error.message().find("\n"));
    int line = 0;
    if (message.starts_with(file_ + ":")) {
      message.erase(0, file_.size() + 1);
      const auto [end, problem] =
          std::from_chars(message.data(), message.data() + message.size(), line);
      if (problem == std::errc())
        message.erase(0, static_cast<std::size_t>(end - message.data()) + 1);
      message.erase(0, message.find_first_not_of(' '));
    }
    add(line, "", std::move(message), error.hint(), manifest::Weight::Error);
  }

 private:
  void check_use(const lua::GlobalUse& use, const lua::ScriptNames& names,
                 const std::set<std::string>& own) {
    const auto known = names.find(use.name);
    if (use.is_set) {
      if (known != names.end()) {
        add(use.line, use.name, fmt::format("'{}' is Croft's, and set here", use.name),
            "take another name, with `local`", manifest::Weight::Error);
      } else {
        add(use.line, use.name, fmt::format("sets the global '{}'", use.name),
            "did you mean `local`?", manifest::Weight::Warning);
      }
      return;
    }
    if (known == names.end()) {
      if (!own.contains(use.name)) add_unknown(use, names);
      return;
    }
    const bool is_there =
        use.field.empty() || known->second.empty() || known->second.contains(use.field);
    if (is_there) return;
    const std::vector<std::string_view> fields(known->second.begin(), known->second.end());
    add(use.line, use.field, fmt::format("{} has no '{}'", use.name, use.field),
        did_you_mean(use.field, fields), manifest::Weight::Error);
  }

  void add_unknown(const lua::GlobalUse& use, const lua::ScriptNames& names) {
    std::vector<std::string_view> all;
    for (const auto& [name, fields] : names) all.push_back(name);
    const bool is_kept = std::ranges::find(kKeptAway, use.name) != kKeptAway.end();
    add(use.line, use.name,
        is_kept ? fmt::format("'{}' is not there for scripts", use.name)
                : fmt::format("unknown global '{}'", use.name),
        is_kept ? "docs/lua.md says what is" : did_you_mean(use.name, all),
        manifest::Weight::Error);
  }

  void add(int line, const std::string& word, std::string message, std::string hint,
           manifest::Weight weight) {
    manifest::Diagnostic diagnostic;
    const std::string text = line > 0 ? line_of_text(source_, line) : "";
    const int found = word.empty() ? 0 : column_of(text, word);
    const auto begin = text.find_first_not_of(" \t");
    const int first = begin == std::string::npos ? 1 : static_cast<int>(begin) + 1;
    const int column = line == 0 ? 0 : std::max(found, first);
    diagnostic.position = {.file = file_, .line = line, .column = column};
    diagnostic.weight = weight;
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    if (column > 0) {
      diagnostic.source_line = text;
      diagnostic.source_column = column;
      diagnostic.span = found > 0 ? static_cast<int>(word.size()) : 1;
    }
    const bool is_new = std::ranges::find(found_.list, diagnostic) == found_.list.end();
    if (is_new) found_.add(std::move(diagnostic));
  }

  std::string file_;
  const std::string& source_;
  manifest::Diagnostics& found_;
};

/// What it returns: an adapter's table, or a rule that has an answer to an example.
Result<void> check_content(const ScriptUnderTest& script) {
  if (!script.is_adapter()) {
    TRY_ASSIGN(const std::unique_ptr<RuleBench> bench, make_rule_bench(script, nullptr));
    return bench->check();
  }
  asio::io_context io;
  TRY(AdapterBench::make(io.get_executor(), script, nullptr));
  return {};
}

}  // namespace

manifest::Diagnostics check_script(const ScriptUnderTest& script) {
  manifest::Diagnostics found;
  const std::vector<ScriptSource> files = all_files(script);
  bool is_lua = true;
  for (const ScriptSource& source : files)
    is_lua = Checker(source.file, source.text, found).check_names(script.kind) && is_lua;
  const Result<void> content = is_lua ? check_content(script) : Result<void>();
  if (!content) {
    const auto names_it = [&](const ScriptSource& source) {
      return content.error().message().starts_with(source.file + ":");
    };
    const auto where = std::ranges::find_if(files, names_it);
    const ScriptSource& blamed = where == files.end() ? files.front() : *where;
    Checker(blamed.file, blamed.text, found).add_placed(content.error());
  }
  for (const auto& [name, source] : script.support)
    Checker(source.file, source.text, found).check_names(lua::ScriptKind::Test);
  for (const std::filesystem::path& path : script.tests) {
    const std::string file = shown_name(path, script.path.parent_path());
    const Result<std::string> source = read_file(path, kLongestScript);
    if (source) {
      Checker(file, *source, found).check_names(lua::ScriptKind::Test);
    } else {
      found.add({.position = {.file = file}, .message = source.error().describe()});
    }
  }
  found.sort();
  return found;
}

}  // namespace croft::cli
