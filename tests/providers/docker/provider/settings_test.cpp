#include "providers/docker/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft::docker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<ProviderSettings> parsed(const std::string& name, const std::string& text) {
  const secret::OperatorSecrets none("/nowhere");
  const Value spec = Value::map({{"settings", Value::map({{name, text}})}});
  return parse_settings(spec, "docker", "/nowhere", none);
}

TEST(DockerSettingsTest, StrangersGetNoImagesOfTheMachineUnlessTheOperatorSaysSo) {
  EXPECT_FALSE(ProviderSettings().has_local_images);
  EXPECT_TRUE(parsed("localImages", "allow")->has_local_images);
  EXPECT_FALSE(parsed("localImages", "yes"));
}

TEST(DockerSettingsTest, ReadsRegistriesAsImagesNameThem) {
  EXPECT_THAT(parsed("registries", "docker.io, registry.example.com:5000")->registries,
              ElementsAre("docker.io", "registry.example.com:5000"));
  for (const char* text : {"https://registry.example.com", "library", "a.example/team"}) {
    const auto refused = parsed("registries", text);
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().describe(), HasSubstr("is no registry"));
  }
}

TEST(DockerSettingsTest, ReadsTheBoundsOfBuildsAndLayers) {
  EXPECT_EQ(parsed("buildProcesses", "200")->build_processes, 200);
  EXPECT_FALSE(parsed("buildProcesses", "0"));
  EXPECT_EQ(parsed("layerSize", "2GiB")->layer_size.count, 2LL << 30);
}

}  // namespace
}  // namespace croft::docker
