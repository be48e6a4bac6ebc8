# Run with -P: writes OUTPUT, a C++ file with the scripts of NAMES (comma separated) below SOURCE.
string(REPLACE "," ";" names "${NAMES}")
set(tables "")
set(entries "")
set(index 0)
foreach(name IN LISTS names)
  file(READ "${SOURCE}/providers/${name}/adapter.lua" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND tables "const unsigned char kScript${index}[] = {${bytes}0};\n")
  string(APPEND entries
    "      {\"${name}\", \"providers/${name}/adapter.lua\", text(kScript${index}, sizeof kScript${index} - 1)},\n")
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

}  // namespace

std::vector<AdapterScript> shipped() {
  return {
${entries}  };
}

}  // namespace croft::script
")
file(WRITE "${OUTPUT}" "${content}")
