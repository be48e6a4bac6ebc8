#include "providers/docker/engine/execs.hpp"

#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

Task<Result<std::string>> Execs::create(ExecCommand command, Deadline deadline) const {
  Value body = Value::map({{"AttachStdin", command.input},
                           {"AttachStdout", true},
                           {"AttachStderr", true},
                           {"Tty", command.terminal},
                           {"Cmd", texts(command.command)},
                           {"Env", texts(command.env)}});
  if (!command.working_dir.empty()) body.set("WorkingDir", command.working_dir);
  if (!command.user.empty()) body.set("User", command.user);
  Call call{.doing = "preparing a command in container " + command.container,
            .method = "POST",
            .path = path_of("containers", command.container, "exec"),
            .body = std::move(body),
            .deadline = deadline};
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  co_return reply.text_or("Id", "");
}

Task<Result<std::unique_ptr<AttachedStream>>> Execs::start(std::string exec, bool terminal,
                                                           Deadline deadline) const {
  Value body = Value::map({{"Detach", false}, {"Tty", terminal}});
  Call call{.doing = "starting a command in a container",
            .method = "POST",
            .path = path_of("exec", exec, "start"),
            .body = std::move(body),
            .deadline = deadline};
  co_return co_await transport_->hijack(std::move(call), terminal);
}

Task<Result<void>> Execs::resize(std::string exec, int rows, int columns, Deadline deadline) const {
  Call call{.doing = "resizing a command's terminal",
            .method = "POST",
            .path = path_of("exec", exec, "resize"),
            .query = {{"h", std::to_string(rows)}, {"w", std::to_string(columns)}},
            .deadline = deadline};
  CO_TRY(co_await transport_->send(std::move(call)));
  co_return Result<void>();
}

Task<Result<Value>> Execs::inspect(std::string exec, Deadline deadline) const {
  Call call{.doing = "asking for a command's exit status",
            .path = path_of("exec", exec, "json"),
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

}  // namespace croft::docker
