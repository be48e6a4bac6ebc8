// What an engine says about a compose project, as files that Croft's own loader takes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/import/stack_import.hpp"
#include "core/base/json.hpp"
#include "core/base/value.hpp"
#include "core/git/tree.hpp"
#include "tests/core/manifest/loading.hpp"

namespace croft::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

Value json(std::string_view text) { return parse_json(text).value(); }

constexpr const char* kImage = R"({"RepoTags": ["shop/web:1"], "RepoDigests": ["shop/web@sha256:1"],
  "Config": {"Cmd": ["serve"], "Entrypoint": null, "Env": ["PATH=/bin", "LANG=C"], "WorkingDir": "/app",
             "User": "", "Labels": {"vendor": "us"}, "Volumes": {"/cache": {}}}})";

/// A container of service `web`, with that in its Config and HostConfig besides.
Value container(const std::string& config, const std::string& host, const std::string& more = "",
                const std::string& service = "web") {
  return json(R"({"Id": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "Name": "/shop_)" +
              service + R"(_1", "Image": "sha256:web", )" + more + R"(
    "Config": {"Image": "shop/web:1", "Cmd": ["serve"], "WorkingDir": "/app", "Hostname": "0123456789ab",
      "Env": ["PATH=/bin", "LANG=C"])" +
              (config.empty() ? "" : ", " + config) + R"(,
      "Labels": {"vendor": "us", "com.docker.compose.project": "shop", "com.docker.compose.service": ")" +
              service + R"(", "com.docker.compose.project.working_dir": "/home/us/shop"}},
    "HostConfig": {"NetworkMode": "shop_default", "RestartPolicy": {"Name": "always"})" +
              (host.empty() ? "" : ", " + host) + "}}");
}

EngineProject project_of(std::vector<Value> containers) {
  EngineProject project;
  project.name = "shop";
  project.containers = std::move(containers);
  project.images["sha256:web"] = json(kImage);
  project.networks.push_back(json(R"({"Name": "shop_default", "Driver": "bridge",
    "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.network": "default"}})"));
  project.volumes.push_back(json(R"({"Name": "shop_data", "Driver": "local",
    "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.volume": "data"}})"));
  return project;
}

ImportedStack imported(Value one) { return import_project(project_of({std::move(one)})).value(); }

manifest::LoadedSet load(const ImportedStack& stack) {
  return manifest::load_files({{kComposeFile, stack.compose}, {kHostingFile, stack.hosting}});
}

/// The spec of a part as Croft reads what was written; its complaints, as a text, if there are any.
Value spec_of(const ImportedStack& stack, const std::string& ref) {
  const manifest::LoadedSet set = load(stack);
  if (!set.is_usable()) return Value(manifest::render(set.diagnostics));
  for (const Resource& resource : set.resources) {
    if (local_name(resource.ref) == ref) return *resource.spec;
  }
  return Value("there is no " + ref);
}

Value web_of(const ImportedStack& stack) { return spec_of(stack, "Service/shop.web"); }

std::string notes_of(const ImportedStack& stack) {
  std::string text;
  for (const ImportNote& note : stack.notes)
    text += note.about + ": " + note.what + " -> " + note.advice + "\n";
  return text;
}

TEST(ImportTest, WhatTheImageSaysIsLeftOut) {
  const ImportedStack stack = imported(container("", ""));
  EXPECT_EQ(stack.name, "shop");
  for (const char* field : {"command", "entrypoint", "environment", "labels", "working_dir", "user",
                            "hostname", "networks", "healthcheck"})
    EXPECT_THAT(stack.compose, Not(HasSubstr(std::string("    ") + field + ":"))) << stack.compose;
  const Value web = web_of(stack);
  EXPECT_EQ(web.text_or("image", to_json(web)), "shop/web:1");
  EXPECT_EQ(web.text_or("restart", ""), "always");
  EXPECT_EQ(web.text_or("networks[0].name", ""), "default");
}

