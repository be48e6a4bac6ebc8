#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/manifest/locate.hpp"
#include "tests/core/manifest/compose/corpus.hpp"

namespace croft::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kShop = R"(services:
  web:
    image: nginx
    ports: ["8080:80"]
    depends_on: [db]
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: secret}
    volumes: ["data:/var/lib/postgresql/data"]
    profiles: []
  debug:
    image: busybox
    profiles: [debug]
    privileged: true
volumes:
  data:
)";

std::string field(const Value& spec, std::string_view path) {
  const Value* found = spec.at_path(path);
  return found == nullptr ? "nothing" : to_json(*found);
}

TEST(ComposeExpandTest, AStackIsFollowedByItsNetworksVolumesAndServices) {
  const auto set = load_compose(std::string(kShop));
  EXPECT_EQ(complaints(set), "");
  EXPECT_THAT(names_of(set), ElementsAre("alice/Stack/shop", "alice/Network/shop.default",
                                         "alice/Volume/shop.data", "alice/Service/shop.web",
                                         "alice/Service/shop.db"));
  EXPECT_EQ(to_json(spec_of_part(set, "Service/shop.web")),
            R"({"deletion":{"after":2592000000,"policy":"retain"},)"
            R"("dependsOn":["Network/shop.default","Service/shop.db"],)"
            R"("dependsWhen":{"Service/shop.db":"started"},"grace":10000,)"
            R"("hostPorts":[{"port":80,"protocol":"tcp","published":8080}],"image":"nginx",)"
            R"("imagePolicy":"pinned","init":false,"networks":[{"name":"default"}],)"
            R"("privileged":false,"readOnly":false,)"
            R"("resources":{"cpu":250,"memory":268435456,"pids":256},"restart":"on-failure",)"
            R"("stdinOpen":false,"tty":false})");
  EXPECT_EQ(to_json(spec_of_part(set, "Volume/shop.data")),
            R"({"deletion":{"after":2592000000,"policy":"retain"},"size":1073741824})");
  EXPECT_EQ(to_json(spec_of_part(set, "Network/shop.default")),
            R"({"deletion":{"after":2592000000,"policy":"retain"},"internal":false})");
}

TEST(ComposeExpandTest, TheStackSaysWhatTheFileDoesNot) {
  const auto set =
      load_compose(std::string(kShop), R"(  expose: {shop: "web:80", api.example.com: "web:8081"}
  hostPorts: ignore
  volumes: {data: {size: 5GiB}}
  imagePolicy: follow
  provider: big
  deletion: {policy: destroy}
  profiles: [debug]
)");
  EXPECT_EQ(complaints(set), "");
  const Value web = spec_of_part(set, "Service/shop.web");
  EXPECT_EQ(field(web, "ports"), "[8081,80]");
  EXPECT_EQ(field(web, "routes"),
            R"([{"host":"api.example.com","port":8081},{"host":"shop","port":80}])");
  EXPECT_EQ(field(web, "hostPorts"), "nothing");
  EXPECT_EQ(field(web, "imagePolicy"), "\"follow\"");
  EXPECT_EQ(field(web, "provider"), "\"big\"");
  const Value data = spec_of_part(set, "Volume/shop.data");
  EXPECT_EQ(field(data, "size"), "5368709120");
  EXPECT_EQ(field(data, "provider"), "\"big\"");
  EXPECT_EQ(field(data, "deletion.policy"), "\"destroy\"");
  EXPECT_EQ(field(spec_of_part(set, "Network/shop.default"), "provider"), "\"big\"");
  EXPECT_EQ(field(spec_of_part(set, "Service/shop.debug"), "privileged"), "true");
}

TEST(ComposeExpandTest, WhatTheStackNamesMustBeThere) {
  const std::string said =
      complaints(load_compose(std::string(kShop),
                              "  expose: {a: \"wbe:80\", b: \"debug:80\"}\n  volumes: {date: "
                              "{size: 1GiB}}\n  profiles: [prod]\n"));
  EXPECT_THAT(said, HasSubstr("hosting.yaml:6:15: error: expose.a: there is no service 'wbe'"));
  EXPECT_THAT(said, HasSubstr("did you mean 'web'?"));
  EXPECT_THAT(said, HasSubstr("error: expose.b: there is no service 'debug'"));
  EXPECT_THAT(said, HasSubstr("it has a profile that is not chosen"));
  EXPECT_THAT(said, HasSubstr("hosting.yaml:7:19: error: the compose file has no volume 'date'"));
  EXPECT_THAT(said, HasSubstr("hosting.yaml:8:14: warning: no service has the profile 'prod'"));
}

