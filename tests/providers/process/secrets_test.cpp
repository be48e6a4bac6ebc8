#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "providers/process/layout.hpp"
#include "tests/providers/process/fixture.hpp"

namespace croft {
namespace {

class ProcessSecretsTest : public ProcessTest {
 protected:
  /// A spec that names the secret in its environment and in a file.
  Value uses(const std::string& fingerprint, const std::string& script) const {
    const auto reference = [&](const char* name) {
      return Value::map({{"secret", name}, {"fingerprint", fingerprint}});
    };
    Value spec = shell(script);
    Value env = spec.find("env") != nullptr ? *spec.find("env") : Value::map();
    env.set("TOKEN", reference("api"));
    spec.set("env", std::move(env));
    spec.set("secretFiles", Value::map({{"/run/secrets/key", reference("tls/key")}}));
    return spec;
  }
  Effect with(Effect effect, const std::string& token, const std::string& key) const {
    effect.secrets = std::make_shared<const SecretValues>(
        SecretValues{{"api", Secret<std::string>(token)}, {"tls/key", Secret<std::string>(key)}});
    return effect;
  }
  /// Every file below the data directory but logs that holds the text.
  std::vector<std::string> files_with(const std::string& text) const {
    std::vector<std::string> found;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator it(data(), error), end; it != end;
         it.increment(error)) {
      if (it->path().string().find("/logs/") != std::string::npos) continue;
      if (!std::filesystem::is_regular_file(it->symlink_status(error))) continue;
      const auto content = read_file(it->path(), 1 << 26);
      if (content && content->find(text) != std::string::npos) found.push_back(it->path());
    }
    return found;
  }
};

constexpr const char* kTell =
    "echo \"token $TOKEN\"; cat /run/secrets/key; stat -c ' mode %a %u' /run/secrets/key; id -u; "
    "sleep 1000";

TEST_F(ProcessSecretsTest, AreInTheEnvironmentAndInAFileOfItsOwn) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(
      await(provider_->create(with(effect("web", uses("f1", kTell)), "tok-1234", "key-5678"))));
  EXPECT_TRUE(says("web", "token tok-1234")) << log_of("web");
  EXPECT_TRUE(says("web", "key-5678 mode 400")) << log_of("web");
  EXPECT_EQ(exec("web", {"sh", "-c", "test \"$TOKEN\" = tok-1234"}), 0);
  EXPECT_NE(exec("web", {"sh", "-c", "echo x > /run/secrets/key"}), 0);
  EXPECT_EQ(files_with("tok-1234"), std::vector<std::string>());
  EXPECT_EQ(files_with("key-5678"), std::vector<std::string>());
  EXPECT_EQ(seen("web")->fields->text_or("env.TOKEN.fingerprint", ""), "f1");
}

TEST_F(ProcessSecretsTest, AreThereAgainWhenTheSupervisorStartsTheAppAnew) {
  if (!needs_sandbox()) return;
  const std::string script = "echo \"token $TOKEN\"; exit 1";
  ASSERT_TRUE(
      await(provider_->create(with(effect("web", uses("f1", script)), "tok-1234", "key-5678"))));
  drop_croft();
  restart_croft();
  EXPECT_TRUE(eventually([&] {
    const std::string log = log_of("web");
    const std::size_t first = log.find("token tok-1234");
    return first != std::string::npos && log.find("token tok-1234", first + 1) != std::string::npos;
  })) << log_of("web");
}

TEST_F(ProcessSecretsTest, AnotherFingerprintIsAnotherStartWithTheNewValue) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(await(provider_->create(with(effect("web", uses("f1", kTell)), "tok-1234", "k"))));
  ASSERT_TRUE(says("web", "token tok-1234"));
  const auto before = seen("web")->started_at;
  ASSERT_TRUE(await(provider_->update(with(effect("web", uses("f1", kTell)), "tok-1234", "k"))));
  EXPECT_EQ(seen("web")->started_at, before);
  ASSERT_TRUE(await(provider_->update(with(effect("web", uses("f2", kTell)), "tok-9999", "k"))));
  EXPECT_TRUE(says("web", "token tok-9999")) << log_of("web");
}

TEST_F(ProcessSecretsTest, StoppedAndStartedItGetsThemAgain) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(await(provider_->create(with(effect("web", uses("f1", kTell)), "tok-1234", "k"))));
  ASSERT_TRUE(stop("web"));
  ASSERT_TRUE(becomes("web", Phase::Stopped));
  const Result<void> without = await(provider_->start(order("web")));
  ASSERT_FALSE(without) << "it was started without its secrets";
  ASSERT_TRUE(await(provider_->start(with(order("web"), "tok-1234", "k"))));
  EXPECT_TRUE(becomes("web", Phase::Running));
}