TEST(ImportTest, WhatRunsOtherwiseIsWrittenAndReadBackAsItWas) {
  const ImportedStack stack = imported(container(
      R"("Cmd": ["sh", "-c", "echo $HOME: yes # no"], "Entrypoint": ["/init"], "User": "1000:1000",
         "StopSignal": "SIGINT", "StopTimeout": 3, "Tty": true,
         "Env": ["PATH=/bin", "LANG=de", "N=1", "EMPTY=", "MULTI=a\nb", "COST=$5"],
         "Healthcheck": {"Test": ["CMD-SHELL", "curl $HOST"], "Interval": 1500000000, "Retries": 4})",
      R"("Memory": 67108864, "NanoCpus": 500000000, "PidsLimit": 99, "ReadonlyRootfs": true,
         "Tmpfs": {"/run": "rw,size=64m"}, "CapDrop": ["ALL"], "Init": true,
         "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}], "ExtraHosts": ["db:10.0.0.1"])"));
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_EQ(to_json(*web.find("command")), R"(["sh","-c","echo $HOME: yes # no"])");
  EXPECT_EQ(to_json(*web.find("entrypoint")), R"(["/init"])");
  EXPECT_EQ(to_json(*web.find("env")),
            R"({"COST":"$5","EMPTY":"","LANG":"de","MULTI":"a\nb","N":"1"})");
  EXPECT_EQ(web.text_or("user", ""), "1000:1000");
  EXPECT_EQ(web.text_or("stopSignal", ""), "SIGINT");
  EXPECT_EQ(web.integer_or("grace", 0), 3000);
  EXPECT_EQ(web.integer_or("resources.memory", 0), 64 << 20);
  EXPECT_EQ(web.integer_or("resources.cpu", 0), 500);
  EXPECT_EQ(web.integer_or("resources.pids", 0), 99);
  EXPECT_EQ(web.text_or("health.test[1]", ""), "curl $HOST");
  EXPECT_EQ(web.integer_or("health.interval", 0), 1500);
  EXPECT_EQ(web.integer_or("health.retries", 0), 4);
  EXPECT_EQ(web.text_or("tmpfs[0].path", ""), "/run");
  EXPECT_EQ(web.integer_or("tmpfs[0].size", 0), 64 << 20);
  EXPECT_EQ(web.text_or("capDrop[0]", ""), "ALL");
  EXPECT_EQ(web.integer_or("ulimits.nofile.hard", 0), 200);
  EXPECT_EQ(web.text_or("extraHosts[0]", ""), "db=10.0.0.1");
  for (const char* field : {"readOnly", "init", "tty"}) EXPECT_TRUE(web.boolean_or(field, false));
}

TEST(ImportTest, VolumesAreTheProjectsOwnAnonymousOrLeftOut) {
  const std::string hash(64, 'a');
  const ImportedStack stack =
      imported(container("", "",
                         R"("Mounts": [
        {"Type": "volume", "Name": "shop_data", "Destination": "/data", "RW": false, "Mode": "ro"},
        {"Type": "volume", "Name": ")" +
                             hash + R"(", "Destination": "/cache", "RW": true, "Mode": ""},
        {"Type": "volume", "Name": ")" +
                             hash + R"(", "Destination": "/more", "RW": true, "Mode": ""},
        {"Type": "bind", "Source": "/home/us/shop/site", "Destination": "/www", "RW": false},
        {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/s", "RW": true}],)"));
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_EQ(web.find("mounts")->size(), 2U) << "what the image declares comes by itself";
  EXPECT_EQ(web.text_or("mounts[0].volume", ""), "data");
  EXPECT_TRUE(web.boolean_or("mounts[0].readOnly", false));
  EXPECT_EQ(web.text_or("mounts[1].path", ""), "/more");
  EXPECT_EQ(web.find("hostMounts"), nullptr);
  EXPECT_TRUE(spec_of(stack, "Volume/shop.data").is_map());
  EXPECT_THAT(stack.compose, HasSubstr("    # /home/us/shop/site of the host, bound to /www "
                                       "read-only, is left out: commit it beside this file and "
                                       "write volumes: [\"./site:/www:ro\"]"));
  EXPECT_THAT(notes_of(stack), HasSubstr("the engine's socket is a way to the whole machine"));
  ASSERT_EQ(stack.data.size(), 1U);
  EXPECT_EQ(stack.data[0].from, "shop_data");
  EXPECT_EQ(stack.data[0].to, "Volume/shop.data");
}

TEST(ImportTest, TwoVolumesNeverBecomeOne) {
  EngineProject project = project_of({container("", "", R"("Mounts": [
        {"Type": "volume", "Name": "data", "Destination": "/theirs", "RW": true, "Mode": ""},
        {"Type": "volume", "Name": "shop_data", "Destination": "/ours", "RW": true, "Mode": ""}],)")});
  project.volumes.insert(project.volumes.begin(),
                         json(R"({"Name": "data", "Driver": "local", "Labels": {}})"));
  const ImportedStack stack = import_project(project).value();
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_EQ(web.text_or("mounts[0].volume", ""), "data") << stack.compose;
  EXPECT_EQ(web.text_or("mounts[0].path", ""), "/ours");
  EXPECT_EQ(web.text_or("mounts[1].volume", ""), "data-2");
  EXPECT_THAT(notes_of(stack), HasSubstr("it is called 'data-2' here, as there is another 'data'"));
  ASSERT_EQ(stack.data.size(), 2U);
  EXPECT_NE(stack.data[0].to, stack.data[1].to);
}

TEST(ImportTest, APartOfAVolumeIsSaid) {
  const ImportedStack stack =
      imported(container("",
                         R"("Mounts": [{"Type": "volume", "Source": "shop_data", "Target": "/data",
                     "VolumeOptions": {"Subpath": "inner"}}])",
                         R"("Mounts": [
        {"Type": "volume", "Name": "shop_data", "Destination": "/data", "RW": true, "Mode": ""}],)"));
  EXPECT_THAT(notes_of(stack), HasSubstr("of the volume 'data', 'inner' alone was at /data"));
}

