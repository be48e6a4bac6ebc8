#include "core/store/postgres/session.hpp"

namespace croft::postgres {

Result<std::unique_ptr<BlockingSession>> BlockingSession::open(const Target& target) {
  TRY_ASSIGN(Handle handle, connect(target));
  return std::unique_ptr<BlockingSession>(new BlockingSession(target, std::move(handle)));
}

Result<void> BlockingSession::check(const PGresult* answer) const {
  const ExecStatusType status = PQresultStatus(answer);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
  if (PQstatus(handle_.get()) != CONNECTION_OK)
    return fail(connection_lost(handle_.get(), target_));
  return fail(error_of(answer, target_));
}

Result<void> BlockingSession::execute(std::string_view text, const std::vector<sql::Cell>& cells) {
  return query(text, cells, [](const sql::Row&) -> Result<void> { return {}; });
}

Result<void> BlockingSession::query(std::string_view text, const std::vector<sql::Cell>& cells,
                                    const sql::RowSink& sink) {
  const Parameters parameters(cells);
  const Answer answer(PQexecParams(handle_.get(), std::string(text).c_str(), parameters.count(),
                                   nullptr, parameters.values(), nullptr, nullptr, 0));
  TRY(check(answer.get()));
  return for_each_row(answer.get(), sink);
}

Result<void> BlockingSession::run_script(std::string_view text) {
  if (text.empty()) return {};
  const Answer answer(PQexec(handle_.get(), std::string(text).c_str()));
  return check(answer.get());
}

}  // namespace croft::postgres
