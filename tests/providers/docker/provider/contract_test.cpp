#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/contract/provider_contract.hpp"
#include "tests/providers/docker/provider/fixture.hpp"
#include "tests/support/podman_engine.hpp"

namespace croft {
namespace {

constexpr const char* kServe = "exec busybox httpd -f -p 8080 -h /tmp";

/// What runs where: each kind on each engine.
struct Subject {
  Kind kind = Kind::Instance;
  std::string host;
  std::string image;
};

class DockerHarness final : public ProviderHarness {
 public:
  explicit DockerHarness(Subject subject)
      : subject_(std::move(subject)),
        directory_(TemporaryDirectory::make("croft-docker-contract-").value()) {
    settings_.data = directory_.path() / "data";
    settings_.name = "contract";
    settings_.host = subject_.host;
    settings_.has_local_images = true;
    settings_.image_check_every = Duration(0);
    if (subject_.image.starts_with("localhost/"))
      settings_.default_ulimits = {{"nofile", {1024, 4096}}, {"nproc", {4096, 4096}}};
    restart();
  }
  ~DockerHarness() override {
    provider_.reset();
    io_.restart();
    io_.poll();
    const Result<int> cleared = docker::clear(settings_);
    EXPECT_TRUE(cleared) << cleared.error().describe();
  }

  asio::io_context& context() override { return io_; }
  Provider& provider() override { return *provider_; }
  void restart() override {
    provider_.reset();
    auto made = docker::make_provider(settings_, io_.get_executor(), pool_, clock_);
    ASSERT_TRUE(made) << made.error().describe();
    provider_ = std::move(*made);
  }

  Sample sample() override {
    return subject_.kind == Kind::Instance ? instance_sample() : service_sample();
  }

  Result<void> write(const std::string& uid, const std::string& volume,
                     const std::string& text) override {
    (void)volume;
    return inside(uid, fmt::format("echo -n '{}' >/data/note", text));
  }
  Result<std::string> read(const std::string& uid, const std::string& volume) override {
    (void)volume;
    ExecRequest request{
        .uid = uid, .command = {"/bin/cat", "/data/note"}, .env = {}, .working_dir = {}};
    auto session = run_task(io_, provider_->open_exec(std::move(request)));
    if (!session) return std::unexpected(session.error());
    std::string text;
    while (true) {
      auto piece = run_task(io_, (*session)->read());
      if (!piece) return std::unexpected(piece.error());
      if (piece->bytes.empty()) return text;
      if (piece->stream == ExecSession::Stream::Out) text += piece->bytes;
    }
  }

 private:
  Value base() const {
    Value spec = Value::map({{"image", subject_.image}});
    spec.set("command", Value(Value::List{"/bin/sh", "-c", kServe}));
    spec.set("env", Value::map({{"GREETING", "hello"}}));
    spec.set("resources", Value::map({{"memory", 32 << 20}, {"cpu", 500}, {"pids", 64}}));
    spec.set("grace", 1000);
    return spec;
  }

  Sample instance_sample() const {
    Value spec = base();
    spec.set("files", Value::map({{"path", "app"}}));
    spec.set("http", Value::map({{"port", 8080}}));
    spec.set(
        "volumes",
        Value(Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})}));
    Value changed = spec;
    changed.find("env")->set("GREETING", "good morning");
    Value without_image = spec;
    without_image.erase("image");
    Value with_reserved = spec;
    with_reserved.find("env")->set("PORT", "1");
    return {.kind = Kind::Instance,
            .spec = spec,
            .changed = changed,
            .files = make_memory_tree({{"marker.txt", "first"}}),
            .changed_files = make_memory_tree({{"marker.txt", "second"}}),
            .unsupported = {without_image, with_reserved},
            .volume = "data"};
  }

  Sample service_sample() const {
    Value spec = base();
    spec.set("ports", Value(Value::List{Value(8080)}));
    spec.set(
        "mounts",
        Value(Value::List{Value::map({{"path", "/data"}, {"readOnly", false}, {"copy", true}})}));
    Value changed = spec;
    changed.find("resources")->set("memory", 48 << 20);
    Value with_label = spec;
    with_label.set("labels", Value::map({{"croft.uid", "another"}}));
    Value with_id = spec;
    with_id.set("image", "sha256:0123456789abcdef");
    return {.kind = Kind::Service,
            .spec = spec,
            .changed = changed,
            .files = nullptr,
            .changed_files = nullptr,
            .unsupported = {with_label, with_id},
            .volume = "data"};
  }

  Result<void> inside(const std::string& uid, const std::string& script) {
    std::vector<std::string> command{"/bin/sh", "-c", script};
    const auto status = run_task(io_, provider_->exec(uid, std::move(command), Duration(10'000)));
    if (!status) return std::unexpected(status.error());
    if (*status == 0) return {};
    return fail(ErrorCode::Internal, fmt::format("it ended with {}", *status));
  }

  Subject subject_;
  TemporaryDirectory directory_;
  asio::io_context io_;
  BlockingPool pool_{4};
  SystemClock clock_;
  docker::ProviderSettings settings_;
  std::unique_ptr<Provider> provider_;
};

[[maybe_unused]] ProviderSubject on_docker(std::string name, Kind kind) {
  return {.name = std::move(name),
          .make = [kind]() -> std::unique_ptr<ProviderHarness> {
            if (!DockerEngine::problem().empty()) return nullptr;
            return std::make_unique<DockerHarness>(
                Subject{kind, DockerEngine::shared().host(), "busybox:test"});
          },
          .why_not = DockerEngine::problem()};
}

[[maybe_unused]] ProviderSubject on_podman(std::string name, Kind kind) {
  return {.name = std::move(name),
          .make = [kind]() -> std::unique_ptr<ProviderHarness> {
            if (!PodmanEngine::problem().empty()) return nullptr;
            return std::make_unique<DockerHarness>(
                Subject{kind, PodmanEngine::shared().host(), "localhost/busybox:test"});
          },
          .why_not = PodmanEngine::problem()};
}

#ifdef CROFT_TEST_PODMAN
INSTANTIATE_TEST_SUITE_P(Podman, ProviderContract,
                         testing::Values(on_podman("Instance", Kind::Instance),
                                         on_podman("Service", Kind::Service)),
                         subject_name);
#else
INSTANTIATE_TEST_SUITE_P(Docker, ProviderContract,
                         testing::Values(on_docker("Instance", Kind::Instance),
                                         on_docker("Service", Kind::Service)),
                         subject_name);
#endif

}  // namespace
}  // namespace croft
