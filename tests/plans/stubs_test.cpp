// What lua/meta/pricing.lua tells editors is what there is.

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "plans/admission/policy.hpp"
#include "plans/health_rule.hpp"
#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

std::string meta(const char* name = "pricing") {
  std::ifstream file(std::string(CROFT_META "/") + name + ".lua");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What the first group of an expression matches in the stub.
std::set<std::string> documented(const char* expression) {
  const std::string text = meta();
  const std::regex pattern(expression);
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    names.insert((*it)[1].str());
  return names;
}

/// The texts of the lines that a rule with this body returns.
std::set<std::string> returned(const std::string& body, const std::string& spec) {
  Pricer pricer = Pricer::make().value();
  PricedResource resource = instance("api", 1, 1);
  resource.usage.egress_bytes = 1;
  resource.usage.requests = 1;
  const std::string rule =
      "return {api = 1, price = function(plan, resources, usage, period)\n" + body + "\nend}";
  const Result<Quote> quote = pricer.quote(terms_of(spec, rule), set_of({resource}));
  EXPECT_TRUE(quote) << quote.error().describe();
  std::set<std::string> names;
  if (!quote) return names;
  for (const QuoteLine& line : quote->lines) names.insert(line.text);
  return names;
}

/// The fields of the class in the stub.
std::set<std::string> fields_of(const std::string& name, const char* stub = "pricing") {
  const std::string text = meta(stub);
  const std::size_t begin = text.find("---@class croft." + name + "\n");
  EXPECT_NE(begin, std::string::npos) << name;
  const std::string part = text.substr(begin, text.find("\n\n", begin) - begin);
  const std::regex pattern("---@field (\\w+)");
  std::set<std::string> names;
  for (std::sregex_iterator it(part.begin(), part.end(), pattern), end; it != end; ++it)
    names.insert((*it)[1].str());
  return names;
}

const char* const kSpec =
    R"({"price":{"amount":"1","currency":"USD","per":"month"},"includes":{"activeHours":1},
        "quotas":{"sites":1},"rates":[{"meter":"egress","mode":"unit","amount":"1"}]})";

std::string keys_of(const std::string& expression) {
  return "local lines = {} for key in pairs(" + expression +
         ") do lines[#lines + 1] = {text = key, amount = 0} end return lines";
}

TEST(PricingStubsTest, EveryFunctionIsDocumentedAndThere) {
  const std::set<std::string> names = documented("function pricing\\.(\\w+)");
  EXPECT_GE(names.size(), 6U);
  std::string body = "local lines = {}\n";
  for (const std::string& name : names)
    body += "if type(pricing." + name + ") == 'function' then lines[#lines + 1] = {text = '" +
            name + "', amount = 0} end\n";
  EXPECT_EQ(returned(body + "return lines", kSpec), names);
  // What is registered beyond: the module cannot be gone through, so its text says what it returns.
  std::ifstream file(CROFT_META "/../stdlib/pricing.lua");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string table = text.substr(text.rfind("\nreturn {"));
  const std::regex key("\n  (\\w+) = ");
  std::set<std::string> registered;
  for (std::sregex_iterator it(table.begin(), table.end(), key), end; it != end; ++it)
    registered.insert((*it)[1].str());
  EXPECT_EQ(registered, names);
}

TEST(PricingStubsTest, EveryFieldThatARuleGetsIsDocumented) {
  EXPECT_EQ(returned(keys_of("plan"), kSpec), fields_of("Plan"));
  EXPECT_EQ(returned(keys_of("resources[1]"), kSpec), fields_of("Resource"));
  EXPECT_EQ(returned(keys_of("usage"), kSpec), fields_of("Usage"));
  EXPECT_EQ(returned(keys_of("resources[1].usage"), kSpec), fields_of("Usage"));
  EXPECT_EQ(returned(keys_of("period"), kSpec), fields_of("Period"));
}

