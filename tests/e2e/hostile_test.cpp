// One tenant pushes what breaks loaders; the other's push is not delayed, and memory stays bounded.

#include <algorithm>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/platform.hpp"

namespace croft::e2e {

namespace {

using SteadyClock = std::chrono::steady_clock;

std::string site_with(const std::string& name, const std::string& spec) {
  return fmt::format("apiVersion: croft/v1\nkind: Site\nmetadata: {{name: {}}}\nspec:\n{}\n", name,
                     spec);
}

std::string alias_bomb() {
  std::string text = "apiVersion: croft/v1\nkind: Site\nmetadata: {name: bomb}\nspec:\n";
  text += "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level <= 12; ++level) {
    text += fmt::format("  a{}: &a{} [", level, level);
    for (int i = 0; i < 10; ++i) text += fmt::format("{}*a{}", i == 0 ? "" : ", ", level - 1);
    text += "]\n";
  }
  return text;
}

/// The n-th way to be broken.
std::string broken_manifest(int n) {
  const std::string name = fmt::format("s{}", n);
  switch (n % 10) {
    case 0:
      return alias_bomb();
    case 1:
      return site_with(name, "  files: " + std::string(20'000, '[') + std::string(20'000, ']'));
    case 2:  // over the limit of a file
      return site_with(name, "  files: {path: " + std::string(3 << 20, 'p') + "}");
    case 3:
      return site_with(name, "  files: {path: \"\xff\xfe\x80\"}");
    case 4:
      return site_with(name, "  files: {path: public}\n  recources: {cpu: 1}");
    case 5:
      return site_with(name, "  files: {path: a}\n  files: {path: b}");
    case 6:
      return site_with("\"\\e[31m../../etc\\0\"", "  files: {path: ../../../etc}");
    case 7:
      return site_with(name, "  files: {path: \"never closed\n  notFound: [");
    case 8:
      return "apiVersion: croft/v1\nkind: Tenant\nmetadata: {name: mallory}\nspec: {plan: "
             "studio}\n";
    default:
      return std::string("apiVersion: croft/v1\n\t- !!python/object:os.system {x: y}\n\0\0", 59) +
             std::string(500'000, '-');
  }
}

GitRepository::Files broken_manifests(int count) {
  GitRepository::Files files;
  for (int n = 0; n < count; ++n)
    files.emplace_back(fmt::format("d{}/m{:03}.yaml", n % 7, n), broken_manifest(n));
  return files;
}

class HostileTest : public testing::Test {
 protected:
  void SetUp() override {
    platform_.push("alice", site_files("blog", "garden"));
    platform_.push("mallory", site_files("home", "before"));
    platform_.daemon.start();
    platform_.settle();
  }

  /// How long alice's push takes until it is served.
  std::chrono::milliseconds push_takes(const std::string& text) {
    platform_.push("alice", {{"blog/index.html", "<h1>" + text + "</h1>"}});
    const auto begun = SteadyClock::now();
    EXPECT_TRUE(platform_.shows("alice-blog.localhost", text)) << platform_.daemon.log();
    return std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - begun);
  }

  long control_kib() { return resident_kib(platform_.daemon.role("control").value_or(-1)); }

  bool is_stalled() {
    const std::string events = platform_.daemon.croft({"events", "-t", "mallory"}).output;
    return events.find("InvalidManifests") != std::string::npos;
  }

  Platform platform_{{"alice", "mallory"}};
};

TEST_F(HostileTest, TwoHundredBrokenManifestsDelayNobodyElse) {
  const std::chrono::milliseconds usual = push_takes("usual");
  const int control = platform_.daemon.role("control").value_or(-1);

  platform_.push("mallory", broken_manifests(200));
  const std::chrono::milliseconds beside = push_takes("beside the broken ones");
  long most = control_kib();
  EXPECT_TRUE(wait_until([&] {
    most = std::max(most, control_kib());
    return is_stalled();
  })) << platform_.daemon.log();
  // Not delayed: seconds would mean that it waited for its neighbour.
  EXPECT_LT(beside, usual + std::chrono::seconds(5));
  EXPECT_LT(most, 300 * 1024);
  fmt::print("a push takes {} ms, beside 200 broken manifests {} ms; control has at most {} MiB\n",
             usual.count(), beside.count(), most / 1024);
  EXPECT_EQ(platform_.daemon.role("control").value_or(-1), control) << platform_.daemon.log();

  // What was good goes on.
  EXPECT_NE(platform_.get("mallory-home.localhost").body.find("before"), std::string::npos);
}

TEST_F(HostileTest, TheDiagnosticsAreReadableAndNameTheirPlaces) {
  platform_.push("mallory", broken_manifests(20));
  ASSERT_TRUE(wait_until([&] { return is_stalled(); })) << platform_.daemon.log();
  const std::string events = platform_.daemon.croft({"events", "-t", "mallory"}).output;
  EXPECT_NE(events.find("unknown field 'recources'"), std::string::npos) << events;
  EXPECT_NE(events.find("m004.yaml:6:3"), std::string::npos) << events;
  EXPECT_NE(events.find("m000.yaml:"), std::string::npos) << "the alias bomb: " << events;
  EXPECT_EQ(events.find('\x1b'), std::string::npos) << "an escape sequence reached the terminal";
  EXPECT_EQ(events.find('\xff'), std::string::npos) << "what is no UTF-8 reached the terminal";
  EXPECT_LT(events.size(), 64U << 10U) << "a person reads this";
  const std::string log = platform_.daemon.log();
  EXPECT_EQ(log.find('\x1b'), std::string::npos) << "an escape sequence reached the log";

  const ChildOutput mine =
      platform_.daemon.croft({"validate", platform_.clone("mallory").path().string()});
  EXPECT_NE(mine.status, 0);
  EXPECT_EQ((mine.output + mine.error).find('\x1b'), std::string::npos);

  // Mended, all is well again.
  platform_.clone("mallory").git({"rm", "-rq", "d0", "d1", "d2", "d3", "d4", "d5", "d6"});
  platform_.push("mallory", {{"home/index.html", "after"}});
  EXPECT_TRUE(platform_.shows("mallory-home.localhost", "after")) << platform_.daemon.log();
}

}  // namespace

}  // namespace croft::e2e
