#include "core/base/settings.hpp"

#include <set>

#include <gtest/gtest.h>

#include "core/base/files.hpp"

namespace croft {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() : directory_(TemporaryDirectory::make("croft-settings-").value()) {}

  Result<Settings> load(std::string_view file, std::map<std::string, std::string> environment = {},
                        std::map<std::string, std::string> flags = {}) {
    EXPECT_TRUE(write_file_atomic(path(), file, 0600));
    return load_settings({path(), true, std::move(environment), std::move(flags)});
  }
  std::filesystem::path path() const { return directory_.path() / "croft.yaml"; }

  /// What load() complains about, without the directory.
  std::string complaint(std::string_view file) {
    const Result<Settings> loaded = load(file);
    if (loaded) return "nothing";
    std::string text = loaded.error().describe();
    const std::string prefix = directory_.path().string() + "/";
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
    return text;
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(SettingsTest, HasADefaultForEverySetting) {
  const Settings settings = load_settings({}).value();
  EXPECT_EQ(settings.domain, "localhost");
  EXPECT_EQ(settings.platform_ref, "main");
  EXPECT_EQ(settings.platform_interval, Duration(60'000));
  EXPECT_EQ(settings.retention, Duration(30LL * 86'400'000));
  EXPECT_EQ(settings.api_socket, settings.data / "api.sock");
  EXPECT_EQ(settings.secrets_dir, settings.data / "secrets");
  EXPECT_EQ(settings.api_listen, "") << "the API is off on TCP until somebody asks for it";
  EXPECT_EQ(settings.role, "all");
}

TEST_F(SettingsTest, LetsFlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const std::string file =
      "domain: file.example\nresync: 10s\nplatform: {url: /srv/p, ref: trunk}\n";
  const Settings settings = load(file, {{"CROFT_DOMAIN", "env.example"}, {"CROFT_RESYNC", "20s"}},
                                 {{"domain", "flag.example"}})
                                .value();
  EXPECT_EQ(settings.domain, "flag.example");
  EXPECT_EQ(settings.resync, Duration(20'000));
  EXPECT_EQ(settings.platform_ref, "trunk");
  EXPECT_EQ(settings.platform_url, "/srv/p");
}

TEST_F(SettingsTest, TakesTextsAsWritten) {
  const Settings settings = load("domain: no\nplatform:\n  ref: 012\n").value();
  EXPECT_EQ(settings.domain, "no");
  EXPECT_EQ(settings.platform_ref, "012");
}

TEST_F(SettingsTest, ReadsListsFromFileAndFlags) {
  EXPECT_EQ(load("edge: {trustedProxies: [10.0.0.0/8, \"::1\"]}").value().edge_trusted_proxies,
            (std::vector<std::string>{"10.0.0.0/8", "::1"}));
  EXPECT_EQ(load("api: {operators: [alice, 1000]}").value().api_operators,
            (std::vector<std::string>{"alice", "1000"}));
  EXPECT_EQ(load("", {}, {{"edge.trustedProxies", "a,b"}}).value().edge_trusted_proxies,
            (std::vector<std::string>{"a", "b"}));
}

TEST_F(SettingsTest, TakesAWebAddressForHooksAndNothingElse) {
  EXPECT_FALSE(receives_hooks(load("").value()));
  const Settings settings = load("hooks: {url: \"https://hooks.example.com/\"}").value();
  EXPECT_EQ(settings.hooks_url, "https://hooks.example.com");
  EXPECT_TRUE(receives_hooks(settings));
  EXPECT_TRUE(receives_hooks(load("hooks: {listen: \"127.0.0.1:9000\"}").value()));
  for (const char* url : {"hooks.example.com", "ftp://x", "https://", "https://x/y", "https://u@x"})
    EXPECT_FALSE(load("", {}, {{"hooks.url", url}})) << url;
}

TEST_F(SettingsTest, TakesNumbersWithinTheirBounds) {
  const auto with = [](const std::string& name, const std::string& text) {
    SettingSources sources;
    sources.flags = {{name, text}};
    return load_settings(sources);
  };
  EXPECT_EQ(with("events.keep", "1200")->events_keep, 1'200);
  EXPECT_EQ(with("events.keepFor", "90d")->events_keep_for, Duration(90LL * 86'400'000));
  EXPECT_EQ(with("traces.sample", "0.25")->traces_sample, 0.25);
  for (const std::string wrong : {"0", "-1", "1e3", "many", "99999999999999999999"})
    EXPECT_FALSE(with("events.keep", wrong).has_value()) << wrong;
  for (const std::string wrong : {"1.01", "-0.1", "nan", "all", "0.5x"})
    EXPECT_FALSE(with("traces.sample", wrong).has_value()) << wrong;
}

TEST_F(SettingsTest, WantsAReceiverAndItsSecretTogether) {
  Settings settings = load("platform: {url: /srv/p, receiver: github}").value();
  EXPECT_FALSE(require_source(settings));
  settings.platform_receiver_secret = "hook";
  EXPECT_TRUE(require_source(settings));
}

TEST_F(SettingsTest, WantsWhoMaySignAndThatSomebodyMustTogether) {
  Settings settings = load("platform: {url: /srv/p, verify: head}").value();
  EXPECT_FALSE(require_source(settings));
  settings.platform_gpg_keys = "/etc/croft/keys.asc";
  EXPECT_TRUE(require_source(settings));
  settings.platform_verify.clear();
  EXPECT_FALSE(require_source(settings));
  EXPECT_FALSE(load("platform: {url: /srv/p, verify: tag}"));
}

TEST_F(SettingsTest, CountsFromOneOn) {
  EXPECT_EQ(load("").value().smtp_per_hour, 60);
  EXPECT_EQ(load("smtp: {perHour: 5}").value().smtp_per_hour, 5);
  for (const char* number : {"0", "-1", "1.5", "many", "99999999999999999999"})
    EXPECT_FALSE(load("", {}, {{"smtp.perHour", number}})) << number;
}

TEST_F(SettingsTest, NamesTheLineThatIsWrong) {
  EXPECT_EQ(complaint("domain: x\nplatfrom: {url: /srv/p}\n"),
            "croft.yaml:2:1: unknown setting 'platfrom' (did you mean 'platform'?)");
  EXPECT_EQ(complaint("platform:\n  urll: /srv/p\n"),
            "croft.yaml:2:3: unknown setting 'platform.urll' (did you mean 'platform.url'?)");
  EXPECT_EQ(complaint("resync: soon\n"),
            "croft.yaml:1:9: resync: 'soon' is not a duration; write for example '90s', '15m' or "
            "'1h30m'");
  EXPECT_EQ(complaint("log:\n  level: loud\n"),
            "croft.yaml:2:10: log.level: 'loud' is none of debug, info, warning, error");
  EXPECT_EQ(complaint("domain: a\ndomain: b\n"),
            "croft.yaml:2:1: the key 'domain' is given twice; first at line 1, column 1");
  EXPECT_EQ(complaint("platform.url: a\nplatform: {url: b}\n"),
            "croft.yaml:2:12: 'platform.url' is set twice");
  EXPECT_EQ(complaint("domain: a\n---\ndomain: b\n"),
            "croft.yaml:2:1: a settings file is one document");
  EXPECT_EQ(complaint("domain: \xff\n"),
            "croft.yaml:1:9: this is no text: invalid leading UTF-8 octet");
  EXPECT_EQ(complaint("domain: [a]\n"), "croft.yaml:1:9: 'domain' needs a TEXT");
  EXPECT_EQ(complaint("- a\n"), "croft.yaml:1:1: expected 'name: value' lines");
  EXPECT_EQ(complaint("domain: [a\n"),
            "croft.yaml:1:9: the '[' of this list is never closed; a ',' or a ']' is missing");
}

TEST_F(SettingsTest, NamesTheVariableOrFlagThatIsWrong) {
  EXPECT_TRUE(load("", {{"CROFT_RESYNC", "x"}}).error().message().starts_with("CROFT_RESYNC: "));
  EXPECT_TRUE(load("", {}, {{"log.format", "xml"}})
                  .error()
                  .message()
                  .starts_with("--log-format: 'xml' is none of"));
}

TEST_F(SettingsTest, AcceptsAnAbsentFileOnlyIfNobodyAskedForIt) {
  const std::filesystem::path absent = path().parent_path() / "absent.yaml";
  EXPECT_TRUE(load_settings({absent, false, {}, {}}));
  EXPECT_EQ(load_settings({absent, true, {}, {}}).error().code(), ErrorCode::NotFound);
}

TEST_F(SettingsTest, WantsExactlyOneRepository) {
  EXPECT_FALSE(require_source(load("").value()));
  EXPECT_TRUE(require_source(load("solo: .").value()));
  EXPECT_TRUE(require_source(load("platform: {url: .}").value()));
  EXPECT_FALSE(require_source(load("solo: .\nplatform: {url: .}").value()));
}

TEST_F(SettingsTest, FindsSecretsWhereSystemdPutsThem) {
  EXPECT_EQ(load("", {{"CREDENTIALS_DIRECTORY", "/run/credentials/croft"}}).value().secrets_dir,
            "/run/credentials/croft");
}

TEST_F(SettingsTest, KeepsDataWhereTheUserMayWrite) {
  EXPECT_EQ(default_data_directory({}, true), "/var/lib/croft");
  EXPECT_EQ(default_data_directory({{"HOME", "/home/a"}}, false), "/home/a/.local/share/croft");
  EXPECT_EQ(default_data_directory({{"HOME", "/home/a"}, {"XDG_DATA_HOME", "/d"}}, false),
            "/d/croft");
}

TEST_F(SettingsTest, SpellsFlagsAndVariablesOfEverySettingOnce) {
  std::set<std::string> flags;
  for (const SettingDescription& setting : all_settings()) {
    EXPECT_TRUE(flags.insert(setting.flag()).second) << setting.name;
    EXPECT_FALSE(setting.help.empty()) << setting.name;
  }
  EXPECT_TRUE(flags.contains("--edge-trusted-proxies"));
  EXPECT_EQ(all_settings()[1].environment(), "CROFT_STORE_URL");
  EXPECT_EQ(all_settings()[2].environment(), "CROFT_PLATFORM_URL");
}

TEST_F(SettingsTest, LeavesPort80OutOfUrls) {
  EXPECT_EQ(url_suffix(load("").value()), ":8080");
  EXPECT_EQ(url_suffix(load("edge: {listen: '0.0.0.0:80'}").value()), "");
  EXPECT_EQ(url_suffix(load("edge: {listen: '[::]:8081'}").value()), ":8081");
}

}  // namespace
}  // namespace croft