TEST(ImportTest, PortsOfSctpAreSaidNotWrittenAsTcp) {
  const ImportedStack stack =
      imported(container("", R"("PortBindings": {"9000/sctp": [{"HostIp": "", "HostPort": "9000"}],
                              "80/tcp": [{"HostIp": "", "HostPort": "8080"}]})"));
  EXPECT_THAT(notes_of(stack), HasSubstr("the port 9000/sctp is left out"));
  EXPECT_EQ(to_json(*web_of(stack).find("hostPorts")),
            R"([{"port":80,"protocol":"tcp","published":8080}])");
  EXPECT_THAT(stack.hosting, Not(HasSubstr("9000")));
}

TEST(ImportTest, NetworksOfTheProjectAreKeptWithTheirAliasesAndOthersAreSaid) {
  EngineProject project = project_of({container("", "", R"("NetworkSettings": {"Networks": {
        "shop_back": {"Aliases": ["web", "0123456789ab", "shop_web_1", "www"]},
        "proxy": {"Aliases": null}}},)")});
  project.networks.push_back(json(R"({"Name": "shop_back", "Driver": "bridge", "Internal": true,
    "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.network": "back"}})"));
  project.networks.push_back(json(R"({"Name": "proxy", "Driver": "bridge", "Labels": {}})"));
  const ImportedStack stack = import_project(project).value();
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_EQ(to_json(*web.find("networks")), R"([{"aliases":["www"],"name":"back"}])");
  EXPECT_TRUE(spec_of(stack, "Network/shop.back").boolean_or("internal", false));
  EXPECT_THAT(stack.compose, HasSubstr("# it was in the network 'proxy'"));
}

TEST(ImportTest, PortsAreKeptAndExposeIsSuggested) {
  const ImportedStack stack = imported(container(
      "",
      R"("PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
             "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}]})"));
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_EQ(to_json(*web.find("hostPorts")),
            R"([{"address":"127.0.0.1","port":53,"protocol":"udp","published":5353},)"
            R"({"port":80,"protocol":"tcp","published":8080}])");
  EXPECT_THAT(stack.hosting, HasSubstr("  # expose: {shop: \"web:80\"}\n  # hostPorts: ignore\n"));
  // What is suggested is taken.
  ImportedStack followed = stack;
  for (std::size_t at = 0; (at = followed.hosting.find("  # ", at)) != std::string::npos;) {
    if (followed.hosting.compare(at, 7, "  # `po") == 0) {
      ++at;
      continue;
    }
    followed.hosting.erase(at + 2, 2);
  }
  EXPECT_EQ(web_of(followed).text_or("routes[0].host", followed.hosting), "shop");
}

