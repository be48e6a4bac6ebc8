#pragma once

#include <memory>
#include <vector>

#include "core/store/postgres/server.hpp"

namespace croft::postgres {

/// Connections that read, made when they are needed, so many at most. On the store's thread.
class Readers {
 public:
  explicit Readers(Server& server)
      : server_(server), permits_(server.executor(), server.options().readers) {}

  /// The rows of one statement. Tries again on another connection while the server is away.
  Task<Result<Answer>> read(sql::Statement statement);

 private:
  Task<Result<std::unique_ptr<Link>>> take_link();

  Server& server_;
  Semaphore permits_;
  std::vector<std::unique_ptr<Link>> idle_;
};

}  // namespace croft::postgres
