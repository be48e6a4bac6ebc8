#include "core/manifest/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/manifest/loading.hpp"

namespace croft::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kSite =
    "apiVersion: croft/v1\nkind: Site\nmetadata: {name: blog}\nspec: {files: {path: public}}\n";

std::string site(std::string_view name, std::string_view more = "") {
  return "apiVersion: croft/v1\nkind: Site\nmetadata: {name: " + std::string(name) +
         "}\nspec:\n  files: {path: public}\n" + std::string(more);
}

TEST(LoadTest, ReadsEveryDocumentOfEveryYamlFileAtAnyDepth) {
  const auto set = load_files({{"a.yaml", site("one") + "---\n" + site("two")},
                               {"deep/down/b.yml", site("three")},
                               {".hidden/c.yaml", site("four")},
                               {"notes.txt", site("five")}});
  EXPECT_THAT(names_of(set), ElementsAre("alice/Site/four", "alice/Site/one", "alice/Site/two",
                                         "alice/Site/three"));
  EXPECT_EQ(set.resources[2].origin, (Origin{"alice/main", "a.yaml", 1, 8}));
  EXPECT_EQ(complaints(set), "");
}

TEST(LoadTest, FillsInDefaults) {
  const auto set = load_files({{"a.yaml", std::string(kSite)}});
  ASSERT_EQ(set.resources.size(), 1u);
  EXPECT_EQ(
      to_json(*set.resources[0].spec),
      R"({"deletion":{"after":2592000000,"policy":"retain"},"files":{"path":"public"},"index":"index.html",)"
      R"("notFound":"404.html","retain":5})");
  EXPECT_EQ(set.resources[0].labels, nullptr);
}

TEST(LoadTest, LeavesOtherPeoplesYamlAlone) {
  const auto set =
      load_files({{"a.yaml", std::string(kSite)},
                  {"k8s.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"},
                  {"crossplane.yaml",
                   "apiVersion: pkg.crossplane.io/v1\nkind: Provider\nmetadata: {name: x}\n"},
                  {"chart/templates/x.yaml", "{{ if .Values.x }}\nkind: {{ .Values.kind }}\n"},
                  {"binary.yaml", std::string("\0\1\2", 3)},
                  {"latin1.yaml", "name: caf\xE9\n"},
                  {"big.yaml", "data:\n" + std::string(2 << 20, ' ')}});
  EXPECT_EQ(complaints(set), "");
  EXPECT_THAT(names_of(set), ElementsAre("alice/Site/blog"));
}

TEST(LoadTest, AForgottenApiVersionIsAnErrorOutsideOfContent) {
  const std::string forgotten = "kind: Site\nmetadata: {name: x}\nspec: {files: {path: .}}\n";
  EXPECT_THAT(complaints(load_files({{"a.yaml", forgotten}})),
              HasSubstr("a.yaml:1:1: error: this document has no apiVersion"));
  const auto set = load_files({{"a.yaml", std::string(kSite)}, {"public/a.yaml", forgotten}});
  EXPECT_EQ(complaints(set), "");
  EXPECT_EQ(set.resources.size(), 1u);
}

TEST(LoadTest, NeverSkipsADocumentOfCroftsEvenInContent) {
  const auto set = load_files({{"a.yaml", std::string(kSite)}, {"public/b.yaml", site("inside")}});
  EXPECT_THAT(names_of(set), ElementsAre("alice/Site/blog", "alice/Site/inside"));
  const auto broken = load_files(
      {{"a.yaml", std::string(kSite)}, {"public/b.yaml", site("inside", "  oops: 1\n")}});
  EXPECT_FALSE(broken.is_usable());
}

TEST(LoadTest, AMistypedApiVersionIsAnError) {
  for (const char* head : {"apiVersion: croft/v2", "apiVersion: Croft/v1", "apiVersion: corft/v1",
                           "apiversion: croft/v1"}) {
    const auto set = load_files(
        {{"a.yaml",
          std::string(head) + "\nkind: Site\nmetadata: {name: x}\nspec: {files: {path: .}}\n"}});
    EXPECT_FALSE(set.is_usable()) << head;
    EXPECT_EQ(set.resources.size(), 0u) << head;
  }
}

TEST(LoadTest, AFileOfCroftsMustSayWhatItsOtherDocumentsAre) {
  const auto set = load_files(
      {{"a.yaml", std::string(kSite) +
                      "---\nfoo: bar\n---\n# nothing\n---\napiVersion: v1\nkind: Secret\n"}});
  EXPECT_THAT(complaints(set), HasSubstr("a.yaml:6:1: error: this document has no apiVersion"));
  EXPECT_EQ(set.diagnostics.errors, 1u);
}

