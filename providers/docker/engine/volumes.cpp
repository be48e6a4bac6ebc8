#include "providers/docker/engine/volumes.hpp"

#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

Task<Result<Value>> Volumes::create(Value config, Deadline deadline) const {
  Call call{.doing = "creating volume " + config.text_or("Name", ""),
            .method = "POST",
            .path = "/volumes/create",
            .body = std::move(config),
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> Volumes::inspect(std::string volume, Deadline deadline) const {
  Call call{.doing = "looking at volume " + volume,
            .path = path_of("volumes", volume),
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> Volumes::list(Filters filters, Deadline deadline) const {
  Call call{.doing = "listing volumes",
            .path = "/volumes",
            .query = {{"filters", filters_text(filters)}},
            .deadline = deadline};
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  co_return Value(list_at(reply, "Volumes"));
}

Task<Result<void>> Volumes::remove(std::string volume, bool force, Deadline deadline) const {
  Call call{.doing = "removing volume " + volume,
            .method = "DELETE",
            .path = path_of("volumes", volume),
            .query = {{"force", force ? "1" : "0"}},
            .deadline = deadline};
  CO_TRY(co_await transport_->send(std::move(call)));
  co_return Result<void>();
}

}  // namespace croft::docker
