#include "providers/docker/image_name.hpp"

#include <array>
#include <netdb.h>
#include <unistd.h>

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

TEST(ImageNameTest, RegistriesOfTheHostAndOfPrivateNetworksHaveToBeNamed) {
  for (const char* registry :
       {"localhost", "localhost:5000", "LOCALHOST:5000", "localhost.:5000", "a.localhost",
        "127.0.0.1:5000", "127.1:5000", "0x7f.1:80", "2130706433:5000", "10.0.0.1",
        "192.168.1.1:80", "169.254.169.254", "172.17.0.1:5000", "0.0.0.0:80", "[::1]:5000",
        "[fd00::1]:5000", "[::ffff:127.0.0.1]:5000"}) {
    EXPECT_FALSE(check_registry(registry, {})) << registry;
    EXPECT_TRUE(check_registry(registry, {"a.example", registry})) << registry;
  }
  for (const char* registry : {"docker.io", "registry.example.com:5000", "1.example.com",
                               "203.0.113.7:5000", "[2a00:1450::1]:5000"})
    EXPECT_TRUE(check_registry(registry, {})) << registry;
  const Result<void> other = check_registry("docker.io", {"registry.example.com"});
  ASSERT_FALSE(other) << "where some are named, others are not meant";
  EXPECT_NE(other.error().describe().find("registry.example.com"), std::string::npos);
}

TEST(ImageNameTest, ANameThatMeansThisHostIsNotOfTheOutside) {
  EXPECT_TRUE(check_registry_addresses("203.0.113.7:5000", {}));
  std::array<char, 256> name_text{};
  ASSERT_EQ(::gethostname(name_text.data(), name_text.size() - 1), 0);
  const std::string name = name_text.data();
  const hostent* meant = ::gethostbyname(name.c_str());
  if (meant == nullptr || meant->h_addr_list[0][0] != 127 || name == "localhost")
    GTEST_SKIP() << "this machine has no name of its own loopback but localhost";
  EXPECT_TRUE(check_registry(name, {})) << "the control: it cannot be told by the name";
  EXPECT_FALSE(check_registry_addresses(name, {}));
  EXPECT_TRUE(check_registry_addresses(name, {name}));
}

}  // namespace
}  // namespace croft::docker
