#include "providers/docker/engine/networks.hpp"

#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

namespace {

Task<Result<void>> tell(std::shared_ptr<Transport> transport, Call call) {
  CO_TRY(co_await transport->send(std::move(call)));
  co_return Result<void>();
}

}  // namespace

Task<Result<std::string>> Networks::create(Value config, Deadline deadline) const {
  Call call{.doing = "creating network " + config.text_or("Name", ""),
            .method = "POST",
            .path = "/networks/create",
            .body = std::move(config),
            .deadline = deadline};
  // Else two calls at once make two networks of one name. Engines since 25 always look.
  call.body.set("CheckDuplicate", true);
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  co_return reply.text_or("Id", "");
}

Task<Result<Value>> Networks::inspect(std::string network, Deadline deadline) const {
  Call call{.doing = "looking at network " + network,
            .path = path_of("networks", network),
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> Networks::list(Filters filters, Deadline deadline) const {
  Call call{.doing = "listing networks",
            .path = "/networks",
            .query = {{"filters", filters_text(filters)}},
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<void>> Networks::remove(std::string network, Deadline deadline) const {
  Call call{.doing = "removing network " + network,
            .method = "DELETE",
            .path = path_of("networks", network),
            .deadline = deadline};
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Networks::connect(std::string network, std::string container, Value endpoint,
                                     Deadline deadline) const {
  Value body = Value::map({{"Container", container}});
  if (!endpoint.is_null()) body.set("EndpointConfig", std::move(endpoint));
  Call call{.doing = "connecting container " + container + " to network " + network,
            .method = "POST",
            .path = path_of("networks", network, "connect"),
            .body = std::move(body),
            .deadline = deadline};
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Networks::disconnect(std::string network, std::string container, bool force,
                                        Deadline deadline) const {
  Value body = Value::map({{"Container", container}, {"Force", force}});
  Call call{.doing = "disconnecting container " + container + " from network " + network,
            .method = "POST",
            .path = path_of("networks", network, "disconnect"),
            .body = std::move(body),
            .deadline = deadline};
  co_return co_await tell(transport_, std::move(call));
}

}  // namespace croft::docker
