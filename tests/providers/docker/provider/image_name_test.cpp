#include "providers/docker/image_name.hpp"

#include <gtest/gtest.h>

namespace croft::docker {
namespace {

std::string full(const char* text) {
  const Result<ImageName> name = parse_image_name(text);
  return name ? name->full() : std::string(to_string(name.error().code()));
}

TEST(ImageNameTest, FillsInWhatIsMeant) {
  EXPECT_EQ(full("nginx"), "docker.io/library/nginx:latest");
  EXPECT_EQ(full("nginx:1.27"), "docker.io/library/nginx:1.27");
  EXPECT_EQ(full("team/app"), "docker.io/team/app:latest");
  EXPECT_EQ(full("registry.example.com:5000/team/app:3"), "registry.example.com:5000/team/app:3");
  EXPECT_EQ(full("localhost/app"), "localhost/app:latest");
  EXPECT_EQ(full("index.docker.io/nginx"), "docker.io/library/nginx:latest");
}

TEST(ImageNameTest, KeepsADigest) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(full(("nginx:1.27@" + digest).c_str()), "docker.io/library/nginx@" + digest);
}

TEST(ImageNameTest, RefusesIdsAndWhatIsNoName) {
  for (const char* text : {"sha256:0123", "Nginx", "nginx:", "nginx:-x", "a b", "",
                           "nginx@sha256:1", "../nginx", "nginx/", "nginx:1/../x"}) {
    EXPECT_EQ(full(text), "Invalid") << text;
  }
}

TEST(ImageNameTest, AHexadecimalWordIsANameAndNeverAnId) {
  EXPECT_EQ(full("deadbeef"), "docker.io/library/deadbeef:latest");
}

TEST(ImageNameTest, RefusesWhereTenantsBuildsAreKept) {
  EXPECT_EQ(full("croft-build/0123/4567:key"), "Denied");
  EXPECT_EQ(full("docker.io/croft-build/0123/4567:key"), "Denied");
  EXPECT_EQ(full("croft-build.example.com/x"), "Denied");
}

}  // namespace
}  // namespace croft::docker
