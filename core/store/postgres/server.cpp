#include "core/store/postgres/server.hpp"

#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::postgres {

namespace {

std::string milliseconds(Duration time) { return fmt::format("{}ms", time.count()); }

}  // namespace

Task<Result<std::unique_ptr<Link>>> Server::connect() {
  const Target target = target_;
  auto work = [target] { return postgres::connect(target); };
  CO_TRY_ASSIGN(Handle handle, co_await connecting_.run(std::move(work)));
  co_return Link::over(executor_, target_, std::move(handle), preparing_);
}

Duration Server::timeout() const {
  return options_.statement_timeout + options_.lock_timeout + options_.answer_slack;
}

sql::Statement Server::set_transaction() const {
  return {sql::kSetTransaction,
          {sql::Cell(milliseconds(options_.statement_timeout)),
           sql::Cell(milliseconds(options_.lock_timeout)), sql::Cell(holder_)}};
}

bool Server::is_unprepared(const Reply& reply) {
  const bool is_name_trouble = reply.state == "26000" || reply.state == "42P05";
  if (reply.fate != Reply::Fate::Refused || !is_name_trouble) return false;
  // Somebody else may have found out while these statements were under way.
  if (std::exchange(preparing_.is_on, false)) {
    log_info("store", "statements are not prepared: a pool of transactions is between us",
             {{"server", target_.name}});
  }
  return true;
}

}  // namespace croft::postgres
