#include "core/store/postgres/readers.hpp"

#include <algorithm>
#include <chrono>

namespace croft::postgres {

namespace {

constexpr Duration kFirstPause{50};
constexpr Duration kLongestPause{2'000};

}  // namespace

Task<Result<std::unique_ptr<Link>>> Readers::take_link() {
  while (!idle_.empty()) {
    std::unique_ptr<Link> link = std::move(idle_.back());
    idle_.pop_back();
    if (link->is_open()) co_return link;
  }
  co_return co_await server_.connect();
}

Task<Result<Answer>> Readers::read(sql::Statement statement) {
  const Semaphore::Permit permit = co_await permits_.acquire();
  const auto give_up = std::chrono::steady_clock::now() + server_.options().patience;
  for (Duration pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    Result<std::unique_ptr<Link>> link = co_await take_link();
    Error error;
    if (link) {
      // Both are one transaction: it ends with the pipeline.
      std::vector<sql::Statement> statements{server_.set_transaction(), statement};
      Reply reply = co_await (*link)->run(std::move(statements), server_.timeout());
      if (reply.fate != Reply::Fate::Lost) idle_.push_back(std::move(*link));
      if (reply.fate == Reply::Fate::Done) co_return std::move(reply.answers[1]);
      if (server_.is_unprepared(reply)) continue;
      // A restarted server has closed the others too.
      if (reply.fate == Reply::Fate::Lost) {
        link->reset();
        idle_.clear();
      }
      error = std::move(reply.error);
    } else {
      error = std::move(link.error());
    }
    if (!is_away(error) || std::chrono::steady_clock::now() >= give_up)
      co_return fail(std::move(error));
    co_await sleep_for(pause);
  }
}

}  // namespace croft::postgres
