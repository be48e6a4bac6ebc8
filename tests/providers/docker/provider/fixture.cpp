#include "tests/providers/docker/provider/fixture.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/id.hpp"
#include "core/resource/resource.hpp"

namespace croft {

namespace {

using std::chrono::steady_clock;

}  // namespace

void DockerTest::SetUp() {
  if (!problem_.empty()) GTEST_SKIP() << problem_;
  directory_.emplace(TemporaryDirectory::make("croft-docker-test-").value());
  settings_.data = directory_->path() / "data";
  settings_.name = "test";
  settings_.host = DockerEngine::shared().host();
  settings_.image_check_every = Duration(0);
  settings_.has_local_images = true;  // "busybox:test" is at no registry
  adjust(settings_);
  restart_croft();
}

void DockerTest::TearDown() {
  if (!directory_) return;
  provider_.reset();
  io_.restart();
  io_.poll();
  const Result<int> cleared = docker::clear(settings_);
  EXPECT_TRUE(cleared) << cleared.error().describe();
  const std::string host = settings_.host;
  (void)run_child(
      {.arguments = {"sh", "-c",
                     fmt::format("docker --host {0} volume ls -q | grep ^croft_ | xargs "
                                 "-r docker --host {0} volume rm -f",
                                 host)}});
}

void DockerTest::restart_croft() {
  provider_.reset();
  io_.restart();
  io_.poll();
  auto made = docker::make_provider(settings_, io_.get_executor(), pool_, clock_);
  ASSERT_TRUE(made) << made.error().describe();
  provider_ = std::move(*made);
  provider_->on_change([this](const std::string& uid) { changes_.push_back(uid); });
  provider_->on_news([this](ProviderNews news) { news_.push_back(std::move(news)); });
}

Value DockerTest::shell(const std::string& script) const {
  Value spec = Value::map({{"image", "busybox:test"}});
  spec.set("command", Value(Value::List{"/bin/sh", "-c", Value(script)}));
  spec.set("resources", Value::map({{"memory", 32 << 20}, {"cpu", 500}, {"pids", 64}}));
  spec.set("grace", 1000);
  return spec;
}

Value DockerTest::service(const std::string& script) const { return shell(script); }

Value DockerTest::web(const std::string& text) const {
  Value spec = shell(fmt::format(
      "mkdir -p /tmp/www; echo -n '{}' >/tmp/www/index.html; exec busybox httpd -f -p 8080 -h "
      "/tmp/www",
      text));
  spec.set("http", Value::map({{"port", 8080}}));
  return spec;
}

std::string DockerTest::uid_of(const Ref& ref) { return sha256_hex(to_string(ref)).substr(0, 26); }

Effect DockerTest::order(const Ref& ref, const std::string& tenant) {
  Effect effect;
  effect.intent = fmt::format("intent-{}", ++intents_);
  effect.uid = uid_of(ref);
  effect.ref = ref;
  effect.tenant = {sha256_hex("tenant " + tenant).substr(0, 26), tenant, 1};
  effect.allow_egress = allow_egress_;
  effect.source = source_;
  effect.files = source_;
  effect.deadline = deadline_;
  return effect;
}

Effect DockerTest::effect(const Ref& ref, const Value& spec, const std::string& tenant) {
  Effect effect = order(ref, tenant);
  auto normal = provider_->normalize(ref, spec);
  EXPECT_TRUE(normal) << normal.error().describe();
  if (!normal) return effect;
  effect.spec_digest = spec_digest(*normal);
  effect.spec = std::make_shared<const Value>(std::move(*normal));
  return effect;
}

Result<void> DockerTest::create(const Ref& ref, const Value& spec, const std::string& tenant) {
  return await(provider_->create(effect(ref, spec, tenant)));
}

Result<void> DockerTest::update(const Ref& ref, const Value& spec, const std::string& tenant) {
  return await(provider_->update(effect(ref, spec, tenant)));
}

Result<void> DockerTest::destroy(const Ref& ref, DataPolicy data) {
  return await(provider_->destroy(order(ref), data));
}

std::vector<Observed> DockerTest::observe() {
  auto all = await(provider_->observe());
  EXPECT_TRUE(all) << all.error().describe();
  return all ? std::move(*all) : std::vector<Observed>();
}

std::optional<Observed> DockerTest::seen(const Ref& ref) {
  std::vector<Observed> all = observe();
  const auto found = std::ranges::find(all, uid_of(ref), &Observed::uid);
  if (found == all.end()) return std::nullopt;
  return *found;
}

bool DockerTest::eventually(const std::function<bool()>& claim, Duration limit) {
  const auto until = steady_clock::now() + limit;
  while (!claim()) {
    if (steady_clock::now() > until) return false;
    io_.restart();
    io_.run_for(std::chrono::milliseconds(20));
  }
  return true;
}

bool DockerTest::becomes(const Ref& ref, Phase phase) {
  std::optional<Observed> last;
  const bool did = eventually([&] {
    last = seen(ref);
    return last && last->phase == phase;
  });
  if (!did && last)
    ADD_FAILURE() << to_string(ref) << " is " << to_string(last->phase) << " " << last->reason
                  << " " << last->message;
  return did;
}

std::string DockerTest::log_of(const Ref& ref, int lines) {
  const auto text = std::make_shared<std::string>();
  LogRequest request{.uid = uid_of(ref), .last_lines = lines};
  LogSink sink = [text](std::string_view more) {
    *text += more;
    return true;
  };
  const auto done = await(provider_->logs(std::move(request), std::move(sink)));
  return done ? *text : "error: " + done.error().describe();
}

bool DockerTest::says(const Ref& ref, const std::string& text) {
  std::string all;
  const bool did = eventually([&] {
    all = log_of(ref);
    return all.find(text) != std::string::npos;
  });
  if (!did) ADD_FAILURE() << "'" << text << "' is not in its log:\n" << all;
  return did;
}

std::string DockerTest::get(const Ref& ref) {
  const std::optional<Observed> one = seen(ref);
  if (!one || one->endpoint.address.empty()) return "error: no endpoint";
  const auto output = run_child(
      {.arguments = {"curl", "-s", "--max-time", "3", "http://" + one->endpoint.address}});
  return output && output->status == 0 ? output->output : "error: no answer";
}

int DockerTest::exec(const Ref& ref, const std::string& script) {
  std::vector<std::string> command{"/bin/sh", "-c", script};
  const auto status = await(provider_->exec(uid_of(ref), std::move(command), Duration(15'000)));
  EXPECT_TRUE(status) << status.error().describe();
  return status ? *status : -1;
}

std::string DockerTest::docker(std::vector<std::string> arguments) {
  const auto said = DockerEngine::shared().docker(std::move(arguments));
  EXPECT_TRUE(said) << said.error().describe();
  return said ? *said : std::string();
}

std::string DockerTest::container_of(const Ref& ref) {
  std::string ids =
      docker({"ps", "-aq", "--no-trunc", "--filter", "label=croft.uid=" + uid_of(ref)});
  if (const std::size_t end = ids.find('\n'); end != std::string::npos) ids.resize(end);
  return ids;
}

std::string DockerTest::engine_starts() {
  try {
    DockerEngine::shared();
  } catch (const std::exception& problem) {
    return problem.what();
  }
  return "";
}

bool DockerTest::has_news(const std::string& reason) const {
  return std::ranges::find(news_, reason, &ProviderNews::reason) != news_.end();
}

}  // namespace croft
