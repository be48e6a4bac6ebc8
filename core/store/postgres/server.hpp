#pragma once

#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/store/postgres.hpp"
#include "core/store/postgres/link.hpp"

namespace croft::postgres {

/// What everybody who talks to one database shares. On the store's own thread.
class Server {
 public:
  /// `holder` is who writes (lease.hpp).
  Server(asio::any_io_executor executor, Target target, std::string holder, PostgresOptions options)
      : executor_(std::move(executor)),
        target_(std::move(target)),
        holder_(std::move(holder)),
        options_(std::move(options)) {}

  /// Connects on a thread of its own: libpq looks names up and negotiates TLS by calls that block.
  Task<Result<std::unique_ptr<Link>>> connect();
  /// Ends connecting; blocks while a host is being tried.
  void stop() { connecting_.stop(); }

  const asio::any_io_executor& executor() const { return executor_; }
  const Target& target() const { return target_; }
  const std::string& holder() const { return holder_; }
  const PostgresOptions& options() const { return options_; }
  /// How long we wait for the answers to statements: the server should have given up before.
  Duration timeout() const;
  /// What begins a transaction: its time-outs, who writes.
  sql::Statement set_transaction() const;

  /// True if the answer says that statements prepared by name are not found again: they are not
  /// prepared from now on, and the same call will do.
  bool is_unprepared(const Reply& reply);

 private:
  asio::any_io_executor executor_;
  Target target_;
  std::string holder_;
  PostgresOptions options_;
  Preparing preparing_;
  BlockingPool connecting_{2};
};

}  // namespace croft::postgres