TEST(PricingStubsTest, EveryFieldOfALineIsDocumentedAndTaken) {
  EXPECT_EQ(fields_of("Line"), (std::set<std::string>{"text", "resource", "meter", "amount", "rate",
                                                      "quantity", "per", "unit"}));
  EXPECT_EQ(returned("return {{text = 'a', resource = 'b', meter = 'c', rate = '1', quantity = 1, "
                     "per = 1, unit = 'd'}, {text = 'e', amount = 1}}",
                     kSpec),
            (std::set<std::string>{"a", "e"}));
}

/// The words of a text.
std::set<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

const char* const kKeys =
    "local function keys(map) local all = {} for key in pairs(map) do all[#all + 1] = key end "
    "return table.concat(all, ' ') end\n";

TEST(PolicyStubsTest, EveryFieldThatAPolicyGetsIsDocumented) {
  const auto asked = [](const std::string& what) {
    const auto policy = Policy::make(kKeys + ("return {api = 1, admit = function(resource, tenant) "
                                              "return {warn = keys(" +
                                              what + ")} end}"))
                            .value();
    return words_of(policy->judge({.ref = {"t", Kind::Site, "s"}}).value().reason);
  };
  EXPECT_EQ(asked("resource"), fields_of("PolicyResource", "policy"));
  EXPECT_EQ(asked("tenant"), fields_of("PolicyTenant", "policy"));
}

TEST(PolicyStubsTest, EveryVerdictThatIsDocumentedIsTaken) {
  const std::set<std::string> words = fields_of("Verdict", "policy");
  EXPECT_EQ(words, (std::set<std::string>{"deny", "warn"}));
  for (const std::string& word : words) {
    const auto policy =
        Policy::make("return {api = 1, admit = function() return {" + word + " = 'x'} end}");
    EXPECT_TRUE((*policy)->judge({.ref = {"t", Kind::Site, "s"}})) << word;
  }
  EXPECT_EQ(fields_of("Policy", "policy"), (std::set<std::string>{"admit", "api"}));
}

TEST(HealthStubsTest, EveryFieldThatAHealthRuleGetsIsDocumented) {
  const auto rule =
      HealthRule::make("h.lua", kKeys + std::string("return {api = 1, Site = function(observed) "
                                                    "return 'Passing', keys(observed) end}"))
          .value();
  const HealthFacts facts{.ref = {"t", Kind::Site, "s"}, .started_at = Timestamp(Duration(1))};
  EXPECT_EQ(words_of((*rule->judge(facts)).value().message), fields_of("Observed", "health"));
}

TEST(HealthStubsTest, EveryFunctionThatIsDocumentedIsAsked) {
  std::set<std::string> functions = fields_of("HealthRule", "health");
  EXPECT_EQ(functions.erase("api"), 1U);
  for (const std::string& kind : functions) {
    const auto rule = HealthRule::make("h.lua", "return {api = 1, " + kind +
                                                    " = function() return 'Unknown' end}")
                          .value();
    const HealthFacts facts{.ref = {"t", kind_from(kind).value(), "s"}};
    EXPECT_TRUE((*rule->judge(facts)).has_value()) << kind;
  }
  EXPECT_EQ(functions.size(), 2U);
}

// The rule that docs/pricing.md shows as an example is one.
TEST(PricingDocsTest, TheExampleWorks) {
  std::ifstream file(CROFT_META "/../../docs/pricing.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = text.find("```lua\n");
  ASSERT_NE(begin, std::string::npos);
  const std::string rule = text.substr(begin + 7, text.find("```", begin + 7) - begin - 7);
  Pricer pricer = Pricer::make().value();
  const PlanTerms terms = terms_of(kSpec, rule);
  ASSERT_TRUE(pricer.check(terms));
  EXPECT_EQ(told(pricer.quote(terms, set_of({instance("api", 1)}))),
            "plan studio 1.00 | memory Instance/api 0.44 | = 1.44 USD");
}

}  // namespace

}  // namespace croft::plans
