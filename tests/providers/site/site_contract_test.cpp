#include "core/base/files.hpp"
#include "providers/site/site_provider.hpp"
#include "tests/contract/provider_contract.hpp"

namespace croft {
namespace {

class SiteHarness final : public ProviderHarness {
 public:
  SiteHarness() : directory_(TemporaryDirectory::make("croft-site-").value()) { restart(); }
  ~SiteHarness() override { pool_.stop(); }

  asio::io_context& context() override { return context_; }
  Provider& provider() override { return *provider_; }
  void restart() override { provider_ = make_site_provider(directory_.path(), pool_, clock_); }

  Sample sample() override {
    Sample sample;
    sample.kind = Kind::Site;
    sample.files = make_memory_tree({{"index.html", "hello"}, {"img/logo.png", "png"}});
    sample.changed_files =
        make_memory_tree({{"index.html", "hello again"}, {"img/logo.png", "png"}});
    sample.spec = Value::map({{"files", Value::map({{"path", "public"}})}, {"retain", 5}});
    sample.changed = Value::map({{"files", Value::map({{"path", "public"}})}, {"retain", 3}});
    sample.unsupported = {
        Value::map({{"files", Value::map({{"path", "public"}})}, {"command", "x"}}),
        Value::map({{"files", Value::map({{"path", "public"}})}, {"redirects", "x"}})};
    return sample;
  }

 private:
  TemporaryDirectory directory_;
  SystemClock clock_;
  BlockingPool pool_{2};
  asio::io_context context_;
  std::unique_ptr<Provider> provider_;
};

INSTANTIATE_TEST_SUITE_P(Site, ProviderContract,
                         testing::Values(ProviderSubject{
                             "Sites", [] { return std::make_unique<SiteHarness>(); }, ""}),
                         subject_name);

}  // namespace
}  // namespace croft
