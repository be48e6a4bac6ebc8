// Commits numbered transactions until it is killed, and writes each number to standard output once
// it is acknowledged. Usage: store_crash_writer DIRECTORY FIRST_NUMBER

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "core/store/sqlite.hpp"
#include "tests/core/store/numbered.hpp"

namespace {

using namespace croft;

Task<> commit_forever(Store& store, int& next) {
  for (;;) {
    const int number = next++;
    Transaction transaction = numbered_transaction(number, 500);
    const Result<void> done = co_await store.commit(std::move(transaction));
    if (!done) {
      std::fprintf(stderr, "%s\n", done.error().describe().c_str());
      std::exit(1);
    }
    const std::string line = std::to_string(number) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::exit(1);
  }
}

}  // namespace

int main(int, char** argv) {
  Result<std::unique_ptr<Store>> store = open_sqlite_store(argv[1]);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().describe().c_str());
    return 1;
  }
  asio::io_context io;
  int next = std::atoi(argv[2]);
  for (int i = 0; i < 8; ++i) spawn(io.get_executor(), commit_forever(**store, next), "commits");
  io.run();
  return 1;
}
