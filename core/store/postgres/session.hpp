#pragma once

#include "core/store/postgres/handle.hpp"

namespace croft::postgres {

/// A connection that blocks, for migrations and tools.
class BlockingSession final : public sql::Session {
 public:
  static Result<std::unique_ptr<BlockingSession>> open(const Target& target);

  sql::Dialect dialect() const override { return sql::Dialect::Postgres; }
  Result<void> execute(std::string_view text, const std::vector<sql::Cell>& cells) override;
  Result<void> query(std::string_view text, const std::vector<sql::Cell>& cells,
                     const sql::RowSink& sink) override;
  Result<void> run_script(std::string_view text) override;

 private:
  BlockingSession(Target target, Handle handle)
      : target_(std::move(target)), handle_(std::move(handle)) {}
  Result<void> check(const PGresult* answer) const;

  Target target_;
  Handle handle_;
};

}  // namespace croft::postgres
