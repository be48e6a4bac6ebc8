#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/id.hpp"
#include "core/base/secret.hpp"
#include "core/secret/operator_secrets.hpp"
#include "gateway/receivers/hook_table.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// The installation's key that ids of hooks are made of: a file that is made at the first call.
Result<Secret<std::string>> hook_key(const std::filesystem::path& file, RandomSource& random);

/// What the publisher reads, and where it writes.
struct HookFiles {
  std::filesystem::path table;
  const secret::OperatorSecrets& secrets;  ///< what hooks are proven with; outlives the publisher
  std::filesystem::path data;  ///< whose directory in memory holds those that are no files yet
};

/// What the sources declare, as the hooks role needs it; where secrets lie is still empty. Pure.
HookTable hook_table_of(const std::vector<SourceStatus>& sources, const Secret<std::string>& key);

/// Keeps the hooks role's table what Engine::sources() says: a file that is replaced in one step
/// whenever it really differs. The role cannot open Secrets: those that hooks need are put into
/// memory for it. A write that fails is logged and tried at the next change.
class HooksPublisher {
 public:
  /// The engine outlives it.
  HooksPublisher(Engine& engine, HookFiles files, Secret<std::string> key,
                 const asio::any_io_executor& executor);
  ~HooksPublisher();
  HooksPublisher(const HooksPublisher&) = delete;
  HooksPublisher& operator=(const HooksPublisher&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace croft
