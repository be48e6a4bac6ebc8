#include "core/store/postgres/session.hpp"

#include <array>

namespace croft::postgres {

Result<std::unique_ptr<BlockingSession>> BlockingSession::open(const Target& target,
                                                               Access access) {
  TRY_ASSIGN(Handle handle, connect(target, access));
  return std::unique_ptr<BlockingSession>(new BlockingSession(target, std::move(handle)));
}

Result<void> BlockingSession::lost() const { return fail(connection_lost(handle_.get(), target_)); }

Result<void> BlockingSession::check(const PGresult* answer) const {
  const ExecStatusType status = PQresultStatus(answer);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE)
    return {};
  if (PQstatus(handle_.get()) != CONNECTION_OK) return lost();
  return fail(error_of(answer, target_));
}

Result<void> BlockingSession::execute(std::string_view text, const std::vector<sql::Cell>& cells) {
  return query(text, cells, [](const sql::Row&) -> Result<void> { return {}; });
}

Result<void> BlockingSession::query(std::string_view text, const std::vector<sql::Cell>& cells,
                                    const sql::RowSink& sink) {
  const Parameters parameters(cells);
  PGconn* const connection = handle_.get();
  if (PQsendQueryParams(connection, std::string(text).c_str(), parameters.count(), nullptr,
                        parameters.values(), nullptr, nullptr, 0) != 1) {
    return lost();
  }
  PQsetSingleRowMode(connection);
  Result<void> outcome;
  // To the end, also after an error: the connection is of no use before.
  for (Answer answer(PQgetResult(connection)); answer; answer.reset(PQgetResult(connection))) {
    if (!outcome) continue;
    outcome = check(answer.get());
    if (!outcome) continue;
    outcome = for_each_row(answer.get(), sink);
    if (!outcome) cancel();
  }
  return outcome;
}

/// What is still to come is not wanted, and may be much.
void BlockingSession::cancel() const {
  struct Free {
    void operator()(PGcancel* request) const { PQfreeCancel(request); }
  };
  const std::unique_ptr<PGcancel, Free> request(PQgetCancel(handle_.get()));
  std::array<char, 256> words{};
  if (request) PQcancel(request.get(), words.data(), static_cast<int>(words.size()));
}

Result<void> BlockingSession::run_script(std::string_view text) {
  if (text.empty()) return {};
  const Answer answer(PQexec(handle_.get(), std::string(text).c_str()));
  return check(answer.get());
}

}  // namespace croft::postgres
