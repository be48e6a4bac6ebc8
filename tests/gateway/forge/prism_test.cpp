// Requests to GitHub, judged by GitHub's own specification.

#include <filesystem>

#include <gtest/gtest.h>

#include "gateway/forge/comments.hpp"
#include "gateway/forge/statuses.hpp"
#include "tests/gateway/receivers/deliveries.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_task.hpp"
#include "tests/vendors/vendor.hpp"

namespace croft {
namespace {

class PrismTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = FakeVendor::missing();
    if (!missing.empty()) GTEST_SKIP() << missing;
    const std::string file = vendor_specs() + "/github/rest-openapi.trimmed.json";
    const int port = free_port();
    prism = std::make_unique<VendorProcess>(
        std::vector<std::string>{"node", CROFT_SOURCE_DIR "/tests/vendors/node_modules/.bin/prism",
                                 "mock", "--host", "127.0.0.1", "--port", std::to_string(port),
                                 file},
        directory.path() / "prism.log");
    prism->wait_for("Prism is listening");
    CommitStatusDeclaration status;
    status.type = "github";
    status.url = "http://127.0.0.1:" + std::to_string(port);
    status.repository = "alice/hosting";
    repository = forge_repository(status, "").value();
  }

  /// A violation is a 422, or a header that tells of it where the operation has such an answer.
  void expect_valid(HttpRequest request, int status) {
    authorize(request, Forge::GitHub, Secret<std::string>("token"));
    const std::string what = request.method + " " + request.target;
    const HttpResponse response =
        run_task(io, HttpClient(repository.server).send(std::move(request))).value();
    EXPECT_EQ(response.status, status) << what << response.body;
    EXPECT_EQ(response.headers.value_or("sl-violations", "").find("\"request\""), std::string::npos)
        << what << response.headers.value_or("sl-violations", "");
  }

  TemporaryDirectory directory = TemporaryDirectory::make("croft-prism").value();
  asio::io_context io;
  std::unique_ptr<VendorProcess> prism;
  ForgeRepository repository;
};

TEST_F(PrismTest, FindsNothingWrongWithOurRequests) {
  const std::string revision(40, 'a');
  for (const CommitState state :
       {CommitState::Pending, CommitState::Success, CommitState::Failure, CommitState::Error}) {
    for (const char* link : {"", "https://x.example.com/alice"}) {
      expect_valid(status_request(repository, {revision, "croft/alice", state, "ready", link}),
                   201);
    }
  }
  expect_valid(statuses_request(repository, revision, 2), 200);
  expect_valid(comments_request(repository, 7, 1), 200);
  expect_valid(comment_request(repository, 7, "**changes**"), 201);
}

TEST_F(PrismTest, FindsWhatIsWrong) {
  HttpRequest request =
      status_request(repository, {std::string(40, 'a'), "croft", CommitState::Success, "x", ""});
  request.body = R"({"state":"fine"})";
  const HttpResponse response =
      run_task(io, HttpClient(repository.server).send(std::move(request))).value();
  EXPECT_NE(response.status, 201);
}

}  // namespace
}  // namespace croft
