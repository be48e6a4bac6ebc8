#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "providers/docker/engine/engine_error.hpp"
#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {
namespace {

using testing::HasSubstr;

Error said(int status, const std::string& message) {
  return engine_error(status, "{\"message\":\"" + message + "\"}", "doing");
}

TEST(EngineErrorTest, TranslatesStatuses) {
  EXPECT_EQ(said(404, "no").code(), ErrorCode::NotFound);
  EXPECT_EQ(said(409, "no").code(), ErrorCode::Conflict);
  EXPECT_EQ(said(400, "no").code(), ErrorCode::Invalid);
  EXPECT_EQ(said(401, "no").code(), ErrorCode::Denied);
  EXPECT_EQ(said(403, "no").code(), ErrorCode::Denied);
  EXPECT_EQ(said(500, "no").code(), ErrorCode::Unavailable);
  EXPECT_EQ(said(503, "no").code(), ErrorCode::Unavailable);
}

TEST(EngineErrorTest, LooksIntoWhatAnEngineSaysWith500And403) {
  EXPECT_EQ(said(500, "the container name \\\"/a\\\" is already in use by b").code(),
            ErrorCode::Conflict);
  EXPECT_EQ(said(403, "Pool overlaps with other one on this address space").code(),
            ErrorCode::Conflict);
  EXPECT_EQ(said(403, "error while removing network: network a has active endpoints").code(),
            ErrorCode::Conflict);
  EXPECT_EQ(said(500, "Get https://r/v2/: unauthorized: authentication required").code(),
            ErrorCode::Denied);
  EXPECT_EQ(said(500, "manifest unknown: manifest unknown").code(), ErrorCode::NotFound);
}

TEST(EngineErrorTest, KnowsAFullDisk) {
  const Error full = said(500, "write /var/lib/docker/x: no space left on device");
  EXPECT_TRUE(is_out_of_space(full));
  EXPECT_EQ(full.code(), ErrorCode::Unavailable);
  EXPECT_THAT(full.describe(), HasSubstr("free some space"));
  EXPECT_TRUE(is_out_of_space(stream_error("failed: No space left on device", "building")));
  EXPECT_FALSE(is_out_of_space(said(500, "no")));
}

TEST(EngineErrorTest, SaysSomethingWhateverTheBodyIs) {
  EXPECT_THAT(engine_error(502, "", "doing").describe(), HasSubstr("502"));
  EXPECT_THAT(engine_error(500, "<html>proxy</html>\n", "doing").describe(), HasSubstr("proxy"));
  EXPECT_THAT(engine_error(500, "[1]", "doing").describe(), HasSubstr("500"));
}

RC_GTEST_PROP(EngineErrorTest, IsBoundedForAnyBody, (const std::string& body)) {
  RC_ASSERT(engine_error(500, body, "doing").message().size() <= 6100);
}

}  // namespace
}  // namespace croft::docker