TEST(ImportTest, SecretsInTheEnvironmentAreWarnedOfAndNeverPrinted) {
  const ImportedStack stack = imported(container(
      R"("Env": ["DB_PASSWORD=hunter2", "DB_PASSWORD_FILE=/run/x", "URL=postgres://u:pw@db/x"])",
      ""));
  EXPECT_TRUE(stack.has_secrets);
  EXPECT_THAT(notes_of(stack), HasSubstr("the value of DB_PASSWORD looks like a secret"));
  EXPECT_THAT(notes_of(stack), HasSubstr("the value of URL looks like a secret"));
  EXPECT_THAT(notes_of(stack), Not(HasSubstr("DB_PASSWORD_FILE looks")));
  EXPECT_THAT(notes_of(stack), Not(HasSubstr("hunter2")));
  EXPECT_FALSE(imported(container(R"("Env": ["MODE=fast"])", "")).has_secrets);
}

TEST(ImportTest, DependenciesAndSharedNamespacesNameServices) {
  Value db = container("", "", "", "db");
  db.set("Id", Value(std::string(64, 'd')));
  Value web = container("", R"("NetworkMode": "container:)" + std::string(64, 'd') + "\"");
  Value* labels = web.find("Config")->find("Labels");
  labels->set("com.docker.compose.depends_on",
              Value("db:service_healthy:false,gone:service_started:true"));
  const ImportedStack stack = import_project(project_of({db, web})).value();
  const Value spec = web_of(stack);
  ASSERT_TRUE(spec.is_map()) << spec.as_text() << stack.compose;
  EXPECT_EQ(spec.text_or("networkMode", ""), "service:db");
  const Value* when = spec.find("dependsWhen");
  ASSERT_NE(when, nullptr) << to_json(spec);
  EXPECT_EQ(to_json(*when), R"({"Service/shop.db":"healthy"})");
  EXPECT_THAT(notes_of(stack), HasSubstr("it depends on 'gone'"));
}

TEST(ImportTest, PrivilegesAreKeptForThePlanToJudge) {
  const ImportedStack stack =
      imported(container("", R"("Privileged": true, "CapAdd": ["NET_ADMIN"], "PidMode": "host")"));
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_TRUE(web.boolean_or("privileged", false));
  EXPECT_EQ(web.text_or("pid", ""), "host");
  EXPECT_THAT(notes_of(stack), HasSubstr("privileged, cap_add, pid: host: loosens the walls"));
}

TEST(ImportTest, WhatHasNoPlaceIsSaidInTheFile) {
  const ImportedStack stack = imported(
      container("", R"("CpuShares": 512, "OomScoreAdj": -500, "Memory": 67108864, "MemorySwap": -1,
             "LogConfig": {"Type": "syslog"})"));
  for (const char* word : {"cpu_shares", "oom_score_adj", "memswap_limit", "syslog"})
    EXPECT_THAT(stack.compose, HasSubstr(word));
  EXPECT_TRUE(web_of(stack).is_map()) << web_of(stack).as_text();
}

TEST(ImportTest, TextsFromTheEngineCannotWriteYaml) {
  const ImportedStack stack = imported(container(
      R"("Env": ["EVIL=x\n    privileged: true", "KEY: a=b", "HASH=a #b"], "User": "a: {b}")", "",
      R"("Mounts": [{"Type": "bind", "Source": "/x\n    privileged: true", "Destination": "/y", "RW": true}],)"));
  const Value web = web_of(stack);
  ASSERT_TRUE(web.is_map()) << web.as_text() << stack.compose;
  EXPECT_FALSE(web.boolean_or("privileged", true));
  EXPECT_EQ(web.find("env")->text_or("HASH", ""), "a #b");
  EXPECT_EQ(web.text_or("user", ""), "a: {b}");
}

TEST(ImportTest, OneOfSeveralContainersOfAServiceStandsForIt) {
  Value second = container("", "");
  second.find("Config")->find("Labels")->set("com.docker.compose.container-number", Value("2"));
  second.find("Config")->set("User", Value("second"));
  Value run = container("", "");
  run.find("Config")->find("Labels")->set("com.docker.compose.oneoff", Value("True"));
  const ImportedStack stack = import_project(project_of({second, run, container("", "")})).value();
  EXPECT_EQ(stack.services, 1U);
  EXPECT_EQ(web_of(stack).text_or("user", "of the image"), "of the image");
  EXPECT_THAT(notes_of(stack), HasSubstr("it had 2 containers"));
}

TEST(ImportTest, CroftsOwnProjectsAreRefused) {
  Value own = container("", "");
  own.find("Config")->find("Labels")->set("croft.uid", Value("u1"));
  const auto refused = import_project(project_of({own}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("is one that Croft runs"));
}

}  // namespace
}  // namespace croft::cli