TEST(ComposeExpandTest, OthersMayDependOnTheStackAndTheStackOnOthers) {
  const auto set = load_files(
      {{"compose.yaml", std::string(kShop)},
       {"a.yaml",
        "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {file: compose.yaml, "
        "dependsOn: [Site/blog]}\n"
        "---\napiVersion: croft/v1\nkind: Site\nmetadata: {name: blog}\nspec: {files: {path: p}}\n"
        "---\napiVersion: croft/v1\nkind: Site\nmetadata: {name: two}\n"
        "spec: {files: {path: p}, dependsOn: [Stack/shop]}\n"}});
  EXPECT_EQ(complaints(set), "");
  EXPECT_EQ(field(spec_of_part(set, "Service/shop.db"), "dependsOn"),
            R"(["Site/blog","Network/shop.default","Volume/shop.data"])");
}

TEST(ComposeExpandTest, EveryFieldKnowsWhereItStands) {
  const auto set = load_compose(std::string(kShop), "  expose: {shop: \"web:80\"}\n");
  const Resource& db = set.resources.back();
  EXPECT_EQ(db.origin, (Origin{"alice/main", "compose.yaml", 0, 6}));
  const auto at = [&](const Resource& resource, std::string_view path) {
    const FieldPlaces::Place* place = resource.places->find(path);
    return place == nullptr ? "nowhere"
                            : place->file + ":" + std::to_string(place->line) + ":" +
                                  std::to_string(place->column);
  };
  EXPECT_EQ(at(db, "spec.env.POSTGRES_PASSWORD"), "compose.yaml:8:19");
  EXPECT_EQ(at(db, "spec.image"), "compose.yaml:7:5");
  EXPECT_EQ(at(db, "spec.mounts[0].path"), "compose.yaml:9:15");
  EXPECT_EQ(at(db, "spec.resources.memory"), "compose.yaml:6:3")
      << "what nobody wrote is the service's";
  const Resource& web = set.resources[set.resources.size() - 2];
  EXPECT_EQ(at(web, "spec.routes[0].host"), "hosting.yaml:6:18");
  EXPECT_EQ(at(web, "spec.hostPorts[0]"), "compose.yaml:4:13");
}

TEST(ComposeExpandTest, AnInlineFileHasItsPlacesInTheManifest) {
  const auto inline_stack = [](const std::string& body) {
    return load_files(
        {{"a.yaml", "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec:\n" + body},
         {".env", "TAG=5\n"}});
  };
  const auto good = inline_stack("  inline: |\n    services:\n      web: {image: \"a:$TAG\"}\n");
  EXPECT_EQ(field(spec_of_part(good, "Service/shop.web"), "image"), "\"a:5\"");
  EXPECT_EQ(good.resources.back().origin.line, 7);
  EXPECT_THAT(complaints(inline_stack("  inline: |\n    services:\n      web: {imge: a}\n")),
              HasSubstr("a.yaml:7:13: error: unknown key 'imge' in services.web"));
  EXPECT_THAT(complaints(inline_stack("  inline: \"services: {web: {imge: a}}\"\n")),
              HasSubstr("a.yaml:5:11: error: unknown key 'imge' in services.web"));
}

TEST(ComposeExpandTest, AChangedFileIsAChangedSpec) {
  const auto with = [](const std::string& content) {
    const auto set =
        load_stack({{"compose.yaml",
                     "services: {web: {build: app, volumes: ['./conf:/conf:ro'], configs: [c]}}\n"
                     "configs: {c: {file: conf/c}}\n"},
                    {"app/Dockerfile", content},
                    {"conf/c", content}});
    return spec_of_part(set, "Service/shop.web");
  };
  const Value one = with("FROM a");
  const Value two = with("FROM b");
  for (const char* path : {"build.tree", "files[0].id", "files[1].id"}) {
    EXPECT_NE(field(one, path), "nothing") << path;
    EXPECT_NE(field(one, path), field(two, path)) << path;
    EXPECT_EQ(field(one, path), field(with("FROM a"), path)) << path;
  }
  EXPECT_EQ(field(one, "build.context"), "\"app\"");
}

