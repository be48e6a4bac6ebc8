// An edge that counts its requests, or does not: metrics_bench on|off PORT DATA. For
// metrics_bench.sh.

#include <cstdio>
#include <cstring>
#include <string>

#include "gateway/edge/edge.hpp"
#include "providers/port/release.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: metrics_bench on|off PORT DATA\n", stderr);
    return 2;
  }
  const std::filesystem::path data = argv[3];
  croft::EdgeSettings settings;
  settings.listen = {std::string("127.0.0.1:") + argv[2]};
  settings.routes_file = data / "run" / "routes.json";
  settings.release_store = data / "sites";
  settings.measures_requests = std::strcmp(argv[1], "on") == 0;
  const croft::Result<void> done = croft::run_edge(std::move(settings));
  if (!done) std::fprintf(stderr, "%s\n", done.error().describe().c_str());
  return done ? 0 : 1;
}
