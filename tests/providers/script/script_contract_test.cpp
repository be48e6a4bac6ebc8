#include "core/base/files.hpp"
#include "providers/script/script_provider.hpp"
#include "tests/contract/provider_contract.hpp"
#include "tests/providers/script/harbor.hpp"

namespace croft {
namespace {

/// The adapter of these tests, and the one that docs/adapters.md writes, block by block.
std::string test_adapter() {
  return read_file(CROFT_SOURCE "/tests/providers/script/harbor.lua", 1 << 20).value();
}
std::string tutorial_adapter() {
  const std::string page = read_file(CROFT_SOURCE "/docs/adapters.md", 1 << 20).value();
  constexpr std::string_view kBegin = "```lua\n";
  std::string script;
  for (std::size_t at = page.find(kBegin); at != std::string::npos; at = page.find(kBegin, at)) {
    at += kBegin.size();
    script += page.substr(at, page.find("```", at) - at);
  }
  return script;
}

class HarborHarness final : public ProviderHarness {
 public:
  explicit HarborHarness(bool is_tutorial)
      : is_tutorial_(is_tutorial),
        secrets_(TemporaryDirectory::make("croft-script-").value()),
        harbor_(context_) {
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
    AdapterScript script{"harbor", "harbor.lua",
                         is_tutorial_ ? tutorial_adapter() : test_adapter()};
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
    if (is_tutorial_) {
      sample.spec =
          Value::map({{"image", "nginx:1"}, {"env", Value::map({{"GREETING", "hello"}})}});
      sample.changed = Value::map({{"image", "nginx:2"}});
      sample.unsupported = {Value::map({{"volumes", Value::List{}}})};
      return sample;
    }
    const Value volumes =
        Value::List{Value::map({{"name", "data"}, {"path", "/data"}, {"size", 1 << 20}})};
    sample.spec = Value::map({{"image", "nginx:1"},
                              {"env", Value::map({{"GREETING", "hello"}, {"OLD", "x"}})},
                              {"volumes", volumes}});
    sample.changed = Value::map(
        {{"image", "nginx:2"}, {"env", Value::map({{"GREETING", "hi"}})}, {"volumes", volumes}});
    sample.unsupported = {Value::map({{"health", Value::map()}}),
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
  bool is_tutorial_;
  TemporaryDirectory secrets_;
  SystemClock clock_;
  asio::io_context context_;
  Harbor harbor_;
  std::shared_ptr<Provider> provider_;
};

ProviderSubject subject(std::string name, bool is_tutorial) {
  return {std::move(name), [=] { return std::make_unique<HarborHarness>(is_tutorial); }, ""};
}

INSTANTIATE_TEST_SUITE_P(Script, ProviderContract,
                         testing::Values(subject("Harbor", false), subject("Tutorial", true)),
                         subject_name);

}  // namespace
}  // namespace croft
