// What calls of a Lua adapter cost: so many at once, from one thread and one VM, against a server
// in a process of its own that answers after 50 ms; and the same requests by a plain C++ client.
//
//   adapter_bench [CALLS]
//
// Prints one line of JSON: wall times in ms (the first round connects, the next ones use the
// connections again; the fastest of these), and the heap that all calls in flight take.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/net/server.hpp"
#include "lua/engine/adapter_host.hpp"
#include "providers/script/vendor_client.hpp"

namespace croft {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kAnswerAfter{50};
constexpr int kWarmRounds = 15;

constexpr std::string_view kScript = R"(
local function check(response)
  if response.status ~= 200 then return fail("Internal", "a bad status") end
  return response.json().id
end
return {
  look = function(context, effect)
    local response, err = http.get("/boxes/" .. url.encode(effect.uid), {query = {full = true}})
    if not response then return nil, err end
    return check(response)
  end,
}
)";

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "adapter_bench: %s\n", result.error().describe().c_str());
  std::exit(1);
}

Task<HttpResponse> answer(HttpRequest) {
  co_await sleep_for(kAnswerAfter);
  HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = R"({"id":"7","state":"running","labels":{"croft.uid":"x"}})";
  co_return response;
}

/// The server, in a child that dies with its pipe.
int start_server(int& child) {
  int ends[2];
  if (pipe(ends) != 0) std::exit(1);
  child = fork();
  if (child == 0) {
    asio::io_context io(1);
    HttpServerSettings settings;
    settings.connections = 20'000;
    HttpServer server(io.get_executor(), answer, settings);
    const int port = must(server.listen_tcp("127.0.0.1", 0));
    if (write(ends[1], &port, sizeof port) != sizeof port) std::_Exit(1);
    io.run();
    std::_Exit(0);
  }
  int port = 0;
  if (read(ends[0], &port, sizeof port) != sizeof port) std::exit(1);
  return port;
}

std::size_t heap_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Round {
  double wall_ms = 0;
  double cpu_ms = 0;
  std::size_t heap_bytes = 0;  ///< most that was in use beyond what was before
};

double cpu_ms() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

/// Starts all calls at once and runs until the last has ended.
template <typename Begin>
Round run_round(asio::io_context& io, int calls, const Begin& start) {
  Round round;
  int left = calls;
  const std::size_t before = heap_in_use();
  const auto look = [&] {
    round.heap_bytes = std::max(round.heap_bytes, heap_in_use() - std::min(before, heap_in_use()));
  };
  const double cpu_before = cpu_ms();
  const auto begun = SteadyClock::now();
  for (int i = 0; i < calls; ++i)
    start(i, [&left](bool is_good) {
      if (!is_good) std::exit(1);
      --left;
    });
  asio::steady_timer timer(io, begun + kAnswerAfter - std::chrono::milliseconds(5));
  timer.async_wait([&](const boost::system::error_code&) { look(); });
  io.restart();
  while (left > 0) io.run_one();
  round.wall_ms = std::chrono::duration<double, std::milli>(SteadyClock::now() - begun).count();
  round.cpu_ms = cpu_ms() - cpu_before;
  timer.cancel();
  io.poll();
  return round;
}

struct Series {
  Round first;
  Round warm;
};

/// Starts the call of that number; `done` is told whether it went well.
using Start = std::function<void(int number, std::function<void(bool)> done)>;

Start plain_calls(asio::io_context& io, int port, int calls) {
  HttpClientSettings settings;
  settings.idle_connections = static_cast<std::size_t>(calls);
  const HttpClient client(must(parse_server_address("http://127.0.0.1:" + std::to_string(port))),
                          settings);
  return [&io, client](int i, std::function<void(bool)> done) {
    HttpRequest request;
    request.target = "/v1/boxes/" + std::to_string(i) + "?full=true";
    request.headers.set("Accept", "application/json");
    asio::co_spawn(
        io, client.send(std::move(request)),
        [done = std::move(done)](const std::exception_ptr& failure, Result<HttpResponse> response) {
          done(!failure && response && response->status == 200);
        });
  };
}

