# croft_embed(TARGET NAME FILE ...): the texts of files, compiled into a target.
#
# Makes a source that defines `std::span<const croft::EmbeddedText> croft::NAME()`, one text a file, named after it without
# its extension. What declares it includes core/base/embedded.hpp.
function(croft_embed target name)
  set(body "")
  set(count 0)
  foreach(file IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    cmake_path(GET file STEM stem)
    string(APPEND body "    {\"${stem}\", R\"=====(${text})=====\"},\n")
    math(EXPR count "${count} + 1")
  endforeach()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${output} CONTENT "// Made by croft_embed() from the files of its target.
#include <array>
#include \"core/base/embedded.hpp\"
namespace croft {
std::span<const EmbeddedText> ${name}();
std::span<const EmbeddedText> ${name}() {
  static constexpr std::array<EmbeddedText, ${count}> texts{{
${body}  }};
  return texts;
}
}  // namespace croft
" @ONLY)
  target_sources(${target} PRIVATE ${output})
endfunction()
