#pragma once

#include "core/store/postgres/handle.hpp"

namespace croft::postgres {

/// A connection that blocks, for migrations and tools. Rows are handed over as they come, so that a
/// large answer is never in memory whole.
class BlockingSession final : public sql::Session {
 public:
  static Result<std::unique_ptr<BlockingSession>> open(const Target& target,
                                                       Access access = Access::Write);

  sql::Dialect dialect() const override { return sql::Dialect::Postgres; }
  Result<void> execute(std::string_view text, const std::vector<sql::Cell>& cells) override;
  Result<void> query(std::string_view text, const std::vector<sql::Cell>& cells,
                     const sql::RowSink& sink) override;
  Result<void> run_script(std::string_view text) override;

 private:
  BlockingSession(Target target, Handle handle)
      : target_(std::move(target)), handle_(std::move(handle)) {}
  Result<void> check(const PGresult* answer) const;
  Result<void> lost() const;
  void cancel() const;

  Target target_;
  Handle handle_;
};

}  // namespace croft::postgres
