#include "core/store/postgres/lease.hpp"

#include <array>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/id.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::postgres {

namespace {

using sql::Cell;

struct Writer {
  std::string holder;
  std::int64_t epoch = 0;
  std::string description;
  Duration silent_for{};
};

Result<Writer> read_writer(sql::Session& session) {
  Writer writer;
  const auto read = [&writer](const sql::Row& row) -> Result<void> {
    writer = {std::string(row.text(0)), row.integer(1), std::string(row.text(2)),
              Duration(row.integer(3))};
    return {};
  };
  TRY(session.query(sql::kReadWriter, {}, read));
  return writer;
}

Result<Lease> take_row(sql::Session& session, const std::string& holder,
                       const std::string& description, Duration lease) {
  TRY_ASSIGN(const Writer writer, read_writer(session));
  if (writer.holder != holder && writer.silent_for < lease) {
    return fail(Error(ErrorCode::Unavailable,
                      fmt::format("another croft writes to this database: {}, last seen {} s ago",
                                  writer.description, writer.silent_for.count() / 1000))
                    .with_hint(fmt::format("stop it, or give this one a database of its own; one "
                                           "that has died makes room after {} s",
                                           lease.count() / 1000)));
  }
  const Lease taken{holder, writer.epoch + 1, description};
  TRY(session.execute(sql::kTakeWriter, {Cell(holder), Cell(taken.epoch), Cell(description)}));
  return taken;
}

}  // namespace

Result<Lease> take_lease(sql::Session& session, const std::string& holder,
                         const std::string& description, Duration lease) {
  TRY(session.execute(sql::kBegin, {}));
  TRY(session.execute(sql::kSetTransaction, {Cell("30s"), Cell("10s"), Cell(holder)}));
  Result<Lease> taken = take_row(session, holder, description, lease);
  const Result<void> ended = session.execute(taken ? sql::kCommit : sql::kRollback, {});
  if (taken && !ended) return fail(ended.error());
  return taken;
}

Result<void> hold_lease(sql::Session& session, const Lease& lease) {
  TRY_ASSIGN(const Writer writer, read_writer(session));
  if (writer.holder == lease.holder && writer.epoch == lease.epoch) return {};
  return fail(
      Error(ErrorCode::Conflict, "another croft writes to this database now: " + writer.description)
          .with_hint("stop it, and try again"));
}

Result<void> release_lease(sql::Session& session, const Lease& lease) {
  return session.execute(sql::kReleaseWriter, {Cell(lease.holder), Cell(lease.epoch)});
}

std::string describe_this_process() {
  std::array<char, 256> name{};
  (void)::gethostname(name.data(), name.size() - 1);
  return fmt::format("host {}, pid {}, run {}", name.data(), ::getpid(),
                     SystemRandom().id().substr(0, 6));
}

}  // namespace croft::postgres
