#include "providers/docker/engine/containers.hpp"

#include "providers/docker/engine/output.hpp"
#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

namespace {

std::vector<std::string> read_warnings(const Value& reply) {
  std::vector<std::string> warnings;
  for (const Value& warning : list_at(reply, "Warnings")) {
    if (warning.is_text()) warnings.push_back(warning.as_text());
  }
  return warnings;
}

const char* flag(bool is_set) { return is_set ? "1" : "0"; }

std::string_view condition_of(WaitFor what) {
  switch (what) {
    case WaitFor::NotRunning:
      return "not-running";
    case WaitFor::NextExit:
      return "next-exit";
    case WaitFor::Removed:
      return "removed";
  }
  return "not-running";
}

/// A call that only changes something: its reply says nothing.
Task<Result<void>> tell(std::shared_ptr<Transport> transport, Call call) {
  CO_TRY(co_await transport->send(std::move(call)));
  co_return Result<void>();
}

Call verb_call(const char* doing, const char* verb, const std::string& container,
               Deadline deadline) {
  return {.doing = doing + (" container " + container),
          .method = "POST",
          .path = path_of("containers", container, verb),
          .deadline = deadline};
}

/// Gives output to the sink until the stream or the sink's wish ends.
Task<Result<void>> pass_on(HttpReply& reply, bool is_raw, OutputSink sink) {
  OutputParser parser;
  for (;;) {
    CO_TRY_ASSIGN(const std::string bytes, co_await reply.read());
    if (bytes.empty()) break;
    if (is_raw) {
      if (!sink(OutputStream::Out, bytes)) co_return Result<void>();
      continue;
    }
    CO_TRY_ASSIGN(const std::vector<OutputParser::Piece> pieces, parser.feed(bytes));
    for (const auto& piece : pieces) {
      if (!sink(piece.stream, piece.bytes)) co_return Result<void>();
    }
  }
  if (is_raw) co_return Result<void>();
  co_return parser.finish();
}

Call logs_call(const ContainerLogs& request, Deadline deadline) {
  Call call{.doing = "reading the log of container " + request.container,
            .path = path_of("containers", request.container, "logs"),
            .query = {{"stdout", flag(request.out)},
                      {"stderr", flag(request.err)},
                      {"follow", flag(request.follow)},
                      {"timestamps", flag(request.timestamps)},
                      {"tail", request.tail ? std::to_string(*request.tail) : "all"}},
            .deadline = deadline};
  if (!request.since.empty()) call.query.emplace_back("since", request.since);
  return call;
}

}  // namespace

Task<Result<Containers::Created>> Containers::create(std::string name, Value config,
                                                     std::string platform,
                                                     Deadline deadline) const {
  Call call{.doing = "creating container " + name,
            .method = "POST",
            .path = "/containers/create",
            .query = {{"name", name}},
            .body = std::move(config),
            .deadline = deadline};
  if (!platform.empty()) call.query.emplace_back("platform", platform);
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  co_return Created{reply.text_or("Id", ""), read_warnings(reply)};
}

