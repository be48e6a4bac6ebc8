#include <cstdlib>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/core/manifest/compose/canonical.hpp"
#include "tests/core/manifest/compose/corpus.hpp"

// The judge of what a compose file means is docker-compose itself: the loaded parts equal what
// `docker-compose config` prints, wherever it accepts the file.

namespace croft::manifest {
namespace {

namespace fs = std::filesystem;

bool has_docker_compose() {
  static const bool kHas =
      run_child_checked({.arguments = {kPython, "-c", "import compose.config"}}).has_value();
  return kHas;
}

// What docker-compose says of each directory: {"said": ...} or {"refused": why}.
Value ask_oracle(const std::vector<fs::path>& directories) {
  ChildCommand command;
  command.arguments = {kPython, CROFT_SOURCE_DIR "/tests/core/manifest/compose/oracle.py"};
  command.arguments.insert(command.arguments.end(), directories.begin(), directories.end());
  command.deadline = Duration(100'000);
  const auto said = run_child_checked(command);
  EXPECT_TRUE(said) << said.error().describe();
  return said ? parse_json(*said).value() : Value::map();
}

std::vector<fs::path> corpus(std::string_view part) {
  std::vector<fs::path> found = corpus_directories();
  std::erase_if(found, [&](const fs::path& one) { return one.parent_path().filename() != part; });
  return found;
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

// Without a judge, that they load is all that can be said.
void judge(const std::vector<fs::path>& directories) {
  const Value said = has_docker_compose() ? ask_oracle(directories) : Value();
  for (const fs::path& directory : directories) {
    SCOPED_TRACE(directory.filename().string());
    const LoadedSet set = load_directory(directory);
    EXPECT_TRUE(set.is_usable()) << complaints(set);
    if (said.is_null()) continue;
    const Value* answer = said.find(directory.string());
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->text_or("refused", ""), "");
    if (const Value* theirs = answer->find("said"))
      expect_same(canonical_parts(set), *theirs, directory.filename());
  }
}

TEST(ComposeOracleTest, TheCorpusMeansWhatDockerComposeSays) {
  const std::vector<fs::path> directories = corpus("oracle");
  EXPECT_GE(directories.size(), 18u) << "the corpus is not where it should be";
  judge(directories);
  if (!has_docker_compose()) GTEST_SKIP() << "they load; docker-compose is not there to judge";
}

// If docker-compose learns to read one, it belongs to the others.
TEST(ComposeOracleTest, WhatIsNewerThanDockerComposeIsComparedWithWhatWasWrittenDown) {
  const std::vector<fs::path> directories = corpus("newer");
  EXPECT_GE(directories.size(), 4u);
  const Value said = has_docker_compose() ? ask_oracle(directories) : Value();
  for (const fs::path& directory : directories) {
    SCOPED_TRACE(directory.filename().string());
    const LoadedSet set = load_directory(directory);
    ASSERT_TRUE(set.is_usable()) << complaints(set);
    const fs::path golden = directory / "expected.json";
    const std::string shown = to_pretty_json(canonical_parts(set)) + "\n";
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
      ASSERT_TRUE(write_file_atomic(golden, shown, 0644));
    }
    EXPECT_EQ(shown, read_file(golden, 1 << 20).value_or("there is no expected.json"));
    if (!said.is_null()) {
      EXPECT_NE(said.find(directory.string())->text_or("refused", ""), "");
    }
  }
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

fs::path awesome_examples() { return compose_specs() / "awesome"; }

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
  const TemporaryDirectory workspace = TemporaryDirectory::make("croft-compose-").value();
  std::vector<fs::path> directories;
  for (const auto& entry : fs::directory_iterator(awesome_examples())) {
    directories.push_back(workspace.path() / entry.path().filename());
    lay_out(entry.path(), directories.back());
  }
  EXPECT_GE(directories.size(), 26u);
  judge(directories);
  if (!has_docker_compose()) GTEST_SKIP() << "they load; docker-compose is not there to judge";
}

}  // namespace
}  // namespace croft::manifest
