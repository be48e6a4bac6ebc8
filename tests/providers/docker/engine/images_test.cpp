#include <fmt/format.h>

#include "core/archive/tar.hpp"
#include "core/base/child.hpp"
#include "providers/docker/engine/build_context.hpp"
#include "tests/providers/docker/engine/engine_fixture.hpp"
#include "tests/support/docker_registry.hpp"

namespace croft::docker {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

class ImagesTest : public EngineTest {
 protected:
  using Files = std::vector<std::pair<std::string, std::string>>;

  Images images() { return client().images(); }
  ProgressSink keep() {
    return [this](const Progress& progress) { told_ += progress.status + progress.text; };
  }
  Result<std::string> build(BuildImage request, Files files) {
    told_.clear();
    const auto scenario = [this](BuildImage what, Files with) -> Task<Result<std::string>> {
      const auto tree = make_memory_tree(std::move(with));
      CO_TRY_ASSIGN(const ByteSource context, co_await build_context(tree, what.dockerfile, pool_));
      co_return co_await images().build(std::move(what), context, keep());
    };
    return await(scenario(std::move(request), std::move(files)));
  }
  /// What a container of an image writes.
  std::string output_of(const std::string& image, const std::vector<std::string>& command) {
    Value what = config(command);
    what.set("Image", image);
    const std::string id = run(what);
    EXPECT_OK(await(client().containers().wait(id)));
    std::string text;
    OutputSink append = [&text](OutputStream, std::string_view bytes) {
      text += bytes;
      return true;
    };
    EXPECT_OK(await(client().containers().logs({.container = id}, append)));
    return text;
  }
  static RegistryLogin login(const DockerRegistry& registry, const std::string& password) {
    return {.server = registry.address(),
            .user = DockerRegistry::kUser,
            .password = Secret<std::string>(password)};
  }
  static bool has_registry() { return DockerRegistry::missing().empty(); }

  std::string told_;

 private:
  BlockingPool pool_{1};
};

TEST_F(ImagesTest, AreBuiltFromATree) {
  BuildImage request{.tag = "built:1"};
  request.arguments["GREETING"] = "hello";
  request.labels["croft.tenant"] = "alice";
  request.network = "none";
  request.memory = 64 << 20;
  request.memory_swap = 64 << 20;
  const Result<std::string> id = build(
      request, {{"Dockerfile",
                 "FROM busybox:test\nARG GREETING\nCOPY . /app\nRUN echo $GREETING > /greeting; "
                 "echo building\nCMD [\"cat\", \"/greeting\", \"/app/data/file\"]\n"},
                {".dockerignore", "secret\n"},
                {"secret", "s"},
                {"data/file", "content"}});
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_THAT(*id, StartsWith("sha256:"));
  EXPECT_THAT(told_, AllOf(HasSubstr("Step 1/"), HasSubstr("building\n")));
  const Result<Value> image = await(images().inspect("built:1"));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->text_or("Id", ""), *id);
  EXPECT_EQ(image->find("Config")->find("Labels")->find("croft.tenant")->as_text(), "alice");
  EXPECT_EQ(output_of("built:1", {"cat", "/greeting", "/app/data/file"}), "hello\ncontent");
  EXPECT_EQ(output_of("built:1", {"ls", "/app"}), "Dockerfile\ndata\n");
  EXPECT_OK(await(images().tag("built:1", "127.0.0.1:5000/other/name:2")));
  EXPECT_OK(await(images().remove("127.0.0.1:5000/other/name:2")));
  const Error busy = error_of(await(images().remove("built:1")));
  EXPECT_EQ(busy.code(), ErrorCode::Conflict) << busy.describe();
  EXPECT_OK(await(images().remove("built:1", true)));
  EXPECT_EQ(error_of(await(images().inspect("built:1"))).code(), ErrorCode::NotFound);
}

TEST_F(ImagesTest, ThatCannotBeBuiltSayWhy) {
  const auto failed =
      build({.tag = "failed"}, {{"Dockerfile", "FROM busybox:test\nRUN echo so far; exit 3\n"}});
  const Error error = error_of(failed);
  EXPECT_EQ(error.code(), ErrorCode::Invalid) << error.describe();
  EXPECT_THAT(error.describe(), AllOf(HasSubstr("building image failed"), HasSubstr("code: 3")));
  EXPECT_THAT(told_, HasSubstr("so far"));
  EXPECT_EQ(error_of(build({}, {{"Dockerfile", "NONSENSE\n"}})).code(), ErrorCode::Invalid);
  EXPECT_EQ(error_of(build({}, {{"file", ""}})).code(), ErrorCode::Invalid);
}

TEST_F(ImagesTest, AreImportedListedAndPruned) {
  const std::string tar =
      run_child_checked({.arguments = {"tar", "-C", engine->directory() / "root", "-c", "www"}})
          .value();
  bool is_given = false;
  ByteSource give = [&tar, &is_given]() -> Task<Result<std::string>> {
    co_return std::exchange(is_given, true) ? std::string() : tar;
  };
  const auto id = await(images().import("imported:1", {"LABEL of=import", "CMD [\"x\"]"}, give));
  ASSERT_TRUE(id) << id.error().describe();
  const Result<Value> listed = await(images().list({{"label", {"of=import"}}}));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->as_list()[0].text_or("Id", ""), *id);
  const Filters all = {{"dangling", {"false"}}, {"label", {"of=import"}}};
  const Result<Value> pruned = await(images().prune(all));
  ASSERT_TRUE(pruned) << pruned.error().describe();
  EXPECT_EQ(error_of(await(images().inspect("imported:1"))).code(), ErrorCode::NotFound);
}

