# Third-party libraries, all from Debian 12's packages; CONTRIBUTING.md says why each was chosen.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(LIBGIT2 REQUIRED IMPORTED_TARGET libgit2)
pkg_check_modules(LUAJIT REQUIRED IMPORTED_TARGET luajit)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(LIBYAML REQUIRED IMPORTED_TARGET yaml-0.1)

# Asio is the one third-party library that public headers show (core/base/async.hpp).
add_library(croft_asio INTERFACE)
add_library(croft::asio ALIAS croft_asio)
target_link_libraries(croft_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(croft_asio INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ASIO_NO_TS_EXECUTORS)

if(CROFT_TESTS OR CROFT_BENCH)
  find_package(GTest REQUIRED)
  find_package(yaml-cpp REQUIRED)  # the other parser that ours is compared with
  find_path(RAPIDCHECK_INCLUDE rapidcheck.h REQUIRED)
  find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
  add_library(croft_rapidcheck INTERFACE)
  add_library(croft::rapidcheck ALIAS croft_rapidcheck)
  target_include_directories(croft_rapidcheck SYSTEM INTERFACE ${RAPIDCHECK_INCLUDE})
  target_link_libraries(croft_rapidcheck INTERFACE ${RAPIDCHECK_LIBRARY})
endif()
