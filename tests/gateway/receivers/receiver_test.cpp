#include "gateway/receivers/receiver.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/base/hmac.hpp"
#include "gateway/receivers/proof.hpp"
#include "tests/gateway/receivers/deliveries.hpp"

namespace croft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kPush = R"({"ref":"refs/heads/main","before":"1","after":"2"})";

/// A receiver with one source, alice/alice, that follows `main` of alice's repository.
class Receiving {
 public:
  explicit Receiving(HookType type, const std::string& secret) {
    source.key = "alice/alice";
    source.url = "https://git.example.com/alice/hosting.git";
    source.ref = "main";
    source.wants_merge_requests = true;
    source.hook =
        Hook{"0123456789abcdef", type, "alice-hook", (root.path() / "alice-hook").string()};
    put_secret(secret);
    publish();
  }

  void publish(std::vector<HookedSource> others = {}) {
    HookTable table{{source}};
    table.sources.insert(table.sources.end(), others.begin(), others.end());
    EXPECT_TRUE(write_file_atomic(root.path() / "hooks.json", write_hook_table(table), 0600));
  }
  void put_secret(const std::string& secret) {
    EXPECT_TRUE(write_file_atomic(root.path() / "alice-hook", secret + "\n", 0600));
  }
  HttpResponse send(const HttpRequest& request) { return receiver.handle(request); }
  HttpResponse send(const SentHook& hook, const std::string& delivery = "1") {
    return send(hook.request(source.hook->id, delivery, clock.now()));
  }

  TemporaryDirectory root = TemporaryDirectory::make("croft-receiver").value();
  HookedSource source;
  ManualClock clock;
  std::vector<HookNotice> notices;
  Receiver receiver{{root.path() / "hooks.json"}, clock, [this](const HookNotice& notice) {
                      notices.push_back(notice);
                    }};
};

SentHook push(HookType type, const std::string& body = kPush) {
  const bool is_bitbucket = type == HookType::Bitbucket;
  return {type, is_bitbucket ? "repo:push" : "push", false,
          is_bitbucket
              ? R"({"push":{"changes":[{"new":{"type":"branch","name":"main"},"old":null}]}})"
          : type == HookType::GitLab ? R"({"object_kind":"push",)" + body.substr(1)
                                     : body};
}

class EachType : public testing::TestWithParam<HookType> {};

TEST_P(EachType, TakesAPushAndNamesItsSource) {
  Receiving receiving(GetParam(), kHookSecret);
  EXPECT_EQ(receiving.send(push(GetParam())).status, 202);
  EXPECT_THAT(receiving.notices, ElementsAre(HookNotice{"alice/alice", 0}));
}

TEST_P(EachType, KnowsADeliveryThatIsSentAgain) {
  Receiving receiving(GetParam(), kHookSecret);
  EXPECT_EQ(receiving.send(push(GetParam()), "a").status, 202);
  EXPECT_EQ(receiving.send(push(GetParam()), "a").status, 202);
  EXPECT_EQ(receiving.notices.size(), 1u);
  receiving.send(push(GetParam()), "b");
  EXPECT_EQ(receiving.notices.size(), 2u);
}

TEST_P(EachType, ProvesNothingWithAnEmptySecret) {
  const SentHook hook = push(GetParam());
  HttpRequest request = hook.request("x", "1", Timestamp());
  request.headers.set(hook.proof(), "sha256=" + hmac_sha256_hex("", hook.body));
  EXPECT_FALSE(is_proven(GetParam(), request.headers, hook.body, Secret<std::string>(), {}));
  request.headers.set(hook.proof(), "");
  EXPECT_FALSE(is_proven(GetParam(), request.headers, hook.body, Secret<std::string>(), {}));
}

INSTANTIATE_TEST_SUITE_P(ReceiverTest, EachType, testing::ValuesIn(kHookTypes),
                         [](const auto& type) { return std::string(to_string(type.param)); });

// Every payload of the vendors' specifications.
class EachPayload : public testing::TestWithParam<VendorPayload> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EachPayload);