TEST_F(ImagesTest, ComeFromARegistryWithProgress) {
  if (!has_registry()) GTEST_SKIP() << DockerRegistry::missing() << " is not installed";
  const DockerRegistry registry;
  const std::string name = registry.address() + "/team/box:1";
  EXPECT_OK(await(images().tag(kImage, name)));
  EXPECT_OK(await(images().push(name, {}, nullptr)));
  const Result<std::string> digest = await(images().registry_digest(name, {}));
  ASSERT_TRUE(digest) << digest.error().describe();
  EXPECT_THAT(*digest, StartsWith("sha256:"));
  EXPECT_OK(await(images().remove(name)));

  const std::string pinned = registry.address() + "/team/box@" + *digest;
  EXPECT_OK(await(images().pull(pinned, {}, keep())));
  EXPECT_THAT(told_, HasSubstr("Pull"));
  const Result<Value> image = await(images().inspect(pinned));
  ASSERT_TRUE(image) << image.error().describe();
  EXPECT_THAT(image->find("RepoDigests")->as_list(), Contains(Value(pinned)));

  const std::string absent = registry.address() + "/team/absent:1";
  EXPECT_EQ(error_of(await(images().pull(absent, {}, nullptr))).code(), ErrorCode::NotFound);
  EXPECT_EQ(error_of(await(images().registry_digest(absent, {}))).code(), ErrorCode::NotFound);
}

TEST_F(ImagesTest, OfAPrivateRegistryNeedTheLogin) {
  if (!has_registry()) GTEST_SKIP() << DockerRegistry::missing() << " is not installed";
  const DockerRegistry registry(DockerRegistry::Access::Login);
  const std::string name = registry.address() + "/box:1";
  const RegistryLogin good = login(registry, DockerRegistry::kPassword);
  const RegistryLogin bad = login(registry, "guess");
  EXPECT_OK(await(images().tag(kImage, name)));
  EXPECT_EQ(error_of(await(images().push(name, {}, nullptr))).code(), ErrorCode::Denied);
  EXPECT_OK(await(images().push(name, good, nullptr)));
  EXPECT_OK(await(images().remove(name)));
  for (const RegistryLogin& wrong : {RegistryLogin{}, bad}) {
    const Error pull = error_of(await(images().pull(name, wrong, nullptr)));
    EXPECT_EQ(pull.code(), ErrorCode::Denied) << pull.describe();
    const Error ask = error_of(await(images().registry_digest(name, wrong)));
    EXPECT_EQ(ask.code(), ErrorCode::Denied) << ask.describe();
  }
  EXPECT_OK(await(images().pull(name, good, nullptr)));
  EXPECT_OK(await(images().registry_digest(name, good)));
  // A build's base image, too.
  EXPECT_OK(await(images().remove(name)));
  BuildImage request{.pull = true};
  request.logins.push_back(good);
  EXPECT_OK(build(request, {{"Dockerfile", "FROM " + name + "\n"}}));
}

TEST_F(ImagesTest, OfARegistryThatDoesNotAnswerAreUnavailable) {
  const Error error = error_of(await(images().pull("127.0.0.1:1/box:1", {}, nullptr)));
  EXPECT_EQ(error.code(), ErrorCode::Unavailable) << error.describe();
}

TEST_F(ImagesTest, ThatFindNoPlaceSaySo) {
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-small-").value();
  const std::string small = directory.path() / "engine";
  const std::string mount = "mkdir " + small + " && mount -t tmpfs -o size=20m tmpfs " + small;
  ASSERT_TRUE(run_child_checked({.arguments = {"sh", "-c", mount}}));
  {
    DockerEngine full(small);
    const Result<void> started = full.start();
    ASSERT_TRUE(started) << started.error().describe();
    EngineSettings there;
    there.host = full.host();
    const EngineClient cramped = EngineClient::make(there).value();
    TarEntry entry{.path = "large", .size = 40 << 20};
    std::vector<std::string> pieces = {TarWriter().begin(entry).value(), TarWriter::finish()};
    pieces.insert(pieces.begin() + 1, 40, std::string(1 << 20, 'x'));
    std::size_t next = 0;
    ByteSource give = [&pieces, &next]() -> Task<Result<std::string>> {
      co_return next < pieces.size() ? pieces[next++] : std::string();
    };
    const Error error = error_of(await(cramped.images().import("large:1", {}, give)));
    EXPECT_TRUE(is_out_of_space(error)) << error.describe();
    EXPECT_OK(await(cramped.system().ping()));
  }
  EXPECT_TRUE(run_child_checked({.arguments = {"umount", "-l", small}}));
}

TEST_F(ImagesTest, WithNamesThatAreNoneAreInvalid) {
  const Error error = error_of(await(images().pull("UPPER/Case", {}, nullptr)));
  EXPECT_EQ(error.code(), ErrorCode::Invalid) << error.describe();
}

}  // namespace
}  // namespace croft::docker
