#include <cstddef>
#include <cstdint>

#include "tests/fuzz/secret_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  croft::fuzz_secret({reinterpret_cast<const char*>(data), size});
  return 0;
}