std::string name_of(const testing::TestParamInfo<VendorPayload>& info) {
  std::string name = std::to_string(info.index) + "_" + info.param.file;
  for (char& letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(ReceiverTest, EachPayload, testing::ValuesIn(vendor_payloads()), name_of);

TEST_P(EachPayload, IsAcceptedAndUnderstood) {
  const SentHook& hook = GetParam().sent;
  Receiving receiving(hook.type, hook.secret());
  const HttpResponse answer = receiving.send(hook);
  EXPECT_EQ(answer.status, GetParam().kind == Delivery::Kind::Ping ? 200 : 202) << answer.body;
  const HttpRequest request = hook.request("x", "1", Timestamp());
  const Result<Delivery> delivery = read_delivery(hook.type, request.headers, hook.body);
  ASSERT_TRUE(delivery) << delivery.error().describe();
  EXPECT_EQ(delivery->kind, GetParam().kind);
  if (delivery->kind == Delivery::Kind::Push || delivery->kind == Delivery::Kind::Tag) {
    ASSERT_FALSE(delivery->moves.empty());
    EXPECT_TRUE(delivery->moves[0].ref.starts_with("refs/"));
    EXPECT_FALSE(delivery->repositories.empty());
  }
  if (delivery->kind == Delivery::Kind::MergeRequest) {
    EXPECT_GT(delivery->merge_request, 0);
    EXPECT_EQ(delivery->target_ref, "refs/heads/master");
  }
}

TEST_P(EachPayload, IsRefusedWithoutAWordWhyIfAnythingOfItsProofIsWrong) {
  const SentHook& hook = GetParam().sent;
  Receiving receiving(hook.type, hook.secret());
  const HttpRequest good = hook.request(receiving.source.hook->id, "1", receiving.clock.now());
  const std::string proof = good.headers.value_or(hook.proof(), "");
  const auto refused = [&](const HttpRequest& request, const char* what) {
    const HttpResponse answer = receiving.send(request);
    EXPECT_EQ(answer.status, 401) << what;
    EXPECT_EQ(answer.body, "Unauthorized\n") << what;
  };
  const auto with_proof = [&](const std::string& value, const char* what) {
    HttpRequest request = good;
    request.headers.set(hook.proof(), value);
    refused(request, what);
  };
  const bool signs_the_body = hook.type != HookType::GitLab || hook.is_signed;
  if (signs_the_body) {
    HttpRequest request = good;
    request.body[request.body.size() / 2] ^= 1;
    refused(request, "another body");
    request = good;
    request.body += ' ';
    refused(request, "a longer body");
    with_proof("sha1=" + proof.substr(proof.find('=') + 1), "another algorithm");
    with_proof("v1a," + proof.substr(3), "another version");
  }
  std::string changed = proof;
  changed.back() = changed.back() == '0' ? '1' : '0';
  if (changed.ends_with("=0") || changed.ends_with("=1")) changed[changed.size() - 3] ^= 1;
  with_proof(changed, "another signature");
  with_proof(proof.substr(0, proof.size() - 1), "too short");
  with_proof(proof + "0", "too long");
  with_proof("", "empty");
  HttpRequest bare = good;
  bare.headers = {{"Content-Type", "application/json"}};
  refused(bare, "none");
  // What proves a delivery of another vendor proves none here.
  for (const HookType other : kHookTypes) {
    if (other == hook.type) continue;
    SentHook foreign{other, hook.event, false, hook.body};
    HttpRequest request = foreign.request(receiving.source.hook->id, "1", receiving.clock.now());
    const bool is_shared = hook.type == HookType::Forgejo && other == HookType::Gitea;
    if (!is_shared) refused(request, "of another type");
  }
  EXPECT_THAT(receiving.notices, IsEmpty());
  EXPECT_LT(receiving.send(good).status, 300);
}

TEST(ReceiverTest, HasTheVendorsPayloads) {
  if (!std::filesystem::exists(vendor_specs()))
    GTEST_SKIP() << "the vendors' specifications are not at " << vendor_specs();
  EXPECT_GE(vendor_payloads().size(), 50u);
}

// The value was computed elsewhere.
TEST(ReceiverTest, AgreesWithGitHubsOwnExample) {
  const HttpHeaders headers{
      {"X-Hub-Signature-256",
       "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}};
  const Secret<std::string> secret(kHookSecret);
  EXPECT_TRUE(is_proven(HookType::GitHub, headers, "Hello, World!", secret, {}));
  EXPECT_FALSE(is_proven(HookType::GitHub, headers, "Hello, World?", secret, {}));
}

TEST(ReceiverTest, TakesSignedDeliveriesOfGitLabOnlyWhileTheyAreFresh) {
  Receiving receiving(HookType::GitLab, kSigningToken);
  SentHook hook = push(HookType::GitLab);
  hook.is_signed = true;
  const HttpRequest request = hook.request(receiving.source.hook->id, "1", receiving.clock.now());
  receiving.clock.advance(kProofTolerance + Duration(1'000));
  EXPECT_EQ(receiving.send(request).status, 401);
  receiving.clock.advance(-kProofTolerance);
  EXPECT_EQ(receiving.send(request).status, 202);
  HttpRequest odd = request;
  odd.headers.set("webhook-timestamp", "99999999999999999999");
  EXPECT_EQ(receiving.send(odd).status, 401);
}

TEST(ReceiverTest, TakesOneOfTwoSignaturesAsWhileASecretIsRotated) {
  Receiving receiving(HookType::GitLab, kSigningToken);
  SentHook hook = push(HookType::GitLab);
  hook.is_signed = true;
  HttpRequest request = hook.request(receiving.source.hook->id, "1", receiving.clock.now());
  const std::string good = request.headers.value_or("webhook-signature", "");
  request.headers.set("webhook-signature", "v1,bm90IHRoaXM= " + good);
  EXPECT_EQ(receiving.send(request).status, 202);
}

TEST(ReceiverTest, WantsNoLessThanASignatureOfAGitLabHookWithASigningToken) {
  Receiving receiving(HookType::GitLab, kSigningToken);
  HttpRequest request =
      push(HookType::GitLab).request(receiving.source.hook->id, "1", receiving.clock.now());
  request.headers.set("X-Gitlab-Token", kSigningToken);
  EXPECT_EQ(receiving.send(request).status, 401);
}

TEST(ReceiverTest, TakesARotatedSecretWithoutARestart) {
  Receiving receiving(HookType::GitHub, "the old one");
  EXPECT_EQ(receiving.send(push(HookType::GitHub)).status, 401);
  receiving.put_secret(kHookSecret);
  EXPECT_EQ(receiving.send(push(HookType::GitHub)).status, 202);
  std::filesystem::remove(receiving.root.path() / "alice-hook");
  EXPECT_EQ(receiving.send(push(HookType::GitHub), "2").status, 503);
}

TEST(ReceiverTest, KnowsHooksThatAreDeclaredLater) {
  Receiving receiving(HookType::GitHub, kHookSecret);
  HttpRequest request = push(HookType::GitHub).request("fedcba", "1", receiving.clock.now());
  EXPECT_EQ(receiving.send(request).status, 404);
  HookedSource bob = receiving.source;
  bob.key = "bob/bob";
  bob.url = "https://git.example.com/bob/hosting.git";
  bob.hook->id = "fedcba";
  receiving.publish({bob});
  EXPECT_EQ(receiving.send(request).status, 202);
  EXPECT_THAT(receiving.notices, ElementsAre(HookNotice{"bob/bob", 0}));
}

TEST(ReceiverTest, AnswersNothingElse) {
  Receiving receiving(HookType::GitHub, kHookSecret);
  HttpRequest request;
  for (const char* target :
       {"/", "/hooks", "/hooks/", "/hooks/nobody", "/hooks/a/b", "/x/y", "*", "/hooks/..%2f"}) {
    request.method = "POST";
    request.target = target;
    EXPECT_EQ(receiving.send(request).status, 404) << target;
  }
  request.method = "GET";
  request.target = "/hooks/0123456789abcdef";
  EXPECT_EQ(receiving.send(request).status, 405);
}

TEST(ReceiverTest, SaysWhatIsWrongToWhoProvedWhoItIs) {
  Receiving receiving(HookType::GitHub, kHookSecret);
  for (const char* body : {"", "[]", "{", R"({"ref":7})", "payload=%7B", R"("x")"}) {
    const HttpResponse answer = receiving.send(push(HookType::GitHub, body));
    EXPECT_EQ(answer.status, 400) << body;
  }
  EXPECT_THAT(receiving.notices, IsEmpty());
}

TEST(ReceiverTest, ReadsTheFormThatGitHubCanSend) {
  Receiving receiving(HookType::GitHub, kHookSecret);
  HttpRequest request =
      push(HookType::GitHub, "a=b&payload=%7B%22ref%22%3A+%22refs%2Fheads%2Fmain%22%7D&c=d")
          .request(receiving.source.hook->id, "1", receiving.clock.now());
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(receiving.send(request).status, 202);
  EXPECT_EQ(receiving.notices.size(), 1u);
}

TEST(ReceiverTest, LooksForWhoeverProvedItWithoutABodyOfTheGenericTypes) {
  for (const HookType type : {HookType::Hmac, HookType::Token}) {
    Receiving receiving(type, kHookSecret);
    EXPECT_EQ(receiving.send(push(type, "")).status, 202);
    EXPECT_EQ(receiving.notices.size(), 1u);
  }
}

TEST(ReceiverTest, ForgetsTheOldestDeliveriesNotTheNewest) {
  SeenDeliveries seen(3);
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(seen.add(name));
  EXPECT_FALSE(seen.add("a"));
  EXPECT_TRUE(seen.add("d"));
  EXPECT_TRUE(seen.add("a"));
  EXPECT_FALSE(seen.add("d"));
}

}  // namespace
}  // namespace croft
