#include "providers/docker/dockerfile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft::docker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> images(const char* text,
                                std::map<std::string, std::string> arguments = {}) {
  return images_of_dockerfile(text, arguments).value();
}

TEST(DockerfileTest, FindsWhatItIsMadeFrom) {
  EXPECT_THAT(images("# hello\nFROM --platform=linux/amd64 golang:1.22 AS build\nRUN make\n"
                     "FROM build AS test\nfrom alpine\nCOPY --from=build /a /b\n"
                     "COPY --from=0 /a /c\nCOPY --from=nginx:1 /etc/x /x\n"),
              ElementsAre("golang:1.22", "alpine", "nginx:1"));
  EXPECT_THAT(images("FROM scratch\n"), IsEmpty());
}

TEST(DockerfileTest, FillsVariablesIn) {
  EXPECT_THAT(images("ARG BASE=node\nARG TAG=20\nFROM ${BASE}:$TAG\n"), ElementsAre("node:20"));
  EXPECT_THAT(images("ARG BASE=node\nFROM $BASE\n", {{"BASE", "deno"}}), ElementsAre("deno"));
  EXPECT_THAT(images("ARG BASE\nFROM ${BASE:-bun}\n"), ElementsAre("bun"));
}

TEST(DockerfileTest, JoinsContinuedLines) {
  EXPECT_THAT(images("FROM \\\n  # a comment between\n  alpine\n"), ElementsAre("alpine"));
  EXPECT_THAT(images("# escape=`\nFROM `\n alpine\n"), ElementsAre("alpine"));
}

TEST(DockerfileTest, RefusesIdsAndOthersBuilds) {
  EXPECT_FALSE(check_dockerfile("FROM a1b2\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM alpine\nCOPY --from=0123456789ab / /\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM alpine\nONBUILD COPY --from=abc / /\n", {}));
  EXPECT_FALSE(check_dockerfile("ARG X=ab\nFROM ${X}cd\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM sha256:0123\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM croft-build/0123/4567:key\n", {}));
  EXPECT_TRUE(check_dockerfile("FROM alpine:3.20\n", {}));
  EXPECT_TRUE(check_dockerfile("FROM deadbeef:1\n", {}));
}

}  // namespace
}  // namespace croft::docker
