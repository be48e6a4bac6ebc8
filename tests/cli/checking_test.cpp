#include <gtest/gtest.h>

#include "core/base/value.hpp"
#include "tests/cli/command_line.hpp"
#include "tests/cli/golden.hpp"
#include "tests/support/git_repository.hpp"

namespace croft::cli {
namespace {

constexpr const char* kSite = R"(apiVersion: croft/v1
kind: Site
metadata: {name: blog}
spec:
  files: {path: public}
)";

constexpr const char* kInstance = R"(apiVersion: croft/v1
kind: Instance
metadata: {name: api}
spec:
  command: [python3, app.py]
  files: {path: api}
  env: {GREETING: hello}
  resources: {cpu: 250m, memory: 128MiB}
)";

constexpr const char* kPlatform = R"(apiVersion: croft/v1
kind: Plan
metadata: {name: studio}
spec:
  quotas: {instances: 20}
  allowedProviders: [local, site]
---
apiVersion: croft/v1
kind: Tenant
metadata: {name: alice}
spec:
  plan: studio
  source: {url: "https://git.example.com/alice/hosting.git"}
---
apiVersion: croft/v1
kind: Provider
metadata: {name: local}
spec: {adapter: process, default: true}
---
apiVersion: croft/v1
kind: Provider
metadata: {name: site}
spec: {adapter: site}
)";

class CheckingTest : public testing::Test {
 protected:
  CheckingTest() {
    repository_.write("site.yaml", kSite);
    repository_.write("public/index.html", "<h1>hello</h1>\n");
    repository_.write("api.yaml", kInstance);
    repository_.write("api/app.py", "print('hello')\n");
    repository_.commit("first");
    platform_.write("platform.yaml", kPlatform);
    platform_.commit("first");
  }

  std::string directory() const { return repository_.path().string(); }

  /// Output without the temporary directory.
  std::string plain(std::string text) const {
    std::string prefix = directory();
    if (prefix.starts_with('/')) prefix.erase(0, 0);
    for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
      text.replace(at, prefix.size(), "DIR");
    }
    return text;
  }

  Ran diff(std::vector<std::string> more) {
    std::vector<std::string> words = {"diff", directory(), "--platform", platform_.path().string()};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  GitRepository repository_ = GitRepository::make();
  GitRepository platform_ = GitRepository::make();
};

TEST_F(CheckingTest, ValidManifestsAreSaidToBe) {
  const Ran ran = run({"validate", directory()});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(ran.out, "Valid: 2 resources of a tenant repository.\n");
  EXPECT_EQ(run({"validate", platform_.path().string()}).out,
            "Valid: 4 resources of a platform repository.\n");
}

TEST_F(CheckingTest, EverythingThatIsWrongIsShownAtOnce) {
  repository_.write("api.yaml", R"(apiVersion: croft/v1
kind: Instance
metadata: {name: api}
spec:
  command: [python3, app.py]
  files: {path: apii}
  recources: {cpu: 250m, memory: 128MiB}
  health: {http: healthz}
)");
  repository_.write("site.yaml", std::string(kSite) + "  domains: [blog.alice.dev\n");
  const Ran ran = run({"validate", directory()});
  EXPECT_EQ(ran.status, 2);
  expect_golden("validate-broken.txt", plain(ran.out));
}

TEST_F(CheckingTest, MissingDirectoriesAndHostsClaimedTwiceAreFound) {
  repository_.write("api.yaml", R"(apiVersion: croft/v1
kind: Instance
metadata: {name: api}
spec:
  command: [python3, app.py]
  files: {path: apii}
)");
  repository_.write("site.yaml", std::string(kSite) + "  domains: [www.alice.dev]\n");
  repository_.write("second.yaml", R"(apiVersion: croft/v1
kind: Site
metadata: {name: second}
spec:
  files: {path: public}
  domains: [www.alice.dev]
)");
  const Ran ran = run({"validate", directory()});
  EXPECT_EQ(ran.status, 2);
  expect_golden("validate-beyond.txt", plain(ran.out));
}

constexpr const char* kPricedPlans = R"(---
apiVersion: croft/v1
kind: Plan
metadata: {name: studio}
spec:
  price: {amount: "9.00", currency: USD, per: month}
  includes: {activeHours: 100}
  rates: [{meter: activeHours, amount: "0.01"}, {meter: egress, amount: "0.02"}]
  quotas: {instances: 20}
