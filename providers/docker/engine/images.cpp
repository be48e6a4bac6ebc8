#include "providers/docker/engine/images.hpp"

#include <algorithm>

#include "core/base/base64.hpp"
#include "providers/docker/engine/engine_error.hpp"
#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

namespace {

/// The slashes of an image's name are path separators to engines.
std::string image_path(std::string_view image, std::string_view verb) {
  std::string path = "/images";
  while (true) {
    const std::size_t end = image.find('/');
    path += "/" + percent_encode(image.substr(0, end));
    if (end == std::string_view::npos) break;
    image.remove_prefix(end + 1);
  }
  return verb.empty() ? path : path + "/" + std::string(verb);
}

/// "host:5000/a/b:tag" as name and tag; a digest stands where the tag would.
std::pair<std::string, std::string> split_reference(const std::string& image) {
  const std::size_t at = image.find('@');
  if (at != std::string::npos) return {image.substr(0, at), image.substr(at + 1)};
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.find(':', slash == std::string::npos ? 0 : slash);
  if (colon == std::string::npos) return {image, "latest"};
  return {image.substr(0, colon), image.substr(colon + 1)};
}

Value login_value(const RegistryLogin& login) {
  if (!login.identity_token.reveal().empty()) {
    return Value::map(
        {{"identitytoken", login.identity_token.reveal()}, {"serveraddress", login.server}});
  }
  return Value::map({{"username", login.user},
                     {"password", login.password.reveal()},
                     {"serveraddress", login.server}});
}

std::string url_base64(const std::string& text) {
  std::string out = to_base64(text);
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

void log_in(Call& call, const RegistryLogin& login) {
  if (login.is_empty()) return;
  call.headers.set("X-Registry-Auth", url_base64(to_json(login_value(login))));
}

struct Told {
  std::string error;
  std::string id;  // of what was made
};

void take(const Progress& progress, Told& told, const ProgressSink& sink) {
  if (!progress.error.empty()) told.error = progress.error;
  const std::string id = progress.aux.text_or("ID", "");
  if (!id.empty()) told.id = id;
  if (progress.aux.is_null() && progress.status.starts_with("sha256:")) told.id = progress.status;
  if (sink) sink(progress);
}

/// Sends it and reads what it tells to the end; an error that is told is one.
Task<Result<std::string>> follow(std::shared_ptr<Transport> transport, Call call,
                                 ProgressSink sink) {
  const std::string doing = call.doing;
  const Duration quiet = transport->settings().quiet_timeout;
  const Duration head = call.source ? Duration::zero() : quiet;
  const Transport::Patience patience{.head_within = head, .quiet = quiet};
  CO_TRY_ASSIGN(const std::unique_ptr<HttpReply> reply,
                co_await transport->open(std::move(call), patience));
  ProgressParser parser;
  Told told;
  for (bool goes_on = true; goes_on;) {
    Result<std::string> piece = co_await reply->read();
    if (!piece) co_return fail(std::move(piece.error()).while_doing(doing));
    goes_on = !piece->empty();
    auto messages = goes_on ? parser.feed(*piece) : parser.finish();
    if (!messages) co_return fail(std::move(messages.error()).while_doing(doing));
    for (const Progress& progress : *messages) take(progress, told, sink);
  }
  if (!told.error.empty()) co_return fail(stream_error(told.error, doing));
  co_return told.id;
}

Value text_map(const std::map<std::string, std::string>& from) {
  Value map = Value::map();
  for (const auto& [key, value] : from) map.set(key, value);
  return map;
}

/// Of Docker's own client: X-Registry-Config is a map of servers.
void log_in_everywhere(Call& call, const std::vector<RegistryLogin>& logins) {
  if (logins.empty()) return;
  Value map = Value::map();
  for (const RegistryLogin& login : logins) map.set(login.server, login_value(login));
  call.headers.set("X-Registry-Config", url_base64(to_json(map)));
}

void limit(Call& call, const BuildImage& request) {
  const auto add = [&](const char* name, std::int64_t value) {
    if (value != 0) call.query.emplace_back(name, std::to_string(value));
  };
  add("memory", request.memory);
  add("memswap", request.memory_swap);
  add("cpuperiod", request.cpu_period);
  add("cpuquota", request.cpu_quota);
  add("shmsize", request.shm);
  if (request.processes != 0) {
    const Value::List limits{
        Value::map({{"Name", "nproc"}, {"Soft", request.processes}, {"Hard", request.processes}})};
    call.query.emplace_back("ulimits", to_json(Value(limits)));
  }
}

Call build_call(const BuildImage& request, ByteSource context, Deadline deadline) {
  Call call{.doing = "building " + (request.tag.empty() ? "an image" : "image " + request.tag),
            .method = "POST",
            .path = "/build",
            .query = {{"dockerfile", request.dockerfile},
                      {"buildargs", to_json(text_map(request.arguments))},
                      {"labels", to_json(text_map(request.labels))},
                      {"rm", "1"},
                      {"forcerm", "1"},
                      {"version", "1"}},
            .source = std::move(context),
            .deadline = deadline};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) call.query.emplace_back(name, value);
  };
  add("t", request.tag);
  add("target", request.target);
  add("networkmode", request.network);
  add("platform", request.platform);
  add("cgroupparent", request.cgroup_parent);
  if (request.pull) add("pull", "1");
  if (request.no_cache) add("nocache", "1");
  if (!request.cache_from.empty()) add("cachefrom", to_json(texts(request.cache_from)));
  for (const std::string& host : request.extra_hosts) add("extrahosts", host);
  limit(call, request);
  log_in_everywhere(call, request.logins);
  return call;
}

}  // namespace

