# Compiler settings that hold for every target.
find_program(CROFT_CCACHE ccache)
if(CROFT_CCACHE)
  # Precompiled headers are cached safely only when ccache is told that their time stamps do not matter.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_NOHASHDIR=1
               CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CROFT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these falsely inside coroutine frames and std::variant at -O1 and above.
  add_compile_options(-Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-mismatched-new-delete -Wno-restrict)
  # Plain -Wshadow takes an enumerator of an enum class (FieldType::Duration) for a shadow of a type of that name.
  add_compile_options(-Wno-shadow -Wshadow=local)
  # Designated initialisers leave fields at their defaults on purpose.
  add_compile_options(-Wno-missing-field-initializers)
  # Needed for ccache to see through a precompiled header.
  add_compile_options(-fpch-preprocess)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12 guards std::expected by a feature macro that clang 19 sets lower than GCC does.
  add_compile_options(-D__cpp_concepts=202002L -Wno-builtin-macro-redefined)
  add_compile_options(-fpch-instantiate-templates)
  # As for GCC: designated initialisers leave fields at their defaults on purpose.
  add_compile_options(-Wno-missing-field-initializers -Wno-missing-designated-field-initializers)
  # libstdc++ 12's own stable_sort calls what it deprecates itself; GCC still warns of ours.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(CROFT_WERROR)
  add_compile_options(-Werror)
endif()
# What a fuzzer is to explore must be instrumented for coverage; everything is, because all rooms share one precompiled header.
if(CROFT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CROFT_SANITIZE)
  add_compile_options(-fsanitize=${CROFT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CROFT_SANITIZE})
endif()
if(CROFT_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

find_program(CROFT_MOLD mold)
if(CROFT_MOLD AND NOT CROFT_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()
