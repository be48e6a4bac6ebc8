// docs/lua-reference.md is made from the stubs in lua/meta: UPDATE_GOLDEN=1 on lua_tests rewrites
// it.

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace croft::lua {
namespace {

const std::string kSource = CROFT_SOURCE;

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// "name type text": types may have spaces within brackets only.
struct Annotation {
  std::string name;
  std::string type;
  std::string text;
};

/// Up to the first space outside of brackets; what is left stays in `text`.
std::string take_word(std::string& text) {
  int depth = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (std::string_view("({<[").find(c) != std::string_view::npos) ++depth;
    if (std::string_view(")}>]").find(c) != std::string_view::npos) --depth;
    const bool goes_on = end > 0 && (text[end - 1] == ':' || text[end - 1] == ',');
    if (c == ' ' && depth == 0 && !goes_on) break;
  }
  std::string word = text.substr(0, end);
  text.erase(0, std::min(end + 1, text.size()));
  return word;
}

Annotation annotation_of(std::string line, bool has_name) {
  Annotation annotation;
  if (has_name) annotation.name = take_word(line);
  annotation.type = take_word(line);
  annotation.text = line;
  return annotation;
}

std::string in_table(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, 1, '\\');
  return text;
}

std::string row_of(const Annotation& annotation) {
  return fmt::format("| `{}` | `{}` | {} |\n", annotation.name, in_table(annotation.type),
                     in_table(annotation.text));
}

/// Goes through a stub line by line.
class StubReader {
 public:
  std::string read_file(const std::string& name) {
    std::istringstream lines(read(kSource + "/lua/meta/" + name + ".lua"));
    out_ = fmt::format("\n## {}.lua\n", name);
    for (std::string line; std::getline(lines, line);) take(line);
    return std::move(out_);
  }

 private:
  void take(const std::string& line) {
    if (line.starts_with("---@class ")) {
      std::string rest = line.substr(10);
      class_ = take_word(rest);
      out_ += fmt::format("\n### {}\n\n{}{}\n", class_, words_, rest.empty() ? "" : rest + "\n");
      words_.clear();
      rows_ = 0;
    } else if (line.starts_with("---@field ")) {
      if (rows_++ == 0) out_ += "\n| field | type | |\n|---|---|---|\n";
      out_ += row_of(annotation_of(line.substr(10), true));
    } else if (line.starts_with("---@param ")) {
      parameters_ += row_of(annotation_of(line.substr(10), true));
    } else if (line.starts_with("---@return ")) {
      const Annotation given = annotation_of(line.substr(11), false);
      returns_ += fmt::format("{}`{}`{}", returns_.empty() ? "" : ", ", given.type,
                              given.text.empty() ? "" : " " + given.text);
    } else if (line.starts_with("function ")) {
      add_function(line.substr(9, line.rfind(" end") - 9));
    } else if (line.starts_with("---") && !line.starts_with("---@")) {
      words_ += line.substr(3) + "\n";
    } else if (!line.starts_with("---")) {
      forget();
    }
  }

  void add_function(const std::string& signature) {
    out_ += fmt::format("\n### {}\n\n{}", signature, words_);
    if (!parameters_.empty()) out_ += "\n| parameter | type | |\n|---|---|---|\n" + parameters_;
    if (!returns_.empty()) out_ += fmt::format("\nReturns {}.\n", returns_);
    forget();
  }

  void forget() {
    words_.clear();
    parameters_.clear();
    returns_.clear();
  }

  std::string out_;
  std::string class_;
  std::string words_;
  std::string parameters_;
  std::string returns_;
  int rows_ = 0;
};

TEST(LuaReferenceTest, IsWhatTheStubsSay) {
  std::string text =
      "# Lua reference\n\n<!-- Made from the stubs in lua/meta; UPDATE_GOLDEN=1 on lua_tests "
      "rewrites it. "
      "-->\n\nWhat scripts are given, what they return, and the functions that they may call, "
      "beside what "
      "[lua.md](lua.md) lists.\nPricing rules have `pricing.lua`, policies `policy.lua`, health "
      "rules "
      "`health.lua`, templates of webhooks `template.lua`; adapters have `adapter.lua`, "
      "`http.lua`,\n`json.lua`, `text.lua`, "
      "`flow.lua` and `instance.lua`; "
      "tests of all have `test.lua`. Tests compare the stubs with what is there.\n";
  for (const char* name : {"pricing", "policy", "health", "template", "adapter", "http", "json",
                           "text", "flow", "instance", "test"})
    text += StubReader().read_file(name);
  for (std::size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at))
    text.erase(at, 1);
  const std::string path = kSource + "/docs/lua-reference.md";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  EXPECT_EQ(read(path), text) << "UPDATE_GOLDEN=1 rewrites it if that is meant";
}

}  // namespace
}  // namespace croft::lua
