#include "plans/admission/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft::plans {

namespace {

using testing::HasSubstr;

std::string judged(const std::string& body) {
  Result<std::shared_ptr<Policy>> policy =
      Policy::make("return {api = 1, admit = function(resource, tenant)\n" + body + "\nend}");
  if (!policy) return policy.error().describe();
  const auto spec = std::make_shared<const Value>(
      parse_json(R"({"resources":{"memory":134217728},"env":{"KEY":{"secret":"x"}}})").value());
  const Result<PolicyVerdict> verdict = (*policy)->judge({.tenant = "alice",
                                                          .plan = "hobby",
                                                          .ref = {"alice", Kind::Instance, "api"},
                                                          .provider = "local",
                                                          .spec = spec});
  if (!verdict) return verdict.error().describe();
  const char* const words[] = {"allow", "warn: ", "deny: "};
  return words[static_cast<int>(verdict->word)] + verdict->reason;
}

TEST(PolicyTest, AllowsWarnsAndDenies) {
  EXPECT_EQ(judged(""), "allow");
  EXPECT_EQ(judged("return nil"), "allow");
  EXPECT_EQ(judged("return {warn = 'large'}"), "warn: large");
  EXPECT_EQ(judged("return {deny = 'no'}"), "deny: no");
}

TEST(PolicyTest, SeesTheResourceAndItsTenant) {
  EXPECT_EQ(judged(R"(return {warn = table.concat({resource.ref, resource.kind, resource.name,
                      resource.provider, resource.spec.resources.memory,
                      resource.spec.env.KEY.secret, tenant.name, tenant.plan}, ' ')})"),
            "warn: Instance/api Instance api local 134217728 x alice hobby");
}

TEST(PolicyTest, WhatItDoesWrongIsAnErrorAndNoPermission) {
  EXPECT_THAT(judged("return true"), HasSubstr("neither nothing nor one verdict"));
  EXPECT_THAT(judged("return {deny = 'a', warn = 'b'}"), HasSubstr("nor one verdict"));
  EXPECT_THAT(judged("return {refuse = 'a'}"), HasSubstr("the verdict 'refuse'"));
  EXPECT_THAT(judged("return {deny = ''}"), HasSubstr("gave no reason for 'deny'"));
  EXPECT_THAT(judged("return {deny = 7}"), HasSubstr("gave no reason for 'deny'"));
  EXPECT_THAT(judged("return resource.nothing.more"), HasSubstr("policy.lua:2:"));
  EXPECT_THAT(judged("while true do end"), HasSubstr("takes more than"));
  EXPECT_THAT(judged("end end }"), HasSubstr("policy.lua:2:"));
}

TEST(PolicyTest, NamesTheVersionItWasWrittenFor) {
  const auto made = [](const char* text) {
    const auto policy = Policy::make(text);
    return policy ? "made" : policy.error().describe();
  };
  EXPECT_EQ(made("return {api = 1}"), "made");
  EXPECT_THAT(made("return {}"), HasSubstr("`api = nil`"));
  EXPECT_THAT(made("return {api = 2}"), HasSubstr("`api = 2`"));
}

}  // namespace

}  // namespace croft::plans
