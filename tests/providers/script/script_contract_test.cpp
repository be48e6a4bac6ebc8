#include "core/base/files.hpp"
#include "providers/script/script_provider.hpp"
#include "tests/contract/provider_contract.hpp"
#include "tests/providers/script/harbor.hpp"

namespace croft {
namespace {

class HarborHarness final : public ProviderHarness {
 public:
  HarborHarness() : secrets_(TemporaryDirectory::make("croft-script-").value()), harbor_(context_) {
    const Result<void> written =
        write_file_atomic(secrets_.path() / "harbor", std::string(Harbor::kToken) + "\n", 0600);
    if (!written) throw std::runtime_error(written.error().describe());
    restart();
  }

  asio::io_context& context() override { return context_; }
  Provider& provider() override { return *provider_; }
  void restart() override {
    ScriptProviders providers(
        {.executor = context_.get_executor(), .clock = clock_, .secrets_dir = secrets_.path()});
    AdapterScript script{
        "harbor", "tests/harbor.lua",
        read_file(CROFT_SOURCE "/tests/providers/script/harbor.lua", 1 << 20).value()};
    Result<std::shared_ptr<Provider>> made = providers.make(
        script, "harbor",
        Value::map({{"adapter", "harbor"},
                    {"settings", Value::map({{"url", harbor_.url()}, {"region", "south"}})},
                    {"credentials", Value::map({{"secret", "harbor"}})}}));
    if (!made) throw std::runtime_error(made.error().describe());
    provider_ = *made;
  }

  Sample sample() override {
    Sample sample;
    sample.kind = Kind::Instance;
    const Value volumes =
        Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})};
    sample.spec = Value::map({{"image", "nginx:1"},
                              {"env", Value::map({{"GREETING", "hello"}, {"OLD", "x"}})},
                              {"volumes", volumes}});
    sample.changed = Value::map(
        {{"image", "nginx:2"}, {"env", Value::map({{"GREETING", "hi"}})}, {"volumes", volumes}});
    sample.unsupported = {Value::map({{"command", Value::List{"python3"}}}),
                          Value::map({{"image", "x"}, {"files", Value::map({{"path", "a"}})}})};
    sample.volume = "data";
    return sample;
  }

  bool lose_next_reply() override {
    // Of the second change of create(): the volume comes first, and may be asked for again.
    harbor_.before = [this](const HttpRequest& request) -> Task<std::optional<HttpResponse>> {
      if (request.method == "POST") harbor_.lose_replies = 1;
      co_return std::nullopt;
    };
    return true;
  }
  Result<void> write(const std::string& uid, const std::string& volume,
                     const std::string& text) override {
    harbor_.before = nullptr;
    harbor_.volumes.at(uid).at(volume) = text;
    return {};
  }
  Result<std::string> read(const std::string& uid, const std::string& volume) override {
    return harbor_.volumes.at(uid).at(volume);
  }

 private:
  TemporaryDirectory secrets_;
  SystemClock clock_;
  asio::io_context context_;
  Harbor harbor_;
  std::shared_ptr<Provider> provider_;
};

INSTANTIATE_TEST_SUITE_P(Script, ProviderContract,
                         testing::Values(ProviderSubject{
                             "Harbor", [] { return std::make_unique<HarborHarness>(); }, ""}),
                         subject_name);

}  // namespace
}  // namespace croft
