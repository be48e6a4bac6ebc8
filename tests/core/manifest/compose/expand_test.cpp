#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/manifest/compose/composing.hpp"

namespace croft::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ComposeExpandTest, AStackIsFollowedByItsNetworksVolumesAndServices) {
  const auto set = load_compose(R"(services:
  web:
    image: nginx
    ports: ["8080:80"]
    depends_on: [db]
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: secret}
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
)",
                                "  expose: {shop: \"web:80\"}\n  volumes: {data: {size: 5GiB}}\n");
  EXPECT_EQ(complaints(set), "");
  EXPECT_THAT(names_of(set), ElementsAre("alice/Stack/shop", "alice/Network/shop.default",
                                         "alice/Volume/shop.data", "alice/Service/shop.web",
                                         "alice/Service/shop.db"));
  EXPECT_EQ(to_json(spec_of_part(set, "Service/shop.web")), "");
  EXPECT_EQ(to_json(spec_of_part(set, "Volume/shop.data")), "");
}

}  // namespace
}  // namespace croft::manifest
