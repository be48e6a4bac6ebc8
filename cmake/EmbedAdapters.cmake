# Run with -P: writes OUTPUT, a C++ file with the scripts of NAMES ("fly/adapter,fly/machines") below SOURCE/providers.
string(REPLACE "," ";" names "${NAMES}")
set(tables "")
set(entries "")
set(index 0)
foreach(name IN LISTS names)
  file(READ "${SOURCE}/providers/${name}.lua" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND tables "const unsigned char kScript${index}[] = {${bytes}0};\n")
  string(REPLACE "/" "\", \"" words "${name}")
  string(APPEND entries "  add(all, \"${words}\", text(kScript${index}, sizeof kScript${index} - 1));\n")
  math(EXPR index "${index} + 1")
endforeach()
set(content "// Written by cmake/EmbedAdapters.cmake.
#include \"providers/script/shipped.hpp\"

namespace croft::script {

namespace {

${tables}
[[maybe_unused]] std::string text(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

[[maybe_unused]] void add(std::vector<AdapterScript>& all, const std::string& adapter, const std::string& file,
                          std::string text) {
  if (all.empty() || all.back().name != adapter)
    all.push_back({.name = adapter, .path = \"providers/\" + adapter + \"/adapter.lua\", .source = {}});
  (file == \"adapter\" ? all.back().source : all.back().files[file]) = std::move(text);
}

}  // namespace

std::vector<AdapterScript> shipped() {
  std::vector<AdapterScript> all;
${entries}  return all;
}

}  // namespace croft::script
")
file(WRITE "${OUTPUT}" "${content}")