---
apiVersion: croft/v1
kind: Plan
metadata: {name: none}
spec: {quotas: {instances: 0}}
---
apiVersion: croft/v1
kind: Plan
metadata: {name: own}
spec: {price: {amount: "1", currency: EUR, per: month}, rules: rules/own.lua}
)";

class PriceTest : public CheckingTest {
 protected:
  PriceTest() {
    std::string platform = kPlatform;
    platform_.write("platform.yaml", platform.substr(platform.find("---")) + kPricedPlans);
    platform_.write("rules/own.lua", R"(return {api = 1, price = function(plan, resources)
  return {lines = {{text = "each", rate = "1.50", quantity = #resources}}, notices = {"as agreed"}}
end}
)");
    platform_.commit("priced");
  }
  Ran price(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"price", directory(), "--platform",
                                      platform_.path().string()};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
};

TEST_F(PriceTest, ShowsTheLinesOfTheTenantsPlan) {
  const Ran ran = price();
  EXPECT_EQ(ran.status, 0) << ran.err;
  expect_golden("price.txt", ran.out);
}

TEST_F(PriceTest, ComparesPlans) {
  const Ran ran = price({"--compare", "--usage", "hours=20,egress=10GiB"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  expect_golden("price-compare.txt", ran.out);
}

TEST_F(PriceTest, SpeaksJson) {
  const Ran ran = price({"--usage", "hours=200,storage=1GiB,requests=5", "-o", "json"});
  const Result<Value> list = parse_json(ran.out);
  ASSERT_TRUE(list) << ran.out << ran.err;
  EXPECT_EQ(list->text_or("plans[0].total", ""), "10.00");
  EXPECT_EQ(list->text_or("plans[0].unpriced[0]", ""),
            "egress: not measured yet; `croft price --usage` counts it");
}

TEST_F(PriceTest, SaysWhatIsWrongWithAUsage) {
  EXPECT_NE(price({"--usage", "hors=1"}).err.find("did you mean 'hours'?"), std::string::npos);
  EXPECT_NE(price({"--usage", "hours"}).err.find("says no amount"), std::string::npos);
  EXPECT_NE(price({"--usage", "hours=-1"}).err.find("'-1' is no whole number"), std::string::npos);
  EXPECT_NE(price({"--usage", "storage=many"}).err.find("many"), std::string::npos);
}

TEST_F(PriceTest, ABrokenRuleIsSaidWithItsPlace) {
  platform_.write("rules/own.lua",
                  "return {api = 1, price = function(plan)\n  return plan.x.y\nend}");
  const Ran ran = price();
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("rule 'rules/own.lua' cannot be used: rules/own.lua:2:"),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(run({"validate", platform_.path().string()}).status, 2);
}

TEST_F(PriceTest, ADiffBeyondThePlanIsRefused) {
  std::string platform = kPlatform;
  platform.replace(platform.find("instances: 20"), 13, "instances: 0");
  platform_.write("platform.yaml", platform);
  const Ran ran = diff({});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.out.find("Refused: nothing of this is applied."), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("api.yaml:4:1: Instance/api: plan 'studio' allows 0 instances,"),
            std::string::npos)
      << ran.out;
}

TEST_F(CheckingTest, ValidateSpeaksJson) {
  repository_.write("site.yaml", std::string(kSite) + "  colour: red\n");
  const Ran ran = run({"validate", directory(), "-o", "json"});
  EXPECT_EQ(ran.status, 2);
  const Result<Value> report = parse_json(ran.out);
  ASSERT_TRUE(report) << ran.out;
  EXPECT_FALSE(report->boolean_or("valid", true));
  EXPECT_EQ(report->integer_or("diagnostics[0].line", 0), 6);
  EXPECT_EQ(report->text_or("diagnostics[0].severity", ""), "error");
  EXPECT_EQ(report->integer_or("errors", 0), 1);
}

TEST_F(CheckingTest, KindsThatDoNotBelongAreErrors) {
  EXPECT_EQ(run({"validate", directory(), "--platform"}).status, 2);
  EXPECT_EQ(run({"validate", platform_.path().string(), "-t", "alice"}).status, 2);
  EXPECT_EQ(run({"validate", directory(), "--platform", "--solo"}).status, 2);
}

TEST_F(CheckingTest, AnAbsentDirectoryIsAnErrorWithItsName) {
  const Ran ran = run({"validate", "/nonexistent/hosting"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("/nonexistent/hosting"), std::string::npos) << ran.err;
}

TEST_F(CheckingTest, OfflineEverythingIsNew) {
  const Ran ran = diff({});
  EXPECT_EQ(ran.status, 1) << ran.err;
  expect_golden("diff-offline-new.txt", ran.out);
}

TEST_F(CheckingTest, OfflineARevisionStandsForWhatRuns) {
  repository_.write("api.yaml", R"(apiVersion: croft/v1
kind: Instance
metadata: {name: api}
spec:
  command: [python3, app.py, --fast]
  files: {path: api}
  env: {GREETING: hi}
  resources: {cpu: 250m, memory: 256MiB}
)");
  repository_.remove("site.yaml");
  const Ran ran = diff({"--from", "HEAD"});
  EXPECT_EQ(ran.status, 1) << ran.err;
  expect_golden("diff-offline-from.txt", ran.out);
}

TEST_F(CheckingTest, NothingToChangeIsStatus0) {
  const Ran ran = diff({"--from", "HEAD"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("No changes"), std::string::npos) << ran.out;
}

TEST_F(CheckingTest, DetailedExitCodesAreTerraforms) {
  EXPECT_EQ(diff({"--from", "HEAD", "--detailed-exitcode"}).status, 0);
  EXPECT_EQ(diff({"--detailed-exitcode"}).status, 2);
  const Ran failed = diff({"--from", "no-such-revision", "--detailed-exitcode"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_NE(failed.err, "");
  repository_.write("site.yaml", "apiVersion: croft/v1\nkind: Site\n");
  EXPECT_EQ(diff({"--detailed-exitcode"}).status, 1);
}

TEST_F(CheckingTest, ADiffOfBrokenManifestsShowsTheMistake) {
  repository_.write("site.yaml", std::string(kSite) + "  colour: red\n");
  const Ran ran = diff({});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("unknown field 'colour'"), std::string::npos) << ran.err;
}

TEST_F(CheckingTest, AnUnexpectedDigestIsAnError) {
  const Value plan = parse_json(diff({"-o", "json"}).out).value();
  const std::string digest = plan.text_or("croft.digest", "");
  ASSERT_EQ(digest.size(), 64U);
  EXPECT_EQ(diff({"--expect", digest}).status, 1);
  EXPECT_EQ(diff({"--expect", digest.substr(0, 8)}).status, 1);
  const Ran moved = diff({"--expect", "00000000"});
  EXPECT_EQ(moved.status, 2);
  EXPECT_NE(moved.err.find("something moved"), std::string::npos) << moved.err;
}

TEST_F(CheckingTest, ProvidersAndPlansOfThePlatformAreKept) {
  repository_.write("api.yaml", std::string(kInstance) + "  provider: fly\n");
  const Ran ran = diff({});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("there is no provider 'fly'"), std::string::npos) << ran.err;
  EXPECT_EQ(diff({"-t", "bob"}).status, 2);
}

TEST_F(CheckingTest, ASoloRepositoryNeedsNoPlatform) {
  const Ran ran = run({"diff", directory(), "--offline"});
  EXPECT_EQ(ran.status, 1) << ran.err;
  EXPECT_NE(ran.out.find("Site/blog"), std::string::npos) << ran.out;
}

TEST_F(CheckingTest, ThePlatformsOwnRepositoryCanBeDiffed) {
  platform_.write("more.yaml",
                  "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: hobby}\nspec: {}\n");
  const Ran ran = run({"diff", platform_.path().string(), "--from", "HEAD"});
  EXPECT_EQ(ran.status, 1) << ran.err;
  EXPECT_NE(ran.out.find("+ Plan/hobby"), std::string::npos) << ran.out;
}

TEST_F(CheckingTest, TheMarkdownAndJsonFormsSayTheSame) {
  const Ran markdown = diff({"-o", "markdown"});
  EXPECT_EQ(markdown.status, 1);
  EXPECT_NE(markdown.out.find("| `+` | `Site/blog` |"), std::string::npos) << markdown.out;
  const Value plan = parse_json(diff({"-o", "json"}).out).value();
  EXPECT_EQ(plan.text_or("format_version", ""), "1.2");
  EXPECT_EQ(plan.at_path("resource_changes")->size(), 2U);
}

}  // namespace
}  // namespace croft::cli
