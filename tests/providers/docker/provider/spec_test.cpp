#include "providers/docker/spec.hpp"

#include <gtest/gtest.h>

#include "core/resource/ref.hpp"

namespace croft::docker {
namespace {

const Ref kInstance{"alice", Kind::Instance, "api"};
const Ref kService{"alice", Kind::Service, "shop.web"};

Value spec(const char* json) { return parse_json(json).value(); }

std::string refusal(const Ref& ref, const std::string& json,
                    const ProviderSettings& settings = {}) {
  const Result<Value> normal = normalize_spec(settings, ref, spec(json.c_str()));
  if (normal) return "taken";
  return normal.error().context().empty() ? "no path" : normal.error().context().front();
}

TEST(DockerSpecTest, FillsWhatWouldBeChosen) {
  const Value normal =
      normalize_spec({}, kInstance, spec(R"({"image":"nginx","http":{}})")).value();
  EXPECT_EQ(normal.integer_or("http.port", 0), 8080);
  EXPECT_EQ(normal.integer_or("resources.memory", 0), 128 << 20);
  EXPECT_EQ(normal.text_or("imagePolicy", ""), "pinned");
  const Value service = normalize_spec({}, kService, spec(R"({"image":"nginx"})")).value();
  EXPECT_EQ(service.text_or("restart", ""), "on-failure");
  EXPECT_EQ(service.integer_or("resources.pids", 0), 256);
}

TEST(DockerSpecTest, NamesTheFieldThatItRefuses) {
  EXPECT_EQ(refusal({"alice", Kind::Site, "blog"}, "{}"), "spec");
  EXPECT_EQ(refusal(kInstance, R"({"command":["sh"]})"), "spec");
  EXPECT_EQ(refusal(kInstance, R"({"image":"sha256:00"})"), "spec.image");
  EXPECT_EQ(refusal(kInstance, R"({"image":"a","env":{"PORT":"1"}})"), "spec.env.PORT");
  EXPECT_EQ(refusal(kInstance, R"({"image":"a","http":{"port":1},"health":{"tcp":2}})"),
            "spec.health.tcp");
  EXPECT_EQ(refusal(kInstance, R"({"image":"a","volumes":[{"name":"v","path":"/proc/x"}]})"),
            "spec.volumes[0].path");
  EXPECT_EQ(refusal(kService, R"({"image":"a","labels":{"croft.uid":"x"}})"),
            "spec.labels.croft.uid");
  EXPECT_EQ(refusal(kService, R"({"image":"a","labels":{"com.docker.compose.project":"x"}})"),
            "spec.labels.com.docker.compose.project");
  EXPECT_EQ(refusal(kService, R"({"image":"a","nonsense":1})"), "spec.nonsense");
  EXPECT_EQ(refusal(kService, R"({"image":"a","pid":"container:3f"})"), "spec.pid");
  EXPECT_EQ(refusal(kService, R"({"image":"a","ipc":"ns:/proc/1/ns/ipc"})"), "spec.ipc");
  EXPECT_EQ(refusal(kService, R"({"image":"a","env":{"A":")" + std::string(300'000, 'x') + "\"}}"),
            "spec");
  EXPECT_EQ(refusal(kService, R"({"image":"a","networkMode":"container:abc"})"),
            "spec.networkMode");
  EXPECT_EQ(refusal(kService, R"({"image":"a","health":{"startInterval":1000}})"),
            "spec.health.startInterval");
  EXPECT_EQ(refusal(kService, R"({"image":"a","tmpfs":[{"path":"/a"}],"mounts":[{"path":"/a"}]})"),
            "spec.tmpfs[0].path");
  ProviderSettings no_builds;
  no_builds.can_build = false;
  EXPECT_EQ(refusal(kInstance, R"({"build":{"context":"."}})", no_builds), "spec.build");
}

TEST(DockerSpecTest, LimitsChangeInPlaceAndTheRestDoesNot) {
  const Value before = spec(R"({"image":"a","resources":{"memory":1},"env":{"A":"1"}})");
  EXPECT_TRUE(is_change_in_place(
      Kind::Service, before,
      spec(R"({"image":"a","resources":{"memory":2},"restart":"no","env":{"A":"1"}})")));
  EXPECT_FALSE(is_change_in_place(
      Kind::Service, before, spec(R"({"image":"a","resources":{"memory":1},"env":{"A":"2"}})")));
  EXPECT_FALSE(is_change_in_place(
      Kind::Service, before,
      spec(R"({"image":"a","resources":{"memory":1,"shm":1},"env":{"A":"1"}})")));
}

TEST(DockerSpecTest, AnUpdateSaysWhatItDoesToWhatRuns) {
  const Ref ref{"alice", Kind::Service, "shop.web"};
  const Value before = spec(R"({"image":"a","resources":{"memory":1}})");
  const Value larger = spec(R"({"image":"a","resources":{"memory":2}})");
  EXPECT_EQ(manner_of_update(ref, before, larger, false).way, UpdateWay::InPlace);
  EXPECT_EQ(manner_of_update(ref, before, larger, true).way, UpdateWay::SideBySide);
  const Value other = spec(R"({"image":"b","resources":{"memory":1}})");
  EXPECT_EQ(manner_of_update(ref, before, other, false).way, UpdateWay::SideBySide);
  const Value published = spec(R"({"image":"b","hostPorts":[{"port":80}]})");
  EXPECT_EQ(manner_of_update(ref, before, published, false),
            (UpdateManner{UpdateWay::Replace, "it has a host port"}));
}

TEST(DockerSpecTest, TwoRunAtOnceOnlyWithoutSharedThings) {
  EXPECT_EQ(why_not_beside(spec(R"({"image":"a","ports":[80]})")), "");
  EXPECT_EQ(why_not_beside(spec(R"({"mounts":[{"path":"/a","readOnly":true}]})")), "");
  EXPECT_EQ(why_not_beside(spec(R"({"mounts":[{"path":"/a"}]})")), "it writes to a volume");
  EXPECT_EQ(why_not_beside(spec(R"({"hostPorts":[{"port":80}]})")), "it has a host port");
  EXPECT_EQ(why_not_beside(spec(R"({"networkMode":"host"})")), "it has no network of its own");
}

}  // namespace
}  // namespace croft::docker