TEST(LoadTest, ALinkIsAWarningOutsideOfContent) {
  const auto set = load_files(
      {{"a.yaml", std::string(kSite)}, {"b.yaml", "-> a.yaml"}, {"public/c.yaml", "-> ../a.yaml"}});
  EXPECT_EQ(complaints(set),
            "b.yaml: warning: this is a symbolic link, which is not followed\n1 warning.\n");
  EXPECT_TRUE(set.is_usable());
  EXPECT_EQ(set.resources.size(), 1u);
}

TEST(LoadTest, OneErrorMakesTheWholeSetUnusableAndEveryErrorIsShown) {
  const auto set = load_files({{"a.yaml", site("a", "  recources: 1\n  retain: 0\n")},
                               {"b.yaml", site("b", "  domains: [UPPER.dev, ok.dev, 'x y']\n")},
                               {"good.yaml", site("good")}});
  EXPECT_TRUE(set.resources.empty());
  EXPECT_EQ(set.diagnostics.errors, 4u);
  EXPECT_THAT(complaints(set), HasSubstr("4 errors in 2 files. Nothing was changed.\n"));
}

TEST(LoadTest, WhoMayDeclareWhat) {
  const std::string plan = "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: hobby}\n";
  const std::string provider =
      "apiVersion: croft/v1\nkind: Provider\nmetadata: {name: local}\nspec: {adapter: process}\n";
  EXPECT_THAT(complaints(load_files({{"a.yaml", plan}}, SourceScope::Tenant)),
              HasSubstr("a Plan belongs in the platform repository"));
  EXPECT_THAT(complaints(load_files({{"a.yaml", std::string(kSite)}}, SourceScope::Platform)),
              HasSubstr("a Site belongs in a tenant's repository"));
  EXPECT_EQ(complaints(load_files({{"a.yaml", plan + "---\n" + provider}}, SourceScope::Platform)),
            "");
  EXPECT_EQ(complaints(load_files({{"a.yaml", provider + "---\n" + std::string(kSite)}},
                                  SourceScope::Solo)),
            "");
  EXPECT_FALSE(load_files({{"a.yaml", provider}}, SourceScope::Tenant).is_usable());
  EXPECT_FALSE(load_files({{"a.yaml", plan}}, SourceScope::Solo).is_usable());
}

TEST(LoadTest, ReportsMustHaveSomewhereToGo) {
  const auto complain = [](const std::string& url, const std::string& status) {
    return complaints(load_files(
        {{"a.yaml",
          "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: x}\n---\napiVersion: croft/v1\nkind: "
          "Tenant\nmetadata: {name: alice}\nspec:\n  plan: x\n" +
              std::string("  source: {url: \"") + url +
              "\", commitStatus: {type: github, secret: t" + status + "}}\n"}},
        SourceScope::Platform));
  };
  EXPECT_EQ(complain("https://github.com/a/b", ""), "");
  EXPECT_EQ(complain("ssh://git@github.com/a/b", ""), "");
  EXPECT_THAT(complain("/srv/a.git", ""), HasSubstr("commitStatus.url"));
  EXPECT_EQ(complain("/srv/a.git", ", url: \"https://x/api\", repository: a/b"), "");
  for (const char* bad : {"url: \"ftp://x\"", "url: \"https://u:p@x\"", "url: \"https://\"",
                          "repository: a", "repository: /a/b", "repository: a/../b"}) {
    EXPECT_NE(complain("https://github.com/a/b", std::string(", ") + bad), "") << bad;
  }
}

