#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/manifest/loading.hpp"

namespace croft::manifest {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string secret(const std::string& spec) {
  return "apiVersion: croft/v1\nkind: Secret\nmetadata: {name: api}\nspec:\n" + spec;
}

TEST(SecretTest, IsDeclaredByTenantsAndByTheOperator) {
  const std::string text = secret("  values: {value: \"sealed:v1:AAAA\"}\n");
  EXPECT_EQ(names_of(load_text(text)), std::vector<std::string>{"alice/Secret/api"});
  EXPECT_EQ(names_of(load_text(text, SourceScope::Platform)),
            std::vector<std::string>{"Secret/api"});
}

TEST(SecretTest, HasValuesOrAFile) {
  EXPECT_THAT(complaints(load_text(secret("  {}\n"))), HasSubstr("needs 'values' that are sealed"));
  EXPECT_THAT(complaints(load_text(secret("  file: a.yaml\n  values: {a: \"sealed:v1:AA\"}\n"))),
              HasSubstr("stands beside 'values'"));
  EXPECT_THAT(complaints(load_text(secret("  file: nowhere.enc.yaml\n"))),
              HasSubstr("hosting.yaml:5:9: error: there is no file 'nowhere.enc.yaml'"));
}

TEST(SecretTest, KeepsTheTextOfTheFileThatItNames) {
  const LoadedSet set =
      load_files({{"a.yaml", secret("  file: deep/a.enc.yaml\n")}, {"deep/a.enc.yaml", "x: y\n"}});
  ASSERT_EQ(complaints(set), "");
  EXPECT_EQ(set.secret_files.at("deep/a.enc.yaml"), "x: y\n");
}

TEST(SecretTest, FilesAreReadWithinBounds) {
  const auto load_many = [](int count, std::size_t size, const std::string& more) {
    std::vector<std::pair<std::string, std::string>> files{{"z.yaml", more}};
    for (int i = 0; i < count; ++i) {
      files.emplace_back(fmt::format("s{}.yaml", i),
                         fmt::format("apiVersion: croft/v1\nkind: Secret\nmetadata: {{name: s{}}}\n"
                                     "spec: {{file: f{}.enc}}\n",
                                     i, i));
      files.emplace_back(fmt::format("f{}.enc", i), std::string(size, 'x'));
    }
    return load_files(files);
  };
  EXPECT_EQ(complaints(load_many(100, 10, "")), "");
  EXPECT_THAT(complaints(load_many(101, 10, "")), HasSubstr("name more than 100 files"));
  EXPECT_THAT(complaints(load_many(20, 1'000'000, "")), HasSubstr("more than 16 MiB"));
  EXPECT_TRUE(load_many(1, 10, "apiVersion: croft/v1\nkind: Instance\n").secret_files.empty());
}

// Whoever commits a secret in clear by mistake must not find it in events and logs, too.
TEST(SecretTest, NothingOfItsFileIsRepeatedWhateverIsWrong) {
  for (const std::string& text :
       {secret("  values: {value: hunter2-in-clear}\n"),
        secret("  values: {value: {secret: hunter2-in-clear}}\n"),
        secret("  value: hunter2-in-clear\n"), secret("  values: hunter2-in-clear\n"),
        secret("  values: [hunter2-in-clear]\n"), secret("  values: {a: hunter2-in-clear, a: b}\n"),
        secret("  values: {\"a b\": hunter2-in-clear}\n"),
        secret("  values: {value: \"hunter2-in-clear}\n"),
        std::string("kind: Secret\nmetadata: {name: api}\nspec: {values: {v: hunter2-in-clear}}\n"),
        std::string("apiVersion: croft/v1\nkind: &k Secret\nspec: {values: hunter2-in-clear}\n"),
        std::string("apiVersion: croft/v1\nkind: !!str Secret\nspec: {values: hunter2}\n"),
        std::string("apiVersion: croft/v1\nkind:\n  Secret\nspec: {values: hunter2-in-clear}\n"),
        std::string("apiVersion: croft/v1\n? kind\n: Secret\nspec: {values: hunter2-in-clear}\n"),
        std::string("apiVersion: croft/v1\nkind: \"S\\x65cret\"\nspec: {values: hunter2}\n"),
        std::string("apiVersion: croft/v1\nspec: {values: hunter2}}\nkind: \"S\\x65cret\"\n"),
        std::string("{\"apiVersion\": \"croft/v1\", \"kind\": \"Secret\", \"spec\": "
                    "{\"values\": \"hunter2-in-clear\"}}\n")}) {
    const std::string said = complaints(load_text(text));
    EXPECT_NE(said, "") << text;
    EXPECT_THAT(said, HasSubstr("hosting.yaml:")) << text;
    EXPECT_THAT(said, Not(HasSubstr("hunter2"))) << text;
  }
  EXPECT_THAT(complaints(load_text(secret("  values: {value: hunter2}\n"))),
              HasSubstr("hosting.yaml:5:19: error: values.value is not sealed"));
}

TEST(SecretTest, IsNothingToDependOn) {
  EXPECT_THAT(
      complaints(load_text(
          "apiVersion: croft/v1\nkind: Instance\nmetadata: {name: api}\nspec:\n  command: [x]\n"
          "  dependsOn: [Secret/api]\n")),
      HasSubstr("must name an Instance, a Site or a Stack"));
}

TEST(SecretTest, ServicesOfAStackGetSecretsAsFilesAndVariables) {
  const LoadedSet set = load_files(
      {{"stack.yaml",
        "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec:\n  file: compose.yaml\n"
        "  secretEnv: {web: {TOKEN: {secret: api}}}\n"},
       {"compose.yaml",
        "services:\n  web:\n    image: nginx\n    environment: {TOKEN: none}\n"
        "    secrets: [db-password, {source: key, target: /etc/key, mode: 0400}]\n"
        "secrets:\n  db-password: {external: true}\n  key: {external: true, name: tls}\n"}});
  ASSERT_EQ(complaints(set), "");
  const Value& spec = *set.resources.back().spec;
  EXPECT_EQ(spec.text_or("env.TOKEN.secret", ""), "api");
  EXPECT_EQ(spec.text_or("files[0].path", ""), "/run/secrets/db-password");
  EXPECT_EQ(spec.text_or("files[0].content.secret", ""), "db-password");
  EXPECT_EQ(spec.text_or("files[1].content.secret", ""), "tls");
  EXPECT_EQ(spec.integer_or("files[1].mode", 0), 0400);
}

TEST(SecretTest, AVariableOfAServiceThatThereIsNotIsAnError) {
  const LoadedSet set = load_files(
      {{"stack.yaml",
        "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec:\n  file: compose.yaml\n"
        "  secretEnv:\n    wep: {TOKEN: {secret: api}}\n"},
       {"compose.yaml", "services:\n  web:\n    image: nginx\n"}});
  EXPECT_THAT(complaints(set), HasSubstr("secretEnv: there is no service 'wep'"));
  EXPECT_THAT(complaints(set), HasSubstr("did you mean 'web'?"));
}

}  // namespace
}  // namespace croft::manifest
