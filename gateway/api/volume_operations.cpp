#include <algorithm>

#include "gateway/api/json_forms.hpp"
#include "gateway/api/operation.hpp"
#include "gateway/api/volume_pipe.hpp"

namespace croft::operations {

namespace {

Result<TransferRequest> transfer_request(const Call& call) {
  TransferRequest request;
  TRY_ASSIGN(request.ref, named_ref(call));
  request.volume = call.query.text_or("volume", "");
  request.quiesce = call.query.boolean_or("quiesce", false);
  request.by = call.who.name;
  return request;
}

Task<> run_export(Engine& engine, TransferRequest request, std::shared_ptr<VolumePipe> pipe) {
  ByteSink sink = [pipe](std::string piece) { return pipe->put(std::move(piece)); };
  const Result<void> done = co_await engine.export_volume(std::move(request), std::move(sink));
  pipe->end(done ? std::nullopt : std::optional(done.error()));
}

Task<> stream_archive(const OpenVolume& volume, BodyWriter& writer) {
  writer.on_close([&volume] { volume->close(); });
  for (;;) {
    co_await volume->wait();
    std::optional<std::string> piece = volume->take();
    if (!piece) break;
    const bool goes_on = co_await writer.write(std::move(*piece));
    if (!goes_on) co_return;
  }
  // Whoever reads it must not take half a volume for a whole one.
  if (volume->error()) writer.abort();
}

}  // namespace

Task<Result<HttpResponse>> volumes(Service& service, Call call) {
  CO_TRY_ASSIGN(const std::optional<std::string> tenant, listed_tenant(call));
  std::vector<VolumeStatus> volumes = service.parts.engine.volumes(tenant.value_or(""));
  std::erase_if(volumes,
                [&](const VolumeStatus& volume) { return tenant && volume.ref.tenant != *tenant; });
  co_return json_response(to_list_form("volumes", volumes));
}

Task<Result<HttpResponse>> export_volume(Service& service, Call call) {
  CO_TRY_ASSIGN(TransferRequest request, transfer_request(call));
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto pipe = std::make_shared<VolumePipe>(executor);
  const auto volume = std::make_shared<OpenVolume>(pipe);
  spawn(executor, run_export(service.parts.engine, std::move(request), pipe), "volume export");
  // The head of the answer waits for the first piece, so that an error comes as a status.
  co_await pipe->wait();
  if (pipe->has_ended() && pipe->error()) co_return fail(*pipe->error());
  HttpResponse response;
  response.headers.set("Content-Type", "application/x-tar");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.stream = [volume](BodyWriter& writer) { return stream_archive(*volume, writer); };
  co_return response;
}

Task<Result<HttpResponse>> import_volume(Service& service, Call call) {
  CO_TRY_ASSIGN(TransferRequest request, transfer_request(call));
  if (!call.source) co_return fail(ErrorCode::Invalid, "the body has to be a tar archive");
  CO_TRY(co_await service.parts.engine.import_volume(std::move(request), std::move(call.source)));
  co_return empty_response();
}

Task<Result<HttpResponse>> erase_volumes(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref ref, named_ref(call));
  CO_TRY(co_await service.parts.engine.erase_volumes(std::move(ref), call.who.name));
  co_return empty_response();
}

}  // namespace croft::operations
