# croft_room(NAME SOURCES ... [LINKS ...] [PRIVATE_LINKS ...] [ASIO])
#
# One room of the house: a static library croft_NAME, alias croft::NAME. LINKS are rooms whose headers this room's
# headers include; PRIVATE_LINKS are third-party libraries, which stay behind this room's .cpp files.
# ASIO says that most of the room's sources use coroutines: they share the precompiled Asio header of core/base.
function(croft_room name)
  cmake_parse_arguments(ROOM "ASIO" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  if(NOT ROOM_SOURCES)
    add_library(croft_${name} INTERFACE)
    add_library(croft::${name} ALIAS croft_${name})
    target_include_directories(croft_${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(croft_${name} INTERFACE ${ROOM_LINKS})
    return()
  endif()
  add_library(croft_${name} STATIC ${ROOM_SOURCES})
  add_library(croft::${name} ALIAS croft_${name})
  target_include_directories(croft_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(croft_${name} PUBLIC ${ROOM_LINKS} PRIVATE ${ROOM_PRIVATE_LINKS})
  if(ROOM_ASIO)
    croft_precompile_asio(croft_${name})
  endif()
endfunction()

# Reuses one precompiled header for every target that asks for it: Asio's coroutine headers cost about 4 s a file without.
function(croft_precompile_asio target)
  if(NOT TARGET croft_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/croft_pch.cpp "// owns the precompiled header\n")
    add_library(croft_pch STATIC ${CMAKE_BINARY_DIR}/croft_pch.cpp)
    target_include_directories(croft_pch PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(croft_pch PUBLIC croft::asio)
    target_precompile_headers(croft_pch PRIVATE
      <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/steady_timer.hpp>
      <boost/asio/thread_pool.hpp> <boost/asio/use_awaitable.hpp> <boost/asio/as_tuple.hpp>
      <boost/asio/local/stream_protocol.hpp> <boost/asio/ip/tcp.hpp>
      <expected> <functional> <map> <memory> <optional> <string> <string_view> <variant> <vector> <chrono>)
  endif()
  target_link_libraries(${target} PRIVATE croft::asio)
  target_precompile_headers(${target} REUSE_FROM croft_pch)
endfunction()

# croft_test(NAME SOURCES ... LINKS ... [ASIO] [LABELS ...]): a GoogleTest binary, one test of ctest.
function(croft_test name)
  cmake_parse_arguments(TEST "ASIO;POSTGRES" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE ${TEST_LINKS} croft::test_support GTest::gtest GTest::gmock)
  if(TEST_ASIO)
    croft_precompile_asio(${name})
  endif()
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} SKIP_REGULAR_EXPRESSION "EVERY TEST SKIPPED"
    LABELS "${TEST_LABELS}")
  if(TEST_POSTGRES)
    add_test(NAME ${name}_postgres COMMAND ${name})
    set_tests_properties(${name}_postgres PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}"
      ENVIRONMENT CROFT_TEST_STORE=postgres)
  endif()
endfunction()