TEST(LoadTest, SaysWhatIsWrongWithKeysAndCredentials) {
  const auto complain = [](const std::string& fields) {
    return complaints(load_files(
        {{"a.yaml",
          "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: x}\n---\napiVersion: croft/v1\nkind: "
          "Tenant\nmetadata: {name: alice}\nspec:\n  plan: x\n  source: {url: "
          "\"https://github.com/a/b\", " +
              fields + "}\n"}},
        SourceScope::Platform));
  };
  const std::string key =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRldmVsb3BlcmRldmVsb3BlcmRldmVsb3BlcmRldmVs";
  EXPECT_EQ(complain("verify: {ssh: [\"" + key + " a@b\"]}"), "");
  EXPECT_EQ(complain("verify: {mode: every, ssh: ['a valid-before=\"20300101Z\" " + key + "']}"),
            "");
  EXPECT_THAT(complain("verify: {}"), HasSubstr("must name keys"));
  EXPECT_THAT(complain("verify: {mode: tag, ssh: ['" + key + "']}"), HasSubstr("mode"));
  EXPECT_THAT(complain("verify: {ssh: []}"), HasSubstr("verify.ssh"));
  EXPECT_THAT(complain("verify: {ssh: ['ssh-dss AAAA', 'a ssh-dss AAAA']}"), HasSubstr("DSA"));
  EXPECT_THAT(complain("verify: {gpg: [0xAAAA]}"), HasSubstr("must begin with"));
  const std::string app = "githubApp: {appId: 1, installationId: 2, secret: app}";
  EXPECT_EQ(complain("credentials: {" + app + "}, commitStatus: {type: github}"), "");
  EXPECT_EQ(complain("credentials: {secret: token}"), "");
  EXPECT_THAT(complain("credentials: {secret: token, " + app + "}"), HasSubstr("exactly one"));
  EXPECT_THAT(complain("credentials: {}"), HasSubstr("exactly one"));
  EXPECT_THAT(complain("commitStatus: {type: github}"), HasSubstr("commitStatus.secret"));
  EXPECT_THAT(complain("credentials: {" + app + "}, commitStatus: {type: gitea}"),
              HasSubstr("commitStatus.secret"));
}

TEST(LoadTest, OperatorKindsHaveNoTenant) {
  const auto set = load_files({{"a.yaml",
                                "apiVersion: croft/v1\nkind: Provider\nmetadata: {name: "
                                "local}\nspec: {adapter: process}\n---\n" +
                                    site("x")}},
                              SourceScope::Solo);
  EXPECT_THAT(names_of(set), ElementsAre("Provider/local", "alice/Site/x"));
}

TEST(LoadTest, DuplicateRefsNameBothPlaces) {
  const auto set = load_files({{"a.yaml", site("x")}, {"b.yaml", "# comment\n" + site("x")}});
  EXPECT_EQ(complaints(set),
            "b.yaml:4:18: error: Site/x is declared twice; first at a.yaml:2\n"
            "   4 | metadata: {name: x}\n"
            "     |                  ^\n"
            "1 error in 1 file. Nothing was changed.\n");
}

TEST(LoadTest, AnUnknownDependencyIsAnErrorWithinAWholeSet) {
  const std::vector<std::pair<std::string, std::string>> files{
      {"a.yaml", site("blog", "  dependsOn: [Site/blgo2, Site/other]\n")},
      {"b.yaml", site("blog2")}};
  EXPECT_THAT(complaints(load_files(files)),
              HasSubstr("a.yaml:6:15: error: there is no Site/blgo2\n"));
  EXPECT_THAT(complaints(load_files(files)), HasSubstr("did you mean 'Site/blog2'?"));
  CountingTree tree(files);
  DocumentCache cache;
  const auto part =
      load(tree, {.source = "alice/main", .tenant = "alice", .is_whole_set = false}, cache);
  ASSERT_TRUE(part);
  EXPECT_TRUE(part->is_usable());
}

TEST(LoadTest, ACircleIsShownWithItsPath) {
  const auto set = load_files({{"a.yaml", site("a", "  dependsOn: [Site/b]\n")},
                               {"b.yaml", site("b", "  dependsOn: [Site/c]\n")},
                               {"c.yaml", site("c", "  dependsOn:\n    - Site/a\n")},
                               {"d.yaml", site("d", "  dependsOn: [Site/a]\n")}});
  EXPECT_EQ(set.diagnostics.errors, 1u);
  EXPECT_THAT(
      complaints(set),
      HasSubstr(
          "c.yaml:7:7: error: dependsOn goes in a circle: Site/a → Site/b → Site/c → Site/a\n"));
  EXPECT_THAT(complaints(load_files({{"a.yaml", site("a", "  dependsOn: [Site/a]\n")}})),
              HasSubstr("Site/a → Site/a"));
}

TEST(LoadTest, ALongChainOfDependenciesIsNoCircleAndNoStackOverflow) {
  std::string all;
  for (int i = 0; i < 9000; ++i) {
    all += "---\n" + site("s" + std::to_string(i),
                          i == 0 ? "" : "  dependsOn: [Site/s" + std::to_string(i - 1) + "]\n");
  }
  std::vector<std::pair<std::string, std::string>> files;
  for (std::size_t start = 0, n = 0; start < all.size(); ++n) {
    const std::size_t cut =
        start + (1 << 19) < all.size() ? all.find("---\n", start + (1 << 19)) : all.size();
    files.emplace_back(std::to_string(n) + ".yaml", all.substr(start, cut - start));
    start = cut;
  }
  EXPECT_EQ(complaints(load_files(files)), "");
}