std::unique_ptr<lua::AdapterHost> make_host(asio::io_context& io, int port, int calls,
                                            const Clock& clock) {
  script::VendorSettings settings;
  settings.url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
  settings.auth.kind = script::VendorAuth::Kind::Bearer;
  settings.credential = Secret<std::string>("bench-token-0123456789");
  settings.idle_connections = static_cast<std::size_t>(calls);
  auto gate = std::make_shared<script::VendorGate>(0, 0, calls);
  lua::HostServices services;
  services.name = "bench";
  services.clock = &clock;
  services.http = must(script::VendorClient::make(std::move(settings), std::move(gate), clock,
                                                  [](Duration time) { return sleep_for(time); }));
  return must(lua::AdapterHost::make(
      io.get_executor(), must(lua::Script::compile("bench.lua", kScript)), std::move(services)));
}

Start lua_calls(asio::io_context& io, lua::AdapterHost& host, const Clock& clock,
                std::size_t& vm_bytes) {
  const std::size_t at_rest = host.memory_used();
  return [&io, &host, &clock, &vm_bytes, at_rest](int i, std::function<void(bool)> done) {
    lua::AdapterCall call;
    call.function = "look";
    call.subject = "tenant 'alice', Instance/web";
    call.deadline = clock.steady() + Duration(60'000);
    call.arguments.push_back(Value::map({{"provider", "bench"}}));
    call.arguments.push_back(Value::map({{"uid", std::to_string(i)}, {"intent", "x"}}));
    asio::co_spawn(io, host.call(std::move(call)),
                   [&, at_rest, done = std::move(done)](const std::exception_ptr& failure,
                                                        Result<Value> value) {
                     vm_bytes = std::max(vm_bytes, host.memory_used() - at_rest);
                     done(!failure && value && *value == Value("7"));
                   });
  };
}

/// Both in turns, so that what else the machine does falls on both alike.
void run_both(asio::io_context& io, int calls, const Start& plain, const Start& lua,
              Series& of_plain, Series& of_lua) {
  of_plain.first = run_round(io, calls, plain);
  of_lua.first = run_round(io, calls, lua);
  const auto keep_fastest = [](Round& known, const Round& round) {
    if (known.wall_ms == 0 || round.wall_ms < known.wall_ms) known = round;
  };
  for (int i = 0; i < kWarmRounds; ++i) {
    keep_fastest(of_plain.warm, run_round(io, calls, plain));
    keep_fastest(of_lua.warm, run_round(io, calls, lua));
  }
}

std::string print(const char* name, const Series& series, int calls) {
  return fmt::format(
      "\"{0}_first_ms\": {1:.1f}, \"{0}_warm_ms\": {2:.1f}, \"{0}_first_cpu_ms\": {3:.1f}, "
      "\"{0}_warm_cpu_ms\": {4:.1f}, \"{0}_heap_bytes_a_call\": {5}",
      name, series.first.wall_ms, series.warm.wall_ms, series.first.cpu_ms, series.warm.cpu_ms,
      series.first.heap_bytes / static_cast<std::size_t>(calls));
}

}  // namespace
}  // namespace croft

int main(int argc, char** argv) {
  using namespace croft;
  const int calls = argc > 1 ? std::atoi(argv[1]) : 1000;
  if (calls < 1) {
    std::fputs("usage: adapter_bench [CALLS]\n", stderr);
    return 2;
  }
  int server = 0;
  const int port = start_server(server);
  asio::io_context io(1);
  const SystemClock clock;
  const auto host = make_host(io, port, calls, clock);
  std::size_t vm_bytes = 0;
  Series plain;
  Series lua;
  run_both(io, calls, plain_calls(io, port, calls), lua_calls(io, *host, clock, vm_bytes), plain,
           lua);
  fmt::print("{{\"calls\": {}, \"answer_ms\": {}, {}, {}, \"vm_bytes_a_call\": {}}}\n", calls,
             kAnswerAfter.count(), print("plain", plain, calls), print("lua", lua, calls),
             vm_bytes / static_cast<std::size_t>(calls));
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  return 0;
}
