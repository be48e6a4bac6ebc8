#include <algorithm>

#include "gateway/api/exec_frames.hpp"
#include "gateway/api/exec_pump.hpp"
#include "gateway/api/operation.hpp"
#include "reconciler/command_words.hpp"

namespace croft::operations {

namespace {

std::vector<std::string> texts_of(const Value* list) {
  std::vector<std::string> texts;
  if (list == nullptr || !list->is_list()) return texts;
  for (const Value& text : list->as_list()) texts.push_back(text.as_text());
  return texts;
}

bool has_zero_byte(const std::string& text) { return text.find('\0') != std::string::npos; }

Result<ExecRequest> exec_request(const Value& body) {
  ExecRequest request;
  request.command = texts_of(body.find("command"));
  request.working_dir = body.text_or("workingDir", "");
  request.terminal = body.boolean_or("terminal", false);
  request.rows = static_cast<int>(body.integer_or("rows", request.rows));
  request.columns = static_cast<int>(body.integer_or("columns", request.columns));
  bool is_broken =
      std::ranges::any_of(request.command, has_zero_byte) || has_zero_byte(request.working_dir);
  for (const std::string& entry : texts_of(body.find("env"))) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorCode::Invalid, "in the body: 'env' has to hold texts NAME=VALUE");
    is_broken = is_broken || has_zero_byte(entry);
    request.env[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  if (is_broken) return fail(ErrorCode::Invalid, "in the body: a text holds a zero byte");
  if (!request.command.empty() && request.command.front().empty())
    return fail(ErrorCode::Invalid, "in the body: the command has no name");
  return request;
}

bool asks_for_protocol(const HttpHeaders& headers) {
  return headers.value_or("Upgrade", "") == kExecProtocol;
}

}  // namespace

Task<Result<HttpResponse>> exec(Service& service, Call call) {
  CO_TRY_ASSIGN(Ref ref, named_ref(call));
  if (!asks_for_protocol(call.headers)) {
    co_return fail(Error(ErrorCode::Invalid, "this needs a connection that leaves HTTP")
                       .with_hint("send 'Connection: Upgrade' and 'Upgrade: croft-exec'; `croft "
                                  "exec` does"));
  }
  CO_TRY_ASSIGN(ExecRequest request, exec_request(call.body));
  CO_TRY_ASSIGN(
      std::unique_ptr<ExecSession> opened,
      co_await service.parts.engine.open_exec(std::move(ref), std::move(request), call.who.name));
  HttpResponse response;
  response.status = 101;
  response.headers.set("Connection", "Upgrade");
  response.headers.set("Upgrade", std::string(kExecProtocol));
  // If the connection breaks before it runs, the session goes with the response.
  const auto session = std::make_shared<std::unique_ptr<ExecSession>>(std::move(opened));
  const Duration heartbeat = service.settings.heartbeat;
  response.upgraded = [session, heartbeat](ByteStream& link) {
    return pump_exec(std::move(*session), link, heartbeat);
  };
  co_return response;
}

Value exec_for_audit(const Value& body) {
  Value shown = body;
  Value command = Value::list();
  for (std::string& word : without_secrets(texts_of(body.find("command"))))
    command.push_back(std::move(word));
  shown.set("command", std::move(command));
  Value names = Value::list();
  for (const std::string& entry : texts_of(body.find("env")))
    names.push_back(entry.substr(0, entry.find('=')));
  shown.set("env", std::move(names));
  return shown;
}

}  // namespace croft::operations