TEST(LoadTest, ReferencesOfThePlatformAreChecked) {
  const auto set = load_files(
      {{"a.yaml",
        "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: hobby}\nspec: {allowedProviders: "
        "[nowhere]}\n"
        "---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {name: alice}\nspec: {plan: hoby}\n"
        "---\napiVersion: croft/v1\nkind: Source\nmetadata: {name: more}\nspec: {tenant: bob, url: "
        "/srv/x.git}\n"}},
      SourceScope::Platform);
  EXPECT_THAT(complaints(set), HasSubstr("4:27: error: there is no Provider/nowhere"));
  EXPECT_THAT(complaints(set), HasSubstr("9:14: error: there is no Plan/hoby"));
  EXPECT_THAT(complaints(set), HasSubstr("did you mean 'Plan/hobby'?"));
  EXPECT_THAT(complaints(set), HasSubstr("14:16: error: there is no Tenant/bob"));
  EXPECT_EQ(set.diagnostics.errors, 3u);
}

TEST(LoadTest, TheDirectoryOfTheTreeIsPartOfFileNames) {
  CountingTree tree({{"x.yaml", site("x")}, {"y.yaml", site("x")}});
  DocumentCache cache;
  const auto set =
      load(tree, {.source = "alice/main", .tenant = "alice", .directory = "hosting"}, cache);
  ASSERT_TRUE(set);
  EXPECT_THAT(
      complaints(*set),
      HasSubstr("hosting/y.yaml:3:18: error: Site/x is declared twice; first at hosting/x.yaml:2"));
}

TEST(LoadTest, MoreDocumentsThanASourceMayHaveAreAnError) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int f = 0; f < 11; ++f) {
    std::string text = site("s" + std::to_string(f));
    for (int i = 0; i < 999; ++i) text += "---\n";
    files.emplace_back(std::to_string(f) + ".yaml", text);
  }
  EXPECT_THAT(complaints(load_files(files)), HasSubstr("more than 10000 documents in one source"));
}

TEST(LoadTest, MoreTextThanASourceMayHaveIsAnErrorBeforeItIsAllRead) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int f = 0; f < 30; ++f) {
    files.emplace_back(std::to_string(f) + ".yaml",
                       site("s" + std::to_string(f)) + "#" + std::string(1'000'000, ' '));
  }
  const auto set = load_files(files);
  EXPECT_THAT(complaints(set), HasSubstr("more than 16 MiB of manifests in one source"));
  EXPECT_LT(set.statistics.files_parsed, 30u);
}

TEST(LoadTest, ManyErrorsAreCountedButNotAllKept) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int f = 0; f < 300; ++f)
    files.emplace_back(std::to_string(f) + ".yaml", site("s" + std::to_string(f), "  oops: 1\n"));
  const auto set = load_files(files);
  EXPECT_EQ(set.diagnostics.errors, 300u);
  EXPECT_EQ(set.diagnostics.list.size(), Diagnostics::kMost);
  EXPECT_THAT(complaints(set), HasSubstr("... and 200 more.\n300 errors in 100 files."));
}

TEST(LoadTest, ATreeThatCannotBeReadFailsRatherThanLoadingLess) {
  class FailingTree final : public FileTree {
   public:
    std::string id() const override { return std::string(40, 'a'); }
    Result<std::vector<TreeEntry>> list(std::string_view) const override {
      return std::vector<TreeEntry>{{"a.yaml", FileMode::Regular, std::string(40, 'b')}};
    }
    Result<TreeEntry> entry(std::string_view) const override {
      return fail(ErrorCode::Unavailable, "disk");
    }
    Result<std::string> read(const std::string&, std::size_t) const override {
      return fail(ErrorCode::Unavailable, "disk");
    }
    Result<std::uint64_t> blob_size(const std::string&) const override {
      return fail(ErrorCode::Unavailable, "disk");
    }
    Result<std::shared_ptr<const FileTree>> subtree(std::string_view) const override {
      return fail(ErrorCode::Unavailable, "disk");
    }
  };
  DocumentCache cache;
  const auto set = load(FailingTree(), {}, cache);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(set.error().describe(), HasSubstr("a.yaml"));
}

}  // namespace
}  // namespace croft::manifest