Task<Result<Value>> Images::inspect(std::string image, Deadline deadline) const {
  Call call{.doing = "looking at image " + image,
            .path = image_path(image, "json"),
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> Images::list(Filters filters, Deadline deadline) const {
  Call call{.doing = "listing images",
            .path = "/images/json",
            .query = {{"filters", filters_text(filters)}},
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<void>> Images::pull(std::string image, RegistryLogin login, ProgressSink sink,
                                std::string platform, Deadline deadline) const {
  const auto [name, tag] = split_reference(image);
  Call call{.doing = "pulling image " + image,
            .method = "POST",
            .path = "/images/create",
            .query = {{"fromImage", name}, {"tag", tag}},
            .deadline = deadline};
  if (!platform.empty()) call.query.emplace_back("platform", platform);
  log_in(call, login);
  CO_TRY(co_await follow(transport_, std::move(call), std::move(sink)));
  co_return Result<void>();
}

Task<Result<void>> Images::push(std::string image, RegistryLogin login, ProgressSink sink,
                                Deadline deadline) const {
  const auto [name, tag] = split_reference(image);
  Call call{.doing = "pushing image " + image,
            .method = "POST",
            .path = image_path(name, "push"),
            .query = {{"tag", tag}},
            .deadline = deadline};
  // Engines want the header even of nobody in particular.
  call.headers.set("X-Registry-Auth", url_base64("{}"));
  log_in(call, login);
  CO_TRY(co_await follow(transport_, std::move(call), std::move(sink)));
  co_return Result<void>();
}

Task<Result<std::string>> Images::registry_digest(std::string image, RegistryLogin login,
                                                  Deadline deadline) const {
  Call call{.doing = "asking the registry for image " + image,
            .path = "/distribution" + image_path(image, "json").substr(sizeof("/images") - 1),
            .deadline = deadline};
  log_in(call, login);
  const std::string doing = call.doing;
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  std::string digest = reply.text_or("Descriptor.digest", "");
  if (!digest.empty()) co_return digest;
  Error error(ErrorCode::Invalid, "the registry names no digest");
  co_return fail(std::move(error).while_doing(doing));
}

Task<Result<std::string>> Images::build(BuildImage request, ByteSource context, ProgressSink sink,
                                        Deadline deadline) const {
  Call call = build_call(request, std::move(context), deadline);
  const std::string doing = call.doing;
  CO_TRY_ASSIGN(std::string id, co_await follow(transport_, std::move(call), std::move(sink)));
  if (!id.empty()) co_return id;
  Error error(ErrorCode::Unavailable, "the engine ended the build without an image");
  co_return fail(std::move(error).while_doing(doing));
}

Task<Result<std::string>> Images::import(std::string image, std::vector<std::string> changes,
                                         ByteSource archive, Deadline deadline) const {
  const auto [name, tag] = split_reference(image);
  Call call{.doing = "importing image " + image,
            .method = "POST",
            .path = "/images/create",
            .query = {{"fromSrc", "-"}, {"repo", name}, {"tag", tag}},
            .source = std::move(archive),
            .deadline = deadline};
  for (const std::string& change : changes) call.query.emplace_back("changes", change);
  CO_TRY(co_await follow(transport_, std::move(call), nullptr));
  CO_TRY_ASSIGN(const Value made, co_await inspect(image, deadline));
  co_return made.text_or("Id", "");
}

Task<Result<void>> Images::tag(std::string image, std::string name, Deadline deadline) const {
  const auto [repository, tag] = split_reference(name);
  Call call{.doing = "naming image " + image + " " + name,
            .method = "POST",
            .path = image_path(image, "tag"),
            .query = {{"repo", repository}, {"tag", tag}},
            .deadline = deadline};
  CO_TRY(co_await transport_->send(std::move(call)));
  co_return Result<void>();
}

Task<Result<void>> Images::remove(std::string image, bool force, Deadline deadline) const {
  Call call{.doing = "removing image " + image,
            .method = "DELETE",
            .path = image_path(image, ""),
            .query = {{"force", force ? "1" : "0"}},
            .deadline = deadline};
  CO_TRY(co_await transport_->send(std::move(call)));
  co_return Result<void>();
}

Task<Result<Value>> Images::prune(Filters filters, Deadline deadline) const {
  Call call{.doing = "removing images that nothing uses",
            .method = "POST",
            .path = "/images/prune",
            .query = {{"filters", filters_text(filters)}},
            .more_time = transport_->settings().quiet_timeout,
            .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

}  // namespace croft::docker