Task<Result<Value>> Containers::inspect(std::string container, Deadline deadline) const {
  Call call{.doing = "looking at container " + container,
            .path = path_of("containers", container, "json"),
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> Containers::stats(std::string container, Deadline deadline) const {
  // `one-shot`: without the second sample, for which the Engine would wait a second.
  Call call{.doing = "measuring container " + container,
            .path = path_of("containers", container, "stats"),
            .query = {{"stream", "0"}, {"one-shot", "1"}},
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> Containers::list(Filters filters, Deadline deadline) const {
  Call call{.doing = "listing containers",
            .path = "/containers/json",
            .query = {{"all", "1"}, {"filters", filters_text(filters)}},
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<void>> Containers::start(std::string container, Deadline deadline) const {
  Call call = verb_call("starting", "start", container, deadline);
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::stop(std::string container, std::chrono::seconds grace,
                                    Deadline deadline) const {
  Call call = verb_call("stopping", "stop", container, deadline);
  call.query = {{"t", std::to_string(grace.count())}};
  call.more_time = grace;
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::kill(std::string container, std::string signal,
                                    Deadline deadline) const {
  Call call = verb_call("killing", "kill", container, deadline);
  call.query = {{"signal", signal}};
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::pause(std::string container, Deadline deadline) const {
  Call call = verb_call("pausing", "pause", container, deadline);
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::unpause(std::string container, Deadline deadline) const {
  Call call = verb_call("unpausing", "unpause", container, deadline);
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::remove(std::string container, RemoveContainer how,
                                      Deadline deadline) const {
  Call call{.doing = "removing container " + container,
            .method = "DELETE",
            .path = path_of("containers", container),
            .query = {{"force", flag(how.force)}, {"v", flag(how.volumes)}},
            .deadline = deadline};
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::rename(std::string container, std::string name,
                                      Deadline deadline) const {
  Call call = verb_call("renaming", "rename", container, deadline);
  call.query = {{"name", name}};
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<ContainerExit>> Containers::wait(std::string container, WaitFor what,
                                             Deadline deadline) const {
  Call call = verb_call("waiting for", "wait", container, deadline);
  call.query = {{"condition", std::string(condition_of(what))}};
  // Engines send the head at once and the rest when it has come.
  const Transport::Patience patience{.head_within = transport_->settings().call_timeout};
  const std::string doing = call.doing;
  CO_TRY_ASSIGN(std::unique_ptr<HttpReply> reply,
                co_await transport_->open(std::move(call), patience));
  std::string body;
  ByteSink keep = [&body](std::string piece) -> Task<Result<void>> {
    body += piece;
    co_return Result<void>();
  };
  Result<void> read = co_await drain(std::move(reply), std::move(keep));
  if (!read) co_return fail(std::move(read.error()).while_doing(doing));
  const Result<Value> exit = parse_json(body);
  if (!exit || exit->find("StatusCode") == nullptr) {
    Error error(ErrorCode::Unavailable, "the engine ended the wait without an exit status");
    co_return fail(std::move(error).while_doing(doing));
  }
  co_return ContainerExit{static_cast<int>(exit->integer_or("StatusCode", 0)),
                          exit->text_or("Error.Message", "")};
}

Task<Result<std::vector<std::string>>> Containers::update(std::string container, Value resources,
                                                          Deadline deadline) const {
  Call call = verb_call("updating", "update", container, deadline);
  call.body = std::move(resources);
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  co_return read_warnings(reply);
}

Task<Result<void>> Containers::logs(ContainerLogs request, OutputSink sink,
                                    Deadline deadline) const {
  if (!request.terminal) {
    CO_TRY_ASSIGN(const Value container, co_await inspect(request.container, deadline));
    request.terminal = container.boolean_or("Config.Tty", false);
  }
  Call call = logs_call(request, deadline);
  const std::string doing = call.doing;
  const EngineSettings& settings = transport_->settings();
  const Transport::Patience patience{
      .head_within = settings.call_timeout,
      .quiet = request.follow ? Duration::zero() : settings.call_timeout};
  CO_TRY_ASSIGN(const std::unique_ptr<HttpReply> reply,
                co_await transport_->open(std::move(call), patience));
  co_return while_doing(co_await pass_on(*reply, *request.terminal, std::move(sink)), doing);
}

Task<Result<Value>> Containers::top(std::string container, std::string ps_arguments,
                                    Deadline deadline) const {
  Call call{.doing = "listing the processes of container " + container,
            .path = path_of("containers", container, "top"),
            .deadline = deadline};
  if (!ps_arguments.empty()) call.query = {{"ps_args", ps_arguments}};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<std::unique_ptr<AttachedStream>>> Containers::attach(AttachContainer request,
                                                                 Deadline deadline) const {
  Call call = verb_call("attaching to", "attach", request.container, deadline);
  call.query = {{"stream", "1"},
                {"stdin", flag(request.in)},
                {"stdout", flag(request.out)},
                {"stderr", flag(request.err)},
                {"logs", flag(request.past)}};
  co_return co_await transport_->hijack(std::move(call), request.terminal);
}

Task<Result<void>> Containers::resize(std::string container, int rows, int columns,
                                      Deadline deadline) const {
  Call call = verb_call("resizing the terminal of", "resize", container, deadline);
  call.query = {{"h", std::to_string(rows)}, {"w", std::to_string(columns)}};
  co_return co_await tell(transport_, std::move(call));
}

Task<Result<void>> Containers::get_archive(std::string container, std::string path, ByteSink sink,
                                           Deadline deadline) const {
  Call call{.doing = "reading " + path + " of container " + container,
            .path = path_of("containers", container, "archive"),
            .query = {{"path", path}},
            .deadline = deadline};
  const std::string doing = call.doing;
  const Duration quiet = transport_->settings().quiet_timeout;
  const Transport::Patience patience{.head_within = quiet, .quiet = quiet};
  CO_TRY_ASSIGN(std::unique_ptr<HttpReply> reply,
                co_await transport_->open(std::move(call), patience));
  co_return while_doing(co_await drain(std::move(reply), std::move(sink)), doing);
}

Task<Result<void>> Containers::put_archive(std::string container, std::string path,
                                           ByteSource archive, Deadline deadline) const {
  Call call{.doing = "writing " + path + " of container " + container,
            .method = "PUT",
            .path = path_of("containers", container, "archive"),
            .query = {{"path", path}},
            .source = std::move(archive),
            .deadline = deadline};
  const Transport::Patience patience{.quiet = transport_->settings().quiet_timeout};
  CO_TRY(co_await transport_->open(std::move(call), patience));
  co_return Result<void>();
}

}  // namespace croft::docker
