// croft-edge-test: the edge as a process of its own, for tests of hand-over and for
// bench/edge_bench.sh.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/edge/edge.hpp"

namespace {

int usage() {
  std::fputs(
      "usage: croft-edge-test --routes FILE --store DIR [--listen HOST:PORT]... [--threads N] "
      "[--log FILE]\n"
      "                       [--handover MS] [--trust NETWORK]...\n",
      stderr);
  return 2;
}

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  croft::EdgeSettings settings;
  settings.listen.clear();
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--listen") {
      settings.listen.push_back(value);
    } else if (name == "--routes") {
      settings.routes_file = value;
    } else if (name == "--store") {
      settings.release_store = value;
    } else if (name == "--threads") {
      settings.threads = number(value);
    } else if (name == "--log") {
      settings.access_log = value;
    } else if (name == "--handover") {
      settings.handover_time = croft::Duration(number(value));
    } else if (name == "--trust") {
      settings.trusted_proxies.push_back(value);
    } else {
      return usage();
    }
  }
  if (settings.routes_file.empty() || settings.release_store.empty()) return usage();
  settings.on_listening = [](const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) std::printf("listening %s\n", address.c_str());
    std::fflush(stdout);
  };
  const croft::Result<void> done = croft::run_edge(std::move(settings));
  if (done) return EXIT_SUCCESS;
  std::fprintf(stderr, "croft-edge-test: %s\n", done.error().describe().c_str());
  return EXIT_FAILURE;
}
