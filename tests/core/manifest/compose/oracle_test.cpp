#include <cstdlib>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/core/manifest/compose/canonical.hpp"
#include "tests/core/manifest/compose/composing.hpp"

// The judge of what a compose file means is docker-compose itself: the loaded parts equal what
// `docker-compose config` prints, wherever it accepts the file.

namespace croft::manifest {
namespace {

namespace fs = std::filesystem;

constexpr int kRefused = 3;  // exit status of oracle.py

bool has_docker_compose() {
  return run_child_checked({.arguments = {"docker-compose", "version"}}).has_value();
}

struct Judgement {
  Value said;           ///< null if it refuses the files
  std::string refusal;  ///< why
};

Judgement ask_oracle(const fs::path& directory, const std::vector<std::string>& files) {
  ChildCommand command;
  command.arguments = {"python3", CROFT_SOURCE_DIR "/tests/core/manifest/compose/oracle.py",
                       directory};
  command.arguments.insert(command.arguments.end(), files.begin(), files.end());
  const auto done = run_child(command);
  EXPECT_TRUE(done) << done.error().describe();
  if (!done) return {};
  if (done->status == kRefused) return {{}, done->error};
  EXPECT_EQ(done->status, 0) << done->error;
  auto said = parse_json(done->output);
  EXPECT_TRUE(said) << done->output;
  return {said.value_or(Value()), done->error};
}

Files read_directory(const fs::path& directory) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const auto content = read_file(entry.path(), 1 << 20);
    EXPECT_TRUE(content);
    files.emplace_back(fs::relative(entry.path(), directory).string(), content.value_or(""));
  }
  return files;
}

LoadedSet load_directory(const fs::path& directory) {
  const bool has_override = fs::exists(directory / "compose.override.yaml");
  return load_stack(read_directory(directory),
                    std::string("  profiles: [\"*\"]\n") +
                        (has_override ? "  overrides: [compose.override.yaml]\n" : ""));
}

// Says where two documents differ, so that a failure is readable.
void expect_same(const Value& ours, const Value& theirs, const std::string& path) {
  if (ours == theirs) return;
  if (!ours.is_map() || !theirs.is_map()) {
    ADD_FAILURE() << path << ": croft " << to_json(ours) << ", docker-compose " << to_json(theirs);
    return;
  }
  for (const auto& [key, value] : ours.as_map()) {
    const Value* other = theirs.find(key);
    expect_same(value, other == nullptr ? Value() : *other, path + "." + key);
  }
  for (const auto& [key, value] : theirs.as_map()) {
    if (ours.find(key) == nullptr) expect_same(Value(), value, path + "." + key);
  }
}

void judge(const fs::path& directory) {
  const LoadedSet set = load_directory(directory);
  ASSERT_TRUE(set.is_usable()) << complaints(set);
  std::vector<std::string> files{"compose.yaml"};
  if (fs::exists(directory / "compose.override.yaml")) files.emplace_back("compose.override.yaml");
  const Judgement judgement = ask_oracle(directory, files);
  ASSERT_FALSE(judgement.said.is_null()) << judgement.refusal;
  expect_same(canonical_parts(set), judgement.said, directory.filename());
}

TEST(ComposeOracleTest, TheCorpusMeansWhatDockerComposeSays) {
  if (!has_docker_compose()) GTEST_SKIP() << "docker-compose is not installed";
  int count = 0;
  for (const auto& entry : fs::directory_iterator(CROFT_SOURCE_DIR "/tests/data/compose/oracle")) {
    SCOPED_TRACE(entry.path().filename().string());
    judge(entry.path());
    ++count;
  }
  EXPECT_GE(count, 15) << "the corpus is not where it should be";
}

// What the awesome examples need beside their compose files.
const std::map<std::string, std::vector<std::string>>& needs_of_examples() {
  static const std::map<std::string, std::vector<std::string>> kNeeds{
      {"angular", {"angular/Dockerfile"}},
      {"apache-php", {"app/Dockerfile"}},
      {"django", {"app/Dockerfile"}},
      {"elasticsearch-logstash-kibana",
       {"logstash/pipeline/logstash-nginx.config", "logstash/nginx.log"}},
      {"flask", {"app/Dockerfile"}},
      {"flask-redis", {"Dockerfile"}},
      {"nginx-aspnet-mysql", {"backend/Dockerfile", "proxy/Dockerfile", "db/password.txt"}},
      {"nginx-flask-mongo", {"nginx/nginx.conf", "flask/Dockerfile"}},
      {"nginx-golang", {"proxy/nginx.conf", "backend/Dockerfile"}},
      {"nginx-golang-mysql", {"backend/Dockerfile", "db/password.txt", "proxy/nginx.conf"}},
      {"nginx-nodejs-redis", {"web/Dockerfile", "nginx/Dockerfile"}},
      {"nginx-wsgi-flask", {"nginx/Dockerfile", "nginx/default.conf", "flask/Dockerfile"}},
      {"prometheus-grafana", {"prometheus/prometheus.yml", "grafana/datasource.yml"}},
      {"react-express-mongodb", {"frontend/Dockerfile", "backend/Dockerfile"}},
      {"react-java-mysql",
       {"backend/Dockerfile", "db/password.txt", "frontend/Dockerfile", "frontend/src/index.js"}},
      {"react-nginx", {"Dockerfile"}},
      {"sparkjava", {"sparkjava/Dockerfile"}},
      {"sparkjava-mysql", {"backend/Dockerfile", "db/password.txt"}},
      {"traefik-golang", {"backend/Dockerfile"}},
      {"vuejs", {"vuejs/Dockerfile"}},
      {"wasmedge-mysql-nginx", {"frontend/index.html", "backend/Dockerfile"}}};
  return kNeeds;
}

fs::path awesome_examples() {
  const char* specs = std::getenv("CROFT_VENDOR_SPECS");
  return fs::path(specs != nullptr ? specs : CROFT_SOURCE_DIR "/../shared/specs") /
         "compose/awesome";
}

// An example as it was published: the files that its compose file names are there.
void lay_out(const fs::path& example, const fs::path& into) {
  fs::copy(example, into, fs::copy_options::recursive);
  if (fs::exists(into / "dot.env")) fs::rename(into / "dot.env", into / ".env");
  const auto needs = needs_of_examples().find(example.filename().string());
  if (needs == needs_of_examples().end()) return;
  for (const std::string& file : needs->second) {
    fs::create_directories((into / file).parent_path());
    ASSERT_TRUE(write_file_atomic(into / file, "FROM scratch\n", 0644));
  }
}

TEST(ComposeOracleTest, EveryAwesomeExampleLoadsAndMeansWhatDockerComposeSays) {
  if (!fs::exists(awesome_examples())) GTEST_SKIP() << "there is no " << awesome_examples();
  const bool has_judge = has_docker_compose();
  const TemporaryDirectory workspace = TemporaryDirectory::make("compose").value();
  int count = 0;
  for (const auto& entry : fs::directory_iterator(awesome_examples())) {
    SCOPED_TRACE(entry.path().filename().string());
    const fs::path directory = fs::path(workspace.path()) / entry.path().filename();
    lay_out(entry.path(), directory);
    if (has_judge) {
      judge(directory);
    } else {
      const LoadedSet set = load_directory(directory);
      EXPECT_TRUE(set.is_usable()) << complaints(set);
    }
    ++count;
  }
  EXPECT_GE(count, 26);
  if (!has_judge) GTEST_SKIP() << "they load; docker-compose is not installed to compare them with";
}

}  // namespace
}  // namespace croft::manifest
