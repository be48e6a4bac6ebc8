#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/docker/container_plan.hpp"
#include "providers/docker/firewall.hpp"
#include "providers/docker/names.hpp"
#include "providers/docker/spec.hpp"
#include "providers/local/addresses.hpp"

namespace croft::docker {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class PlanTest : public testing::Test {
 protected:
  ContainerPlan plan(const char* json) {
    effect_.uid = "uid1";
    effect_.intent = "intent1";
    effect_.tenant = {"tenant1", "alice", 1};
    spec_ = normalize_spec(settings_, effect_.ref, parse_json(json).value()).value();
    effect_.spec = std::make_shared<const Value>(spec_);
    workload_ = workload_of(effect_.ref, spec_);
    settings_.name = "docker";
    const PlanInput input{.effect = effect_,
                          .workload = workload_,
                          .image = image_,
                          .settings = settings_,
                          .files = planned_files(effect_, workload_),
                          .joined_container = "joined",
                          .joined_processes = "donor"};
    return plan_container(input);
  }
  const Value& host(const ContainerPlan& plan) { return *plan.config.find("HostConfig"); }

  Effect effect_{.ref = {"alice", Kind::Service, "shop.web"}};
  ProviderSettings settings_;
  ImageFacts image_{.reference = "docker.io/library/a@sha256:1", .id = "sha256:2", .volumes = {}};
  Value spec_;
  Value workload_;
};

TEST_F(PlanTest, WhatTheOperatorAllowedReachesTheEngine) {
  const ContainerPlan made = plan(R"({"image":"a","runtime":"runsc","pid":"service:db"})");
  EXPECT_EQ(host(made).text_or("Runtime", ""), "runsc");
  EXPECT_EQ(host(made).text_or("PidMode", ""), "container:donor");
  EXPECT_EQ(host(plan(R"({"image":"a","pid":"host"})")).text_or("PidMode", ""), "host");
}

TEST_F(PlanTest, WithoutAWayOutNobodyIsAskedForNames) {
  const char* spec = R"({"image":"a","dns":["203.0.113.1"]})";
  effect_.allow_egress = true;
  EXPECT_EQ(texts_at(host(plan(spec)), "Dns"), std::vector<std::string>{"203.0.113.1"});
  effect_.allow_egress = false;
  EXPECT_EQ(texts_at(host(plan(spec)), "Dns"), std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(host(plan(R"({"image":"a","networkMode":"service:db"})")).find("Dns"), nullptr)
      << "the engine refuses it where the network is another's";
}

TEST_F(PlanTest, WhatIsWrittenBesideVolumesIsBoundedWhereTheOperatorSaysSo) {
  EXPECT_EQ(host(plan(R"({"image":"a"})")).find("StorageOpt"), nullptr);
  settings_.layer_size = Bytes{2LL << 30};
  EXPECT_EQ(host(plan(R"({"image":"a"})")).text_or("StorageOpt.size", ""), "2147483648");
}

TEST_F(PlanTest, EveryContainerHasItsWalls) {
  const ContainerPlan made = plan(R"({"image":"a"})");
  EXPECT_EQ(texts_at(host(made), "CapDrop"), std::vector<std::string>{"ALL"});
  EXPECT_THAT(texts_at(host(made), "CapAdd"), Not(Contains("NET_RAW")));
  EXPECT_THAT(texts_at(host(made), "CapAdd"), Not(Contains("MKNOD")));
  EXPECT_THAT(texts_at(host(made), "SecurityOpt"), Contains("no-new-privileges"));
  EXPECT_EQ(host(made).find("Privileged"), nullptr);
  EXPECT_EQ(host(made).text_or("IpcMode", ""), "private");
  EXPECT_GT(host(made).integer_or("Memory", 0), 0);
  EXPECT_EQ(host(made).integer_or("MemorySwap", 0), host(made).integer_or("Memory", -1));
  EXPECT_GT(host(made).integer_or("PidsLimit", 0), 0);
  EXPECT_GT(host(made).integer_or("NanoCpus", 0), 0);
  EXPECT_EQ(host(made).text_or("LogConfig.Config.max-file", ""), "3");
}

TEST_F(PlanTest, CapabilitiesAreTakenAndGivenByName) {
  const ContainerPlan made =
      plan(R"({"image":"a","capDrop":["cap_chown"],"capAdd":["CAP_NET_RAW"]})");
  EXPECT_THAT(texts_at(host(made), "CapAdd"), Not(Contains("CHOWN")));
  EXPECT_THAT(texts_at(host(made), "CapAdd"), Contains("NET_RAW"));
  EXPECT_TRUE(texts_at(host(plan(R"({"image":"a","capDrop":["ALL"]})")), "CapAdd").empty());
}

TEST_F(PlanTest, OurLabelsWinOverTheSpecs) {
  const ContainerPlan made = plan(R"({"image":"a","labels":{"team":"x"}})");
  const Labels labels = read_labels(made.config.find("Labels"));
  EXPECT_EQ(labels.at("team"), "x");
  EXPECT_EQ(labels.at(label::kUid), "uid1");
  EXPECT_EQ(labels.at(label::kTenant), "tenant1");
  EXPECT_EQ(labels.at("com.docker.compose.project"), "alice-shop");
  EXPECT_EQ(labels.at("com.docker.compose.service"), "web");
  EXPECT_TRUE(is_our_container(made.name, labels, "docker"));
  EXPECT_FALSE(is_our_container("another", labels, "docker"));
  EXPECT_FALSE(is_our_container(made.name, labels, "other"));
}

TEST_F(PlanTest, SecretsAreInTheEnvironmentAndInFilesAndNotInLabels) {
  effect_.secrets =
      std::make_shared<const SecretValues>(SecretValues{{"api", Secret<std::string>("tok-1234")}});
  const char* spec =
      R"({"image":"a","env":{"TOKEN":{"secret":"api","fingerprint":"f1"},"A":"b"},)"
      R"("files":[{"path":"/run/secrets/api","content":{"secret":"api","fingerprint":"f1"}}]})";
  const ContainerPlan made = plan(spec);
  EXPECT_THAT(texts_at(made.config, "Env"), Contains("TOKEN=tok-1234"));
  ASSERT_EQ(made.written.size(), 1U);
  EXPECT_EQ(made.written[0].content, "tok-1234");
  EXPECT_EQ(made.written[0].secret, "f1");
  EXPECT_EQ(to_json(*made.config.find("Labels")).find("tok-1234"), std::string::npos);
  EXPECT_TRUE(check_secret_values(effect_));
  effect_.secrets = nullptr;
  EXPECT_FALSE(check_secret_values(effect_));
}

TEST_F(PlanTest, SecretFilesAreNotWrittenToARemoteEnginesDisk) {
  ProviderSettings remote;
  remote.host = "tcp://192.0.2.1:2376";
  const auto refused = [&](Kind kind, const char* json) {
    const auto normal = normalize_spec(remote, {"alice", kind, "web"}, parse_json(json).value());
    return normal ? std::string() : normal.error().message();
  };
  const char* const files = R"({"image":"a","secretFiles":{"/run/secrets/key":{"secret":"k"}}})";
  EXPECT_THAT(refused(Kind::Instance, files), HasSubstr("the engine is remote"));
  EXPECT_THAT(refused(Kind::Service,
                      R"({"image":"a","files":[{"path":"/run/k","content":{"secret":"k"}}]})"),
              HasSubstr("the engine is remote"));
  EXPECT_EQ(refused(Kind::Instance, R"({"image":"a","env":{"A":{"secret":"k"}}})"), "");
  remote = ProviderSettings();
  EXPECT_EQ(refused(Kind::Instance, files), "");
}

TEST_F(PlanTest, AnInstancesSecretFilesAreFilesOfItsContainer) {
  effect_.ref = {"alice", Kind::Instance, "web"};
  effect_.secrets = std::make_shared<const SecretValues>(
      SecretValues{{"tls/key", Secret<std::string>("key-5678")}});
  const ContainerPlan made = plan(
      R"({"image":"a","secretFiles":{"/run/secrets/key":{"secret":"tls/key","fingerprint":"f2"}}})");
  ASSERT_EQ(made.written.size(), 1U);
  EXPECT_EQ(made.written[0].path, "/run/secrets/key");
  EXPECT_EQ(made.written[0].content, "key-5678");
}

TEST_F(PlanTest, PublishesOnLoopbackOnly) {
  const ContainerPlan made = plan(R"({"image":"a","ports":[80]})");
  EXPECT_EQ(to_json(*host(made).find("PortBindings")),
            R"({"80/tcp":[{"HostIp":"127.0.0.1","HostPort":""}]})");
}

TEST_F(PlanTest, NamesOfNetworksAndVolumesAreTheTenants) {
  const ContainerPlan made = plan(
      R"({"image":"a","networks":[{"name":"default","aliases":["www"]}],"mounts":[{"path":"/d","volume":"data"},{"path":"/e"}]})");
  const std::string network = made.networks.at(0).name;
  effect_.tenant.uid = "tenant2";
  EXPECT_NE(planned_networks(effect_, workload_).at(0).name, network);
  EXPECT_EQ(made.networks.at(0).aliases, (std::vector<std::string>{"web", "www"}));
  ASSERT_EQ(made.volumes.size(), 2u);
  EXPECT_EQ(made.volumes[0].part, "");
  EXPECT_THAT(made.volumes[1].part, HasSubstr("volume:anonymous-"));
}

TEST_F(PlanTest, VolumesThatOnlyTheImageDeclaresOutliveAnUpdate) {
  image_.volumes = {"/var/lib/db", "/covered/"};
  const ContainerPlan made = plan(R"({"image":"a","tmpfs":[{"path":"/covered"}]})");
  ASSERT_EQ(made.volumes.size(), 1u);
  EXPECT_THAT(made.volumes[0].name, HasSubstr("croft_uid1_anonymous-"));
}

TEST_F(PlanTest, AnInstanceHasItsPortAndItsOwnNetwork) {
  effect_.ref = {"alice", Kind::Instance, "api"};
  effect_.allow_egress = false;
  const ContainerPlan made = plan(R"({"image":"a","http":{"port":3000}})");
  EXPECT_TRUE(made.has_own_network);
  EXPECT_EQ(made.networks.at(0).name, "croft_uid1_closed");
  EXPECT_THAT(to_json(*made.config.find("Env")), HasSubstr("\"PORT=3000\""));
  EXPECT_EQ(host(made).text_or("RestartPolicy.Name", ""), "unless-stopped");
}

TEST_F(PlanTest, SharingAServicesNetworkPublishesNothing) {
  const ContainerPlan made = plan(R"({"image":"a","ports":[80],"networkMode":"service:vpn"})");
  EXPECT_EQ(host(made).text_or("NetworkMode", ""), "container:joined");
  EXPECT_EQ(host(made).find("PortBindings"), nullptr);
  EXPECT_TRUE(made.networks.empty());
}

TEST(AddressesTest, SubnetsOfAPoolDoNotOverlap) {
  EXPECT_EQ(subnet_at("10.214.0.0/16", 26, 0)->network, "10.214.0.0/26");
  EXPECT_EQ(subnet_at("10.214.7.9/16", 26, 5)->network, "10.214.1.64/26");
  EXPECT_EQ(subnet_at("10.214.7.9/16", 26, 5)->gateway, "10.214.1.65");
  EXPECT_FALSE(subnet_at("10.214.0.0/16", 26, 1024));
  EXPECT_FALSE(subnet_at("10.214.0.0/28", 26, 0));
  EXPECT_TRUE(do_overlap("10.214.0.0/26", "10.214.0.1"));
  EXPECT_TRUE(do_overlap("10.214.0.0/26", "10.214.0.0/16"));
  EXPECT_FALSE(do_overlap("10.214.0.0/26", "10.214.0.65"));
  EXPECT_FALSE(do_overlap("10.214.0.0/26", "fd00::1"));
}

TEST(FirewallTest, ForbidsTheHostOthersAndWhatIsNotTheOutside) {
  const std::string script = firewall_script({.table = "croft_docker_1a2b",
                                              .bridges = {"crd1-a", "crd1-b"},
                                              .closed = {"crd1-b"},
                                              .resolvers = {"10.0.0.2"},
                                              .allow = {},
                                              .deny = {"203.0.113.0/24"}});
  EXPECT_THAT(script, HasSubstr("elements = { \"crd1-a\", \"crd1-b\" }"));
  EXPECT_THAT(script, HasSubstr("\"crd1-a\" . \"crd1-a\", \"crd1-b\" . \"crd1-b\""));
  EXPECT_THAT(script, HasSubstr("fib daddr type local drop"));
  EXPECT_THAT(script, HasSubstr("169.254.0.0/16"));
  EXPECT_THAT(script, HasSubstr("ip daddr { 10.0.0.2 } udp dport 53 accept"));
  EXPECT_THAT(script, HasSubstr("203.0.113.0/24"));
}

}  // namespace
}  // namespace croft::docker
