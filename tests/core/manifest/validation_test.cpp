#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/manifest/loading.hpp"

// What is checked of fields, in the words that people see.

namespace croft::manifest {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string document(std::string_view kind, std::string_view name, std::string_view spec) {
  return "apiVersion: croft/v1\nkind: " + std::string(kind) +
         "\nmetadata: {name: " + std::string(name) + "}\nspec:\n" + std::string(spec);
}

std::string of_instance(std::string_view spec) {
  return complaints(
      load_text(document("Instance", "api", "  command: [run]\n" + std::string(spec))));
}
std::string of_platform(std::string_view kind, std::string_view name, std::string_view spec) {
  CountingTree tree({{"platform.yaml", document(kind, name, spec)}});
  DocumentCache cache;
  return complaints(*load(
      tree, {.source = "platform", .scope = SourceScope::Platform, .is_whole_set = false}, cache));
}

TEST(ValidationTest, ABrokenManifestLooksAsPromised) {
  const std::string text =
      "apiVersion: croft/v1\n"
      "kind: Instance\n"
      "metadata: {name: api}\n"
      "spec:\n"
      "  command: [python3, app.py]\n"
      "  files: {path: api}\n"
      "  env:\n"
      "    GREETING: hello\n"
      "  recources: {cpu: 250m, memory: 128MiB}\n"
      "  health: {http: healthz, startWithin: 20s}\n";
  EXPECT_EQ(complaints(load_text(text)),
            "hosting.yaml:9:3: error: unknown field 'recources' in Instance spec\n"
            "   9 |   recources: {cpu: 250m, memory: 128MiB}\n"
            "     |   ^~~~~~~~~ did you mean 'resources'?\n"
            "hosting.yaml:10:18: error: health.http must start with '/', got 'healthz'\n"
            "  10 |   health: {http: healthz, startWithin: 20s}\n"
            "     |                  ^~~~~~~\n"
            "2 errors in 1 file. Nothing was changed.\n");
}

TEST(ValidationTest, ColorsAreOptionalAndTerminalsAreSafe) {
  const LoadedSet set =
      load_text(document("Site", "x", "  files: {path: p}\n  \"o\\u009bops\": 1\n"));
  EXPECT_THAT(render(set.diagnostics, {.color = true}),
              HasSubstr("\x1b[1;31merror:\x1b[0m unknown field 'o?ops' in Site spec"));
}

TEST(ValidationTest, ACaretStandsUnderItsTextBehindOtherAlphabets) {
  EXPECT_THAT(of_instance("  env: {A: \xC3\xA9\xC3\xA9, 1B: x}\n"),
              HasSubstr("6:18: error: env.1B is not a name for an environment variable"));
  EXPECT_THAT(of_instance("  env: {A: \xC3\xA9\xC3\xA9, 1B: x}\n"),
              HasSubstr("\n     |                ^~\n"));
}

TEST(ValidationTest, ALongLineIsShownAroundTheMistake) {
  const std::string text = of_instance("  env: {A: " + std::string(5000, 'x') +
                                       ", 1B: x, C: " + std::string(5000, 'y') + "}\n");
  EXPECT_LT(text.size(), 600u);
  EXPECT_THAT(text, HasSubstr("1B: x"));
}

TEST(ValidationTest, FieldsOfLaterVersionsSaySo) {
  EXPECT_THAT(
      of_instance("  power: onDemand\n"),
      StartsWith(
          "hosting.yaml:6:3: error: power is not supported yet: it comes with power management, "
          "in a later version of Croft\n"));
  EXPECT_THAT(of_instance("  template: small\n"), HasSubstr("template is not supported yet"));
  EXPECT_THAT(complaints(load_text(document("Database", "db", "  version: 17\n"))),
              HasSubstr("2:7: error: the kind 'Database' arrives with a later version of Croft"));
  EXPECT_THAT(of_instance("  dependsOn: [Database/db]\n"),
              HasSubstr("the kind 'Database' arrives with a later version of Croft"));
}

TEST(ValidationTest, PartsOfStacksAreNotDeclaredByThemselves) {
  EXPECT_THAT(
      complaints(load_text(document("Service", "web", "  image: nginx\n"))),
      testing::AllOf(
          HasSubstr("2:7: error: a Service is not declared by itself: it is part of a Stack"),
          HasSubstr("write it into the compose file that the Stack names")));
}

TEST(ValidationTest, AStackHasOneComposeFile) {
  EXPECT_THAT(complaints(load_text(document("Stack", "db", "  provider: docker\n"))),
              HasSubstr("Stack spec needs 'file', the path of a compose file, or 'inline'"));
  EXPECT_THAT(
      complaints(load_text(document("Stack", "db", "  expose: {shop: web}\n  file: c.yaml\n"))),
      HasSubstr("must be SERVICE:PORT, such as 'web:80', got 'web'"));
}

TEST(ValidationTest, AnImageAndABuildAreTwoImages) {
  EXPECT_THAT(
      complaints(load_text(document("Instance", "api", "  image: a\n  build: {context: .}\n"))),
      HasSubstr("must not stand beside 'image': it has one image"));
}

TEST(ValidationTest, WebhooksAreAnybodysButSomeOfTheirFieldsTheOperators) {
  const auto of_tenant = [](std::string_view spec) {
    return load_text(document("Webhook", "ops", spec));
  };
  EXPECT_EQ(names_of(of_tenant("  url: https://a.example/x\n")),
            std::vector<std::string>{"alice/Webhook/ops"});
  EXPECT_THAT(complaints(of_tenant("  url: https://a.example/x\n  allowPrivate: true\n")),
              HasSubstr("6:3: error: allowPrivate is the operator's to set"));
  EXPECT_EQ(complaints(of_tenant("  url: {secret: x}\n  secret: {secret: hook/key}\n")), "");
  const LoadedSet platform =
      load_text(document("Webhook", "ops",
                         "  url: {secret: x}\n  allowPrivate: true\n  secret: {secret: key}\n"),
                SourceScope::Platform);
  EXPECT_EQ(complaints(platform), "");
  EXPECT_EQ(names_of(platform), std::vector<std::string>{"Webhook/ops"});
  EXPECT_EQ(
      names_of(load_text(document("Webhook", "ops", "  url: http://x\n  allowPrivate: true\n"),
                         SourceScope::Solo)),
      std::vector<std::string>{"alice/Webhook/ops"});
}

TEST(ValidationTest, WhatAWebhookNamesIsChecked) {
  const auto wrong = [](std::string_view spec) {
    return complaints(load_text(document("Webhook", "ops", spec)));
  };
  EXPECT_THAT(wrong("  url: ftp://a\n"),
              HasSubstr("url must begin with https://, http:// or mailto:"));
  EXPECT_THAT(wrong("  url: https://user:pw@a/\n"), HasSubstr("must not hold a user"));
  EXPECT_THAT(wrong("  url: https:///x\n"), HasSubstr("must name a host"));
  EXPECT_THAT(wrong("  url: https://a/#x\n"), HasSubstr("must not have a fragment"));
  EXPECT_THAT(wrong("  url: \"https://a/ x\"\n"), HasSubstr("must be printable ASCII"));
  EXPECT_THAT(wrong("  url: https://a\n  events: [croft.resource.redy]\n"),
              HasSubstr("fits no type of event: 'croft.resource.redy'; did you mean "
                        "'croft.resource.ready'?"));
  EXPECT_EQ(wrong("  url: https://a\n  events: [\"*.failed\"]\n  resources: [\"*/api\"]\n"), "");
  EXPECT_THAT(wrong("  url: https://a\n  resources: [api]\n"), HasSubstr("must be KIND/NAME"));
  EXPECT_THAT(wrong("  url: https://a\n  secret: whsec_abc\n"),
              HasSubstr("secret must be {secret: NAME}: a key has no place in a repository"));
  EXPECT_THAT(wrong("  url: https://a\n  format: xml\n"), HasSubstr("must be one of cloudevents"));
}

TEST(ValidationTest, AWebhookThatSendsMailNamesAddressesAndNothingElse) {
  const auto wrong = [](std::string_view spec) {
    return complaints(load_text(document("Webhook", "ops", spec)));
  };
  EXPECT_EQ(wrong("  url: mailto:ops@example.com\n"), "");
  EXPECT_EQ(wrong("  url: \"mailto:ops+croft@example.com,eve.o'neil@mail.example.com\"\n"), "");
  for (const char* url :
       {"mailto:", "mailto:ops", "mailto:@example.com", "mailto:ops@", "mailto:ops@exa mple.com",
        "mailto:ops@example.com?bcc=eve@example.com", "mailto:ops@example.com%0d%0aBcc:x@y.example",
        "mailto:ops@example.com,", "mailto:Ops <ops@example.com>", "mailto:\\r\\nDATA@example.com",
        "mailto:-oops@example.com", "mailto:a@b@example.com"}) {
    EXPECT_THAT(wrong(std::string("  url: \"") + url + "\"\n"),
                HasSubstr("url must hold addresses such as ops@example.com"))
        << url;
  }
  std::string many = "mailto:a0@example.com";
  for (int i = 1; i <= 10; ++i) many += ",a" + std::to_string(i) + "@example.com";
  EXPECT_THAT(wrong("  url: " + many + "\n"), HasSubstr("must not hold more than 10 addresses"));
  EXPECT_THAT(wrong("  url: mailto:ops@example.com\n  format: slack\n"),
              HasSubstr("format is for URLs: a mail is plain text"));
  EXPECT_THAT(wrong("  url: mailto:ops@example.com\n  secret: {secret: key}\n"),
              HasSubstr("secret is for URLs: a mail is not signed"));
}

TEST(ValidationTest, ATemplateIsTheOperatorsAndGoesWithItsFormat) {
  const auto wrong = [](std::string_view spec, SourceScope scope = SourceScope::Platform) {
    return complaints(load_text(document("Webhook", "ops", spec), scope));
  };
  const std::string both = "  url: https://a\n  format: template\n  template: templates/x.lua\n";
  EXPECT_EQ(wrong(both), "");
  EXPECT_THAT(wrong(both, SourceScope::Tenant), HasSubstr("template is the operator's to set"));
  EXPECT_THAT(wrong("  url: https://a\n  format: template\n"), HasSubstr("go together"));
  EXPECT_THAT(wrong("  url: https://a\n  template: x.lua\n"), HasSubstr("go together"));
  EXPECT_THAT(wrong("  url: https://a\n  format: template\n  template: ../x.lua\n"),
              HasSubstr("template"));
}

TEST(ValidationTest, SecretsKeepTheirShapeEverywhere) {
  EXPECT_EQ(of_instance("  env: {TOKEN: {secret: api-token}, KEY: {secret: tls/key}}\n"), "");
  EXPECT_THAT(of_instance("  env: {TOKEN: {secret: -x}}\n"),
              HasSubstr("6:25: error: env.TOKEN names no secret"));
  EXPECT_THAT(of_instance("  env: {TOKEN: {secret: x, fingerprint: y}}\n"),
              HasSubstr("must be a single value, or {secret: NAME}"));
  EXPECT_THAT(of_instance("  secretFiles: {/run/key: text}\n"),
              HasSubstr("must be {secret: NAME}"));
  EXPECT_THAT(of_instance("  secretFiles: {run/key: {secret: x}}\n"),
              HasSubstr("must be absolute"));
  EXPECT_THAT(of_instance("  command: [{secret: x}]\n"), HasSubstr("command"));
  const LoadedSet set = load_text(document("Provider", "fly",
                                           "  adapter: fly\n  credentials: {secret: fly-token}\n  "
                                           "settings: {token: {secret: t}, region: cdg}\n"),
                                  SourceScope::Platform);
  ASSERT_EQ(complaints(set), "");
  EXPECT_EQ(set.resources[0].spec->text_or("credentials.secret", ""), "fly-token");
  EXPECT_EQ(to_json(*set.resources[0].spec->find("settings")),
            R"({"region":"cdg","token":{"secret":"t"}})");
}

TEST(ValidationTest, HealthHasExactlyOneWay) {
  EXPECT_THAT(of_instance("  health: {interval: 5s}\n"),
              StartsWith("hosting.yaml:6:3: error: health must have one of http, tcp, exec\n"));
  EXPECT_THAT(of_instance("  health: {http: /, tcp: 80}\n"),
              HasSubstr("6:26: error: health.tcp must not stand beside http"));
  EXPECT_THAT(of_instance("  health: {tcp: 70000}\n"),
              HasSubstr("health.tcp must be at most 65535, got 70000"));
  EXPECT_EQ(of_instance("  health: {exec: [true]}\n"), "");
}

TEST(ValidationTest, PathsStayInside) {
  for (const char* path : {"..", "a/../b", "/etc", "a//b", "a/", "./..", "''"}) {
    EXPECT_THAT(of_instance(std::string("  files: {path: ") + path + "}\n"),
                HasSubstr("files.path must"))
        << path;
  }
  for (const char* path : {".", "a", "a/b", "./a", "..a", "a..b"}) {
    EXPECT_EQ(of_instance(std::string("  files: {path: ") + path + "}\n"), "") << path;
  }
}

TEST(ValidationTest, VolumesAreAbsoluteAndApart) {
  EXPECT_THAT(of_instance("  volumes: [{name: data, path: data}]\n"),
              HasSubstr("volumes[0].path must be absolute, got 'data'; write '/data'"));
  EXPECT_THAT(of_instance("  volumes: [{name: a, path: /d}, {name: b, path: /d}]\n"),
              HasSubstr("6:50: error: volumes[1].path is '/d', which overlaps '/d' of volume 1"));
  EXPECT_THAT(of_instance("  volumes: [{name: a, path: /d}, {name: a, path: /e}]\n"),
              HasSubstr("volumes[1].name is 'a', as of volume 1 already"));
  EXPECT_THAT(of_instance("  volumes: [{name: a, path: /d/x}, {name: b, path: /d}]\n"),
              HasSubstr("overlaps"));
  EXPECT_THAT(of_instance("  volumes: [{path: /d}]\n"),
              HasSubstr("6:13: error: volumes[0].name is missing"));
  EXPECT_EQ(of_instance("  volumes: [{name: a, path: /d}, {name: b, path: /dd, size: 10GiB}]\n"),
            "");
}

TEST(ValidationTest, HostsAreHostNames) {
  EXPECT_THAT(of_instance("  http: {hosts: [Blog.dev]}\n"),
              HasSubstr("http.hosts[0] must be in lower case"));
  EXPECT_THAT(of_instance("  http: {hosts: ['*.dev.com']}\n"), HasSubstr("wildcards"));
  EXPECT_THAT(of_instance("  http: {hosts: ['https://x.dev']}\n"), HasSubstr("without scheme"));
  EXPECT_THAT(of_instance("  http: {hosts: [localhost]}\n"),
              HasSubstr("such as 'blog.example.com'"));
  EXPECT_THAT(of_instance("  http: {hosts: [127.0.0.1]}\n"), HasSubstr("such as"));
  EXPECT_THAT(of_instance("  http: {hosts: [a.dev, b.dev, a.dev]}\n"),
              HasSubstr("http.hosts[2] says 'a.dev' a second time"));
  EXPECT_EQ(of_instance("  http: {port: 1, hosts: [blog.alice.dev, xn--bcher-kva.example]}\n"), "");
}

TEST(ValidationTest, NumbersHaveBoundsInTheirUnit) {
  EXPECT_THAT(of_instance("  resources: {memory: 1KiB}\n"),
              HasSubstr("resources.memory must be at least 4MiB, got 1KiB"));
  EXPECT_THAT(of_instance("  http: {port: 0}\n"), HasSubstr("http.port must be at least 1, got 0"));
  EXPECT_THAT(of_instance("  grace: 5\n"), HasSubstr("grace: '5' is not a duration"));
  EXPECT_THAT(of_instance("  resources: {cpu: much}\n"),
              HasSubstr("resources.cpu: 'much' is not an amount of cpu"));
}

TEST(ValidationTest, EnvironmentNamesAreNames) {
  EXPECT_THAT(of_instance("  env: {A-B: x}\n"), HasSubstr("6:9: error: env.A-B is not a name"));
  EXPECT_THAT(of_instance("  env: {PORT: 80}\n"), HasSubstr("env.PORT is set by Croft"));
}

TEST(ValidationTest, ShapesAreNamed) {
  EXPECT_THAT(of_instance("  env: [a]\n"), HasSubstr("env must be a map"));
  EXPECT_THAT(of_instance("  files: api\n"), HasSubstr("files must have fields"));
  EXPECT_THAT(of_instance("  files: api\n"), HasSubstr("for example files: {path: public}"));
  EXPECT_THAT(complaints(load_text(document("Instance", "api", "  command: run it\n"))),
              HasSubstr("command must be a list"));
  EXPECT_THAT(of_instance("  provider: [a]\n"),
              HasSubstr("provider must be a single value, got a list"));
  EXPECT_THAT(of_instance("  files: {}\n"), HasSubstr("6:3: error: files.path is missing"));
  EXPECT_THAT(
      complaints(load_text(document("Instance", "api", "  env: {A: x}\n"))),
      HasSubstr("4:1: error: Instance spec needs 'command', what it runs, or 'image' or 'build'"));
  EXPECT_THAT(complaints(load_text("apiVersion: croft/v1\nkind: Site\nmetadata: {name: x}\n")),
              HasSubstr("2:1: error: files is missing"));
}

TEST(ValidationTest, TheEnvelopeIsChecked) {
  EXPECT_THAT(complaints(load_text("apiVersion: croft/v1\nmetadata: {name: x}\n")),
              HasSubstr("1:1: error: kind is missing"));
  EXPECT_THAT(complaints(load_text("apiVersion: croft/v1\nkind: Sites\nmetadata: {name: x}\n")),
              HasSubstr("did you mean 'Site'?"));
  EXPECT_THAT(complaints(load_text("apiVersion: croft/v1\nkind: Site\nspec: {files: {path: .}}\n")),
              HasSubstr("2:1: error: metadata is missing"));
  EXPECT_THAT(complaints(load_text("apiVersion: croft/v1\nkind: Site\nmetadata: {name: x, lables: "
                                   "{}}\nspec: {files: {path: .}}\nstatus: {}\n")),
              testing::AllOf(HasSubstr("3:21: error: unknown field 'lables' in metadata"),
                             HasSubstr("did you mean 'labels'?"),
                             HasSubstr("status is never written to Git")));
}

TEST(ValidationTest, NamesAreChecked) {
  for (const char* name : {"Blog", "-x", "x-", "a--b", "a_b", "''", "a.b"}) {
    EXPECT_THAT(complaints(load_text(document("Site", name, "  files: {path: .}\n"))),
                HasSubstr("is not a name for a resource"))
        << name;
  }
  const std::string longest(63 - 6, 'x');
  EXPECT_EQ(complaints(load_text(document("Site", longest, "  files: {path: .}\n"))), "");
  EXPECT_THAT(complaints(load_text(document("Site", longest + "x", "  files: {path: .}\n"))),
              HasSubstr("is longer than the 63 characters"));
  EXPECT_THAT(of_platform("Tenant", "www", "  plan: hobby\n"),
              HasSubstr("3:18: error: the name 'www' is reserved"));
  EXPECT_THAT(of_platform("Tenant", "a-b", "  plan: hobby\n"),
              HasSubstr("'a-b' is not a name for a Tenant"));
}

TEST(ValidationTest, PricesAreMoney) {
  const auto price = [](std::string_view fields) {
    return of_platform("Plan", "hobby", "  price: {" + std::string(fields) + "}\n");
  };
  EXPECT_EQ(price("amount: 20.00, currency: USD, per: year"), "");
  EXPECT_THAT(price("amount: 20.001, currency: USD, per: year"),
              HasSubstr("5:19: error: price.amount is wrong: '20.001' is not an amount of USD"));
  EXPECT_THAT(price("amount: \"1\", currency: DOL, per: year"),
              HasSubstr("5:34: error: price.currency is unknown: 'DOL'"));
  EXPECT_THAT(price("amount: -1, currency: USD, per: year"),
              HasSubstr("price.amount must not be negative"));
  EXPECT_THAT(price("amount: 1, currency: USD, per: yaer"), HasSubstr("did you mean 'year'?"));
  EXPECT_THAT(price("amount: 1, currency: USD"), HasSubstr("price.per is missing"));
}

TEST(ValidationTest, SourcesNameRepositoriesAndNoPasswords) {
  const auto url = [](std::string_view text) {
    return of_platform("Source", "main", "  tenant: alice\n  url: '" + std::string(text) + "'\n");
  };
  for (const char* good : {"/srv/a.git", "file:///srv/a.git", "https://git.example.com/a.git",
                           "ssh://git@example.com:22/a.git"})
    EXPECT_EQ(url(good), "") << good;
  for (const char* bad :
       {"a.git", "http://x/y", "git://x/y", "ext::sh -c x", "-oProxyCommand=x", "https://"})
    EXPECT_THAT(url(bad), HasSubstr("url must")) << bad;
  EXPECT_THAT(url("https://me:hunter2@x.example/a.git"), HasSubstr("must not hold a password"));
  EXPECT_THAT(url("git@example.com:alice/a.git"),
              HasSubstr("write 'ssh://git@example.com/alice/a.git'"));
  EXPECT_THAT(of_platform("Source", "main", "  tenant: alice\n  url: /a\n  ref: --upload-pack=x\n"),
              HasSubstr("ref must be a branch"));
}

TEST(ValidationTest, ProvidersOfProcessKnowTheirIsolation) {
  EXPECT_THAT(
      of_platform("Provider", "local", "  adapter: process\n  settings: {isolation: some}\n"),
      HasSubstr("6:25: error: settings.isolation must be 'full' or 'none', got 'some'"));
  EXPECT_EQ(of_platform("Provider", "local", "  adapter: process\n  settings: {isolation: none}\n"),
            "");
}

TEST(ValidationTest, PrivateKeysAreRefused) {
  EXPECT_THAT(of_platform("Tenant", "alice",
                          "  plan: hobby\n  sshKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----']\n"),
              HasSubstr("holds a private key"));
  EXPECT_THAT(of_platform("Tenant", "alice", "  plan: hobby\n  sshKeys: [AAAA]\n"),
              HasSubstr("OpenSSH public key"));
}

TEST(ValidationTest, IgnoredPathsAreFields) {
  EXPECT_EQ(
      of_instance("  ignore: [env, env.A, resources.memory, 'volumes[0].size', volumes.size]\n"),
      "");
  EXPECT_THAT(of_instance("  ignore: [env, resources.memroy]\n"),
              HasSubstr("6:17: error: ignore[1] must be the path of a field"));
}

TEST(ValidationTest, ThePromisedPlatformIsFine) {
  const std::string text =
      "apiVersion: croft/v1\nkind: Plan\nmetadata: {name: hobby}\nspec:\n"
      "  price: {amount: \"20.00\", currency: USD, per: year}\n"
      "  quotas: {instances: 3, concurrent: 2, sites: 20, stacks: 1, cpu: 1, memory: 1GiB, "
      "storage: 10GiB, fileSize: 100MiB, providers: 1}\n"
      "  governors: {idleAfter: 30m}\n"
      "---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {name: alice}\nspec:\n  plan: hobby\n"
      "  sshKeys: [\"ssh-ed25519 AAAA... alice@laptop\"]\n"
      "  source: {url: \"https://git.example.com/alice/hosting.git\", ref: main, path: ., "
      "interval: 1m}\n"
      "---\napiVersion: croft/v1\nkind: Provider\nmetadata: {name: fly}\nspec:\n  adapter: fly\n"
      "  settings: {organization: my-org, region: cdg}\n  credentials: {secret: fly-token}\n  "
      "rateLimit: {perSecond: 1}\n"
      "---\napiVersion: croft/v1\nkind: Provider\nmetadata: {name: railway}\nspec:\n  adapter: "
      "railway\n"
      "  rateLimit: {perHour: 100, concurrency: 4}\n";
  EXPECT_EQ(complaints(load_text(text, SourceScope::Platform)), "");
}

}  // namespace
}  // namespace croft::manifest