TEST_F(ProcessSecretsTest, WhatRunsIsNotStoppedForSecretsThatAreTooLarge) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(await(provider_->create(with(effect("web", uses("f1", kTell)), "tok-1234", "k"))));
  const std::string large((256 << 10) + 1, 'x');
  const Result<void> refused =
      await(provider_->update(with(effect("web", uses("f2", kTell)), "tok-1234", large)));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("at most 256 KiB"), std::string::npos);
  EXPECT_EQ(seen("web")->phase, Phase::Running);
}

TEST_F(ProcessSecretsTest, WhatRunsIsNotStoppedForSecretsThatAreNotAtHand) {
  if (!needs_sandbox()) return;
  ASSERT_TRUE(await(provider_->create(with(effect("web", uses("f1", kTell)), "tok-1234", "k"))));
  const auto before = seen("web")->started_at;
  const Result<void> refused = await(provider_->update(effect("web", uses("f2", kTell))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(seen("web")->phase, Phase::Running);
  EXPECT_EQ(seen("web")->started_at, before);
}

/// While it lives, this process would leave a core, and files of its own are of no group of root's.
class Exposed {
 public:
  Exposed() {
    ::getrlimit(RLIMIT_CORE, &before_);
    const rlim_t wanted = ::geteuid() == 0 ? 1 << 20 : before_.rlim_max;
    const rlimit more{wanted, std::max(wanted, before_.rlim_max)};
    EXPECT_EQ(::setrlimit(RLIMIT_CORE, &more), 0);
    if (::geteuid() == 0) {
      EXPECT_EQ(::setresgid(kOtherGroup, kOtherGroup, 0), 0);
    }
  }
  ~Exposed() {
    if (::geteuid() == 0) {
      EXPECT_EQ(::setresgid(0, 0, 0), 0);
    }
    ::setrlimit(RLIMIT_CORE, &before_);
  }
  Exposed(const Exposed&) = delete;
  Exposed& operator=(const Exposed&) = delete;

 private:
  static constexpr gid_t kOtherGroup = 1;
  rlimit before_{};
};

TEST_F(ProcessSecretsTest, TheSupervisorsMemoryIsNobodyElses) {
  if (!needs_sandbox()) return;
  const Exposed exposed;
  ASSERT_TRUE(await(provider_->create(with(effect("web", uses("f1", kTell)), "tok-1234", "k"))));
  const pid_t shim = shim_of("web");
  ASSERT_GT(shim, 0);
  const std::string limits = read_file(fmt::format("/proc/{}/limits", shim), 1 << 16).value();
  const std::size_t core = limits.find("Max core file size");
  ASSERT_NE(core, std::string::npos);
  EXPECT_NE(limits.substr(core, 50).find(" 0 "), std::string::npos) << limits.substr(core, 60);
  // The kernel gives the memory of what may not be dumped to root and its group, whoever runs it.
  struct stat memory{};
  ASSERT_EQ(::stat(fmt::format("/proc/{}/mem", shim).c_str(), &memory), 0);
  EXPECT_EQ(memory.st_uid, 0U);
  EXPECT_EQ(memory.st_gid, 0U);
  for (const char* file : {"cmdline", "environ"}) {
    const auto text = read_file(fmt::format("/proc/{}/{}", shim, file), 1 << 20);
    if (text) {
      EXPECT_EQ(text->find("tok-1234"), std::string::npos) << file;
    }
  }
}

TEST_F(ProcessSecretsTest, FilesBelongNeitherOverTheSystemNorUnderAVolume) {
  const auto refused = [&](const std::string& path, const std::string& volume) {
    Value spec = shell("true");
    spec.set("secretFiles", Value::map({{path, Value::map({{"secret", "x"}})}}));
    if (!volume.empty())
      spec.set("volumes", Value(Value::List{Value::map(
                              {{"name", "data"}, {"path", volume}, {"size", Value(1 << 26)}})}));
    const auto normal = provider_->normalize(Ref{"tenant1", Kind::Instance, "web"}, spec);
    return normal ? std::string() : normal.error().message();
  };
  EXPECT_EQ(refused("/run/secrets/key", ""), "");
  EXPECT_NE(refused("/etc/passwd", "").find("the system's"), std::string::npos);
  EXPECT_NE(refused("/data/key", "/data").find("the volume at '/data' covers it"),
            std::string::npos);
}

}  // namespace
}  // namespace croft