TEST(ComposeExpandTest, PathsOfTheHostAndPrivilegesAreKeptForThePlanToJudge) {
  const Value spec =
      web("    image: a\n    privileged: true\n    pid: host\n    cap_add: [SYS_ADMIN]\n"
          "    volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]\n    runtime: other\n");
  EXPECT_EQ(
      field(spec, "hostMounts"),
      R"([{"path":"/var/run/docker.sock","readOnly":false,"source":"/var/run/docker.sock"}])");
  EXPECT_EQ(field(spec, "capAdd"), R"(["SYS_ADMIN"])");
  EXPECT_EQ(field(spec, "pid"), "\"host\"");
  EXPECT_EQ(field(spec, "runtime"), "\"other\"");
}

TEST(ComposeExpandTest, NamespacesOfNobodyElseCanBeNamed) {
  const std::string said = complaints(load_compose(
      "services:\n  web:\n    image: a\n    pid: container:3f\n    ipc: ns:/proc/1/ns/ipc\n"
      "    uts: private\n    userns_mode: keep-id\n    cgroup: other\n"));
  EXPECT_THAT(said, HasSubstr("compose.yaml:4:10: error: services.web.pid must be `host` or "
                              "`service:NAME`, got 'container:3f'"));
  for (const char* place :
       {"compose.yaml:5:10:", "compose.yaml:6:10:", "compose.yaml:7:18:", "compose.yaml:8:13:"})
    EXPECT_THAT(said, HasSubstr(place));
}

TEST(ComposeExpandTest, FilesAreSeenFromTheSourcesRootWhereverTheStackLies) {
  const auto set = load_files({{"stacks/shop/compose.yaml",
                                "services: {web: {build: ., volumes: ['../shared/x:/x:ro']}}\n"},
                               {"stacks/shop/Dockerfile", "FROM a"},
                               {"stacks/shared/x", "y"},
                               {"a.yaml",
                                "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec: "
                                "{file: stacks/shop/compose.yaml}\n"}});
  EXPECT_EQ(complaints(set), "");
  const Value spec = spec_of_part(set, "Service/shop.web");
  EXPECT_EQ(field(spec, "build.context"), "\"stacks/shop\"");
  EXPECT_EQ(field(spec, "files[0].source"), "\"stacks/shared/x\"");
}

TEST(ComposeExpandTest, VolumesStayWithoutTheirServices) {
  const auto set = load_compose(
      "services: {web: {image: a}, db: {image: b, profiles: [db], volumes: ['data:/d'], networks: "
      "[n]}}\n"
      "volumes: {data: }\nnetworks: {n: }\n");
  EXPECT_THAT(names_of(set), ElementsAre("alice/Stack/shop", "alice/Network/shop.default",
                                         "alice/Volume/shop.data", "alice/Service/shop.web"));
}

TEST(ComposeExpandTest, UnchangedSpecsAreTheSameObjects) {
  const CountingTree tree(Files{
      {"compose.yaml", std::string(kShop)},
      {"a.yaml",
       "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec: {file: compose.yaml}\n"}});
  DocumentCache cache;
  const LoadRequest request{
      .source = "alice/main", .tenant = "alice", .scope = SourceScope::Tenant};
  const auto first = load(tree, request, cache).value();
  const auto second = load(tree, request, cache).value();
  ASSERT_EQ(first.resources.size(), second.resources.size());
  for (std::size_t i = 0; i < first.resources.size(); ++i)
    EXPECT_EQ(first.resources[i].spec, second.resources[i].spec);
}

TEST(ComposeExpandTest, BuildContextsAreContent) {
  EXPECT_EQ(
      complaints(load_stack({{"compose.yaml", "services: {web: {build: app}}\n"},
                             {"app/Dockerfile", "FROM a"},
                             {"app/k8s.yaml", "kind: Site\nmetadata: {name: x}\nspec: {}\n"}})),
      "");
}

TEST(ComposeExpandTest, TheExampleLoadsWithoutAWord) {
  const auto set = load_files(read_directory(CROFT_SOURCE_DIR "/examples/stack"));
  EXPECT_EQ(complaints(set), "");
  EXPECT_THAT(names_of(set), ElementsAre("alice/Stack/shop", "alice/Network/shop.default",
                                         "alice/Volume/shop.data", "alice/Service/shop.web",
                                         "alice/Service/shop.db"));
}

}  // namespace
}  // namespace croft::manifest
