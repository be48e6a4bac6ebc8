#include "reconciler/engine/catalog.hpp"

#include <gtest/gtest.h>

namespace croft {
namespace {

Resource make(Kind kind, std::string name, std::string_view json) {
  Resource resource;
  resource.ref = Ref{"", kind, std::move(name)};
  resource.spec = std::make_shared<const Value>(parse_json(json).value());
  return resource;
}

TEST(CatalogTest, ATenantsSourceIsShortForASourceOfItsName) {
  const Catalog catalog =
      make_catalog({make(Kind::Plan, "hobby", R"({"network":{"egress":"allow"}})"),
                    make(Kind::Tenant, "alice", R"({"plan":"hobby","source":{"url":"/a.git"}})"),
                    make(Kind::Source, "more", R"({"tenant":"alice","url":"/b.git"})")},
                   {});
  EXPECT_TRUE(catalog.problems.empty());
  EXPECT_EQ(catalog.tenants.at("alice").sources,
            (std::vector<std::string>{"alice/alice", "alice/more"}));
  EXPECT_TRUE(catalog.tenants.at("alice").allow_egress);
  EXPECT_EQ(catalog.sources.at("alice/more").url, "/b.git");
}

TEST(CatalogTest, ASourceMayAskForSignaturesAndBeOpenedByAnApp) {
  const auto source_of = [](const std::string& spec) {
    return make_catalog({make(Kind::Plan, "hobby", "{}"),
                         make(Kind::Tenant, "alice", R"({"plan":"hobby","source":)" + spec + "}")},
                        {})
        .sources.at("alice/alice");
  };
  const SourceDeclaration plain = source_of(R"({"url":"/a.git"})");
  EXPECT_FALSE(plain.verify);
  EXPECT_FALSE(plain.app);
  const SourceDeclaration source = source_of(
      R"({"url":"https://github.com/a/b","verify":{"mode":"every","ssh":["k1","k2"],"gpg":["g"]},
          "credentials":{"githubApp":{"appId":1,"installationId":2,"secret":"app"}},
          "commitStatus":{"type":"github"}})");
  ASSERT_TRUE(source.verify);
  EXPECT_TRUE(source.verify->is_for_every);
  EXPECT_EQ(source.verify->keys, (SigningKeys{{"k1", "k2"}, {"g"}}));
  EXPECT_EQ(source.app, (GithubAppDeclaration{1, 2, "app", "https://api.github.com"}));
  EXPECT_EQ(source.commit_status->app, source.app);
  const std::string app =
      R"("credentials":{"githubApp":{"appId":1,"installationId":2,"secret":"a")";
  EXPECT_EQ(source_of(R"({"url":"https://git@ghe.example.com:8443/a/b",)" + app + "}}}").app->url,
            "https://ghe.example.com:8443/api/v3");
  EXPECT_EQ(source_of(R"({"url":"https://x/a/b",)" + app + R"(,"url":"https://y/z"}}})").app->url,
            "https://y/z");
}

TEST(CatalogTest, ASourceMayTellOfPushesAndBeToldHowTheyFare) {
  const Catalog catalog = make_catalog(
      {make(Kind::Plan, "hobby", "{}"), make(Kind::Tenant, "alice", R"({"plan":"hobby","source":{
           "url":"https://x/a.git","receiver":{"type":"github","secret":"hook"},
           "commitStatus":{"type":"gitea","secret":"token","context":"ci","resources":true,
                           "mergeRequests":false,"link":"https://y"}}})")},
      {});
  const SourceDeclaration& source = catalog.sources.at("alice/alice");
  EXPECT_EQ(source.receiver, (ReceiverDeclaration{"github", "hook"}));
  ASSERT_TRUE(source.commit_status);
  EXPECT_EQ(source.commit_status->context, "ci");
  EXPECT_TRUE(source.commit_status->has_resources);
  EXPECT_FALSE(source.commit_status->has_merge_requests);
}

TEST(CatalogTest, WhatIsNamedMustBeThere) {
  const Catalog catalog =
      make_catalog({make(Kind::Tenant, "alice", R"({"plan":"gone"})"),
                    make(Kind::Source, "x", R"({"tenant":"bob","url":"/b.git"})")},
                   {});
  ASSERT_EQ(catalog.problems.size(), 2U);
  EXPECT_EQ(catalog.problems[0].path, "spec.plan");
  EXPECT_EQ(catalog.problems[1].path, "spec.tenant");
}

TEST(CatalogTest, ContactsAreWhomATenantMayWriteTo) {
  const Catalog catalog = make_catalog(
      {make(Kind::Plan, "hobby", "{}"),
       make(Kind::Tenant, "alice", R"({"plan":"hobby","contacts":["alice@example.com"]})")},
      {});
  EXPECT_EQ(catalog.tenants.at("alice").contacts, std::vector<std::string>{"alice@example.com"});
}

TEST(CatalogTest, ATemplateMustBeThereAndWork) {
  const std::vector<Resource> platform{make(Kind::Webhook, "pager", R"({"template":"t/x.lua"})")};
  const auto complaint = [&](const Scripts& scripts) {
    const Catalog catalog = make_catalog(platform, scripts);
    // In solo mode there is no platform to say it.
    EXPECT_EQ(make_solo_catalog(platform, scripts, {}).problems.size(), catalog.problems.size());
    return catalog.problems.empty() ? ""
                                    : catalog.problems[0].path + ": " + catalog.problems[0].message;
  };
  EXPECT_EQ(complaint({{"t/x.lua",
                        "return {api = 1, message = function(event) return {body = event.type} "
                        "end}"}}),
            "");
  EXPECT_EQ(complaint({}),
            "spec.template: template 't/x.lua' cannot be used: there is no file t/x.lua");
  const std::string broken = complaint({{"t/x.lua", "return {api = 1,\n message = oops.x}"}});
  EXPECT_NE(broken.find("t/x.lua:2:"), std::string::npos) << broken;
}

TEST(CatalogTest, SitesAlwaysHaveAProvider) {
  EXPECT_EQ(make_catalog({}, {}).providers.at("site").adapter, "site");
  const Catalog own =
      make_catalog({make(Kind::Provider, "pages", R"({"adapter":"site","default":true})")}, {});
  EXPECT_FALSE(own.providers.contains("site"));
}

TEST(CatalogTest, TwoDefaultsForTheSameThingAreAProblem) {
  const Catalog catalog =
      make_catalog({make(Kind::Provider, "a", R"({"adapter":"process","default":true})"),
                    make(Kind::Provider, "b", R"({"adapter":"docker","default":true})")},
                   {});
  ASSERT_EQ(catalog.problems.size(), 1U);
  EXPECT_EQ(catalog.problems[0].path, "spec.default");
}

TEST(CatalogTest, SoloModeHasOneTenantAndRunsThingsHere) {
  SourceDeclaration source;
  source.key = "home/home";
  source.tenant = "home";
  const Catalog catalog = make_solo_catalog({}, {}, source);
  EXPECT_EQ(catalog.tenants.at("home").sources, std::vector<std::string>{"home/home"});
  EXPECT_EQ(catalog.providers.at("local").adapter, "process");
}

}  // namespace
}  // namespace croft
