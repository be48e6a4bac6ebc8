// Volumes out and in through the API, in pieces.
#include "tests/gateway/api/api_fixture.hpp"

namespace croft {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class VolumeApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    engine.add_resource("alice/Instance/api");
    start();
  }
  static constexpr const char* kPath = "/v1/volumes/alice/Instance/api";

  static ByteSource pieces(std::size_t count, std::size_t size,
                           std::shared_ptr<std::size_t> given) {
    return [count, size, given]() -> Task<Result<std::string>> {
      if (*given >= count) co_return std::string();
      ++*given;
      co_return std::string(size, 'x');
    };
  }
  HttpRequest import_request(ByteSource source, const std::string& query = "") {
    HttpRequest request = request_of("POST", std::string(kPath) + "/import" + query);
    request.source = std::move(source);
    return request;
  }
};

TEST_F(VolumeApiTest, ListsWhatMayBeSeen) {
  VolumeStatus mine;
  mine.ref = parse_ref("alice/Instance/api").value();
  mine.volume = "data";
  mine.uid = "u1";
  mine.provider = "local";
  mine.size = 1 << 30;
  mine.used = 4711;
  mine.users = {mine.ref};
  VolumeStatus kept = mine;
  kept.ref = parse_ref("bob/Volume/db.data").value();
  kept.volume.clear();
  kept.used.reset();
  kept.users.clear();
  kept.kept_until = clock.now();
  engine.volume_list = {mine, kept};
  const auto read = [](const Value& answer) {
    return list_from_form<VolumeStatus>(answer, "volumes", volume_from_form).value();
  };
  EXPECT_EQ(read(json("GET", "/v1/volumes")), engine.volume_list);
  EXPECT_EQ(read(json("GET", "/v1/volumes?tenant=bob")), std::vector{kept});
  const std::string alice = make_token("alice");
  EXPECT_EQ(read(parse_json(ask_with(alice, "GET", "/v1/volumes").body).value()),
            std::vector{mine});
  EXPECT_EQ(ask_with(alice, "GET", "/v1/volumes?tenant=bob").status, 404);
}

TEST_F(VolumeApiTest, ExportsPieceByPiece) {
  engine.archive = {"one", "two", "three"};
  const HttpResponse answer = ask("POST", std::string(kPath) + "/export?volume=data&quiesce=true");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "onetwothree");
  EXPECT_EQ(answer.headers.value_or("Content-Type", ""), "application/x-tar");
  ASSERT_THAT(engine.exported, SizeIs(1));
  EXPECT_EQ(engine.exported[0].volume, "data");
  EXPECT_TRUE(engine.exported[0].quiesce);
  EXPECT_THAT(audit(), HasSubstr("/export"));
}

TEST_F(VolumeApiTest, AnErrorBeforeTheFirstPieceIsAStatus) {
  engine.failure = Error(ErrorCode::NotFound, "there is no volume");
  EXPECT_EQ(ask("POST", std::string(kPath) + "/export").status, 404);
}

TEST_F(VolumeApiTest, AnErrorAmidItIsNoWholeAnswer) {
  engine.archive = {"one", "two"};
  engine.archive_breaks = Error(ErrorCode::Unavailable, "the disk went");
  const Result<HttpResponse> answer =
      run_task(io, local().send(request_of("POST", std::string(kPath) + "/export")));
  ASSERT_FALSE(answer) << "half an archive was taken for a whole one";
  EXPECT_EQ(answer.error().code(), ErrorCode::Unavailable);
}

TEST_F(VolumeApiTest, AnExportWaitsForItsReaderAndEndsWithIt) {
  engine.archive.assign(4'000, std::string(64U << 10U, 'x'));
  {
    const auto reply =
        run_task(io, local().open(request_of("POST", std::string(kPath) + "/export")));
    ASSERT_TRUE(reply);
    ASSERT_TRUE(run_task(io, (*reply)->read()));
    // Whatever fits between us is on its way; the rest waits.
    const auto nothing = []() -> Task<bool> {
      co_await sleep_for(Duration(100));
      co_return true;
    };
    run_task(io, nothing());
    EXPECT_LT(engine.pieces_given, 200U);
  }
  const std::size_t given = engine.pieces_given;
  EXPECT_FALSE(eventually([&] { return engine.pieces_given > given + 200; }));
}

TEST_F(VolumeApiTest, ImportsMoreThanAnyBodyMayHold) {
  const auto given = std::make_shared<std::size_t>(0);
  HttpRequest request = import_request(pieces(200, 64U << 10U, given), "?volume=data");
  const Result<HttpResponse> answer = run_task(io, local().send(std::move(request)));
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(engine.taken_in.size(), 200U * (64U << 10U));
  EXPECT_EQ(engine.imported.at(0).volume, "data");
  EXPECT_FALSE(engine.imported.at(0).quiesce);
}

TEST_F(VolumeApiTest, AnImportThatIsRefusedSaysSoBeforeAllHasCome) {
  engine.import_fails = Error(ErrorCode::Conflict, "it runs");
  const auto given = std::make_shared<std::size_t>(0);
  HttpRequest request = import_request(pieces(100'000, 64U << 10U, given));
  const Result<HttpResponse> answer = run_task(io, local().send(std::move(request)));
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 409);
  EXPECT_LT(*given, 10'000U);
}

TEST_F(VolumeApiTest, WhoIsNotAdmittedSendsNoArchive) {
  const auto given = std::make_shared<std::size_t>(0);
  HttpRequest request = import_request(pieces(100, 64U << 10U, given));
  const Result<HttpResponse> answer = run_task(io, remote().send(std::move(request)));
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_TRUE(answer->status == 401 || answer->status == 413) << answer->status;
  EXPECT_TRUE(engine.imported.empty());
  const std::string bob = make_token("bob");
  HttpRequest foreign = import_request(pieces(1, 10, given));
  foreign.headers.set("Authorization", "Bearer " + bob);
  EXPECT_EQ(run_task(io, remote().send(std::move(foreign)))->status, 404);
  EXPECT_TRUE(engine.imported.empty());
}

TEST_F(VolumeApiTest, ErasesWhatIsKept) {
  EXPECT_EQ(ask("DELETE", "/v1/volumes/alice/Volume/db.data").status, 204);
  ASSERT_THAT(engine.erased, SizeIs(1));
  EXPECT_EQ(to_string(engine.erased[0]), "alice/Volume/db.data");
  engine.failure = Error(ErrorCode::Conflict, "it is declared");
  EXPECT_EQ(ask("DELETE", "/v1/volumes/alice/Instance/api").status, 409);
}

TEST_F(VolumeApiTest, AStoppingServerEndsAnImport) {
  const auto stalled = [this]() -> Task<Result<std::string>> {
    asio::steady_timer never(io, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
    co_return std::string();
  };
  const auto send = [](HttpClient from, HttpRequest request) -> Task<> {
    (void)co_await from.send(std::move(request));
  };
  spawn(io.get_executor(), send(local(), import_request(stalled)), "import");
  EXPECT_TRUE(eventually([&] { return engine.imported.size() == 1; }));
  const auto stop = [](HttpServer& which) -> Task<bool> {
    co_await which.stop(Duration(10'000));
    co_return true;
  };
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(run_task(io, stop(*server)));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

}  // namespace
}  // namespace croft
