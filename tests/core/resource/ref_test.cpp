#include "core/resource/ref.hpp"

#include <gtest/gtest.h>

#include "core/resource/resource.hpp"

namespace croft {
namespace {

TEST(RefTest, SurvivesARoundTrip) {
  for (const char* text : {"alice/Site/blog", "bob/Instance/a-1", "Plan/hobby", "Tenant/alice",
                           "Provider/local", "Source/main"}) {
    const auto ref = parse_ref(text);
    ASSERT_TRUE(ref) << text;
    EXPECT_EQ(to_string(*ref), text);
  }
}

TEST(RefTest, ALocalNameTakesTheDefaultTenant) {
  EXPECT_EQ(*parse_ref("Site/blog", "alice"), (Ref{"alice", Kind::Site, "blog"}));
  EXPECT_EQ(*parse_ref("Plan/hobby", "alice"), (Ref{"", Kind::Plan, "hobby"}));
  EXPECT_EQ(*parse_ref("bob/Site/blog", "alice"), (Ref{"bob", Kind::Site, "blog"}));
  EXPECT_EQ(local_name(*parse_ref("alice/Site/blog")), "Site/blog");
}

TEST(RefTest, WhatIsNoRefSaysWhy) {
  for (const char* text :
       {"", "blog", "Site/", "/Site/blog", "Site/blog", "a/Site/b/c", "a-b/Site/x", "alice/Plan/x",
        "alice/site/x", "alice/Site/X", "alice/Site/a--b"}) {
    EXPECT_FALSE(parse_ref(text)) << text;
  }
  EXPECT_NE(parse_ref("alice/Database/db").error().message().find("later version"),
            std::string::npos);
}

TEST(RefTest, PartsAreNamedByTheirStack) {
  const auto web = parse_ref("alice/Service/shop.web_1");
  ASSERT_TRUE(web) << web.error().message();
  EXPECT_EQ(stack_of(*web), (Ref{"alice", Kind::Stack, "shop"}));
  EXPECT_EQ(name_in_stack(*web), "web_1");
  EXPECT_FALSE(stack_of({"alice", Kind::Site, "blog"}));
  for (const char* text : {"alice/Service/web", "alice/Service/.web", "alice/Service/shop.",
                           "alice/Service/shop.-a", "alice/Service/Shop.web", "alice/Stack/a.b"}) {
    EXPECT_FALSE(parse_ref(text)) << text;
  }
}

TEST(RefTest, AnOrderForAStackConcernsItsParts) {
  const Ref stack{"alice", Kind::Stack, "shop"};
  EXPECT_TRUE(concerns(stack, {"alice", Kind::Service, "shop.web"}));
  EXPECT_TRUE(concerns(stack, stack));
  EXPECT_FALSE(concerns(stack, {"alice", Kind::Service, "shop2.web"}));
  EXPECT_FALSE(concerns(stack, {"bob", Kind::Service, "shop.web"}));
  EXPECT_FALSE(concerns({"alice", Kind::Service, "shop.web"}, stack));
}

TEST(RefTest, NamesFollowTheirRules) {
  EXPECT_TRUE(is_tenant_name("a1"));
  for (const char* name : {"", "1a", "a-b", "A", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_FALSE(is_tenant_name(name)) << name;
  for (const char* name : {"a", "1", "a-b", "0-0"}) EXPECT_TRUE(is_resource_name(name)) << name;
  EXPECT_TRUE(is_resource_name(std::string(63, 'a')));
  EXPECT_FALSE(is_resource_name(std::string(64, 'a')));
  EXPECT_TRUE(is_reserved_name("www"));
  EXPECT_TRUE(is_reserved_name("home"));
  EXPECT_FALSE(is_reserved_name("alice"));
  EXPECT_EQ(host_label({"alice", Kind::Site, "blog"}), "alice-blog");
}

TEST(RefTest, HostNamesAreThoseThatDnsCanCarry) {
  for (const char* host : {"a.b", "blog.alice.dev", "xn--bcher-kva.example", "1.example"})
    EXPECT_TRUE(is_host_name(host)) << host;
  for (const char* host : {"", "localhost", "a.", ".a", "a..b", "-a.b", "a-.b", "A.b", "a_b.c",
                           "1.2.3.4", "a.b:80", "*.a.b"})
    EXPECT_FALSE(is_host_name(host)) << host;
  EXPECT_FALSE(is_host_name(std::string(64, 'a') + ".b"));
}

TEST(ResourceTest, DependenciesAreOfTheSameTenant) {
  const Value spec =
      Value::map({{"dependsOn", Value(Value::List{"Site/blog", "nonsense", "Instance/api"})}});
  EXPECT_EQ(dependencies_of({"alice", Kind::Site, "x"}, spec),
            (std::vector<Ref>{{"alice", Kind::Site, "blog"}, {"alice", Kind::Instance, "api"}}));
  EXPECT_TRUE(dependencies_of({"alice", Kind::Site, "x"}, Value::map()).empty());
}

TEST(ResourceTest, TheDigestFollowsContentAndNotOrder) {
  const Value a = Value::map({{"x", 1}, {"y", "z"}});
  const Value b = Value::map({{"y", "z"}, {"x", 1}});
  EXPECT_EQ(spec_digest(a), spec_digest(b));
  EXPECT_NE(spec_digest(a), spec_digest(Value::map({{"x", 2}, {"y", "z"}})));
  EXPECT_EQ(spec_digest(a).size(), 64u);
}

}  // namespace
}  // namespace croft
