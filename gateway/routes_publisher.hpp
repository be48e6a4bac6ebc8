#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/async.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// Keeps the edge's route snapshot what Engine::routes() says: a file that is replaced in one step
/// whenever the routes really differ, each with a larger generation than any before it, over
/// restarts too. Make it after Engine::start(), so that a control that knows nothing yet never
/// takes the routes away from traffic. A write that fails is logged and tried again.
class RoutesPublisher {
 public:
  /// The engine outlives it. `own` are hosts of Croft's, which no resource takes over.
  RoutesPublisher(Engine& engine, std::filesystem::path file, const asio::any_io_executor& executor,
                  std::vector<Engine::HostRoute> own = {});
  ~RoutesPublisher();
  RoutesPublisher(const RoutesPublisher&) = delete;
  RoutesPublisher& operator=(const RoutesPublisher&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace croft
