#include "core/store/postgres/listener.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "core/base/log.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::postgres {

namespace {

constexpr Duration kPause{5'000};
constexpr Duration kLook{60'000};

}  // namespace

Task<> Listener::run() {
  for (;; co_await sleep_for(kPause)) {
    try {
      co_await listen();
    } catch (const std::exception& failure) {
      log_error("store", "listening for orders ended with an exception; it begins again",
                {{"what", failure.what()}});
    }
  }
}

Task<> Listener::listen() {
  Result<std::unique_ptr<Link>> link = co_await server_.connect();
  if (!link) co_return;
  std::vector<sql::Statement> statements{{sql::kListen, {}}};
  const Reply reply = co_await (*link)->run(std::move(statements), server_.timeout());
  if (reply.fate != Reply::Fate::Done) co_return;
  heard_.notify();  // what was written while nobody listened
  std::vector<std::string> payloads;
  while (co_await (*link)->listen(kLook, payloads)) {
    const bool is_foreign = std::ranges::any_of(
        payloads, [this](const std::string& who) { return who != server_.holder(); });
    if (is_foreign) heard_.notify();
    payloads.clear();
  }
}

}  // namespace croft::postgres
