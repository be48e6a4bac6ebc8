#include "core/store/tools/copy.hpp"

#include <fmt/format.h>

#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::store_tools {

namespace {

Result<void> compare(const std::vector<TableSum>& given, const std::vector<TableSum>& kept) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] == kept[i]) continue;
    return fail(ErrorCode::Internal,
                fmt::format("the table {} reads back as something else: {} rows were written, {} "
                            "are there, hash {} became {}",
                            given[i].table, given[i].rows, kept[i].rows,
                            given[i].sha256.substr(0, 12), kept[i].sha256.substr(0, 12)));
  }
  return {};
}

/// The sums of what is there, if a daemon could work with it.
Result<std::vector<TableSum>> read_back(sql::Session& session) {
  std::vector<Problem> problems;
  const auto take = [&problems](Problem problem) { problems.push_back(std::move(problem)); };
  TRY_ASSIGN(std::vector<TableSum> sums, examine_rows(session, take));
  if (problems.empty()) return sums;
  return fail(
      Error(ErrorCode::Invalid,
            fmt::format(
                "{}{}", to_string(problems.front()),
                problems.size() == 1 ? "" : fmt::format(", and {} more", problems.size() - 1)))
          .with_hint("mend it where it comes from; `croft store check` lists all of it"));
}

Result<std::vector<TableSum>> write_all(Held& target, const RowSource& source) {
  TRY(target.begin());
  sql::Session& session = target.session();
  TRY(session.execute(sql::kEraseCounters, {}));
  Sums given;
  RowWriter writer(session);
  const auto take = [&](const TableRow& row) {
    given.add(row);
    return writer.add(row);
  };
  TRY(source(take));
  TRY(writer.finish());
  TRY_ASSIGN(std::vector<TableSum> kept, read_back(session));
  TRY(compare(given.all(), kept));
  return kept;
}

}  // namespace

Result<std::vector<TableSum>> fill_store(Held& target, const RowSource& source) {
  TRY_ASSIGN(std::vector<TableSum> sums, write_all(target, source));
  TRY(while_doing(target.commit(), "committing what was written"));
  return sums;
}

Result<std::vector<TableSum>> copy_store(const Place& from, const Place& to) {
  TRY_ASSIGN(const auto source, while_doing(Held::take(from), "taking " + from.name));
  TRY_ASSIGN(const std::int64_t version, sql::find_schema_version(source->session()));
  TRY(check_rows_known(version, from));
  TRY_ASSIGN(const auto target, while_doing(Held::take_empty(to), "taking " + to.name));
  TRY(source->begin());
  const auto read = [&source](const RowTaker& taker) {
    return read_rows(source->session(), taker);
  };
  return while_doing(fill_store(*target, read), "copying to " + to.name);
}

}  // namespace croft::store_tools
