#include "core/git/trust.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/git/signature_check.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestObject = 1 << 20;
constexpr std::size_t kShortId = 10;

/// A stranger's text in one of our lines.
std::string on_one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::string_view what_to_try(Distrust distrust) {
  switch (distrust) {
    case Distrust::Unsigned:
      return "sign commits (git config commit.gpgsign true), and push this one again signed: git "
             "commit --amend --no-edit -S";
    case Distrust::UntrustedKey:
      return "sign with a key that the source's `verify` lists, or have the key added there";
    case Distrust::BadSignature:
      return "sign it anew: git commit --amend --no-edit -S";
    case Distrust::TooManyCommits:
      return "bring them in several pushes, or have the source's `verify.mode` set to head until "
             "they are in";
  }
  return "";
}

class Judge {
 public:
  Judge(const Mirror& mirror, const TrustQuestion& question, git::SignatureCheck check)
      : mirror_(mirror), question_(question), check_(std::move(check)) {}

  Result<TrustVerdict> judge() const {
    TRY_ASSIGN(TrustVerdict verdict, judge_head());
    if (verdict.distrust || question_.since.empty()) return verdict;
    TRY_ASSIGN(const CommitRange range,
               mirror_.commits_between(question_.since, question_.commit, kMostCommitsJudged));
    if (!range.is_whole) {
      TrustVerdict refused{Distrust::TooManyCommits, std::string(), std::string()};
      refused.words = fmt::format(
          "commit {} has more commits since the last applied one, {}, than are looked at in one go "
          "({}); {}",
          question_.commit.substr(0, kShortId), question_.since.substr(0, kShortId),
          kMostCommitsJudged, what_to_try(Distrust::TooManyCommits));
      return refused;
    }
    // The oldest first: what is to be mended first is said first.
    for (auto id = range.commits.rbegin(); id != range.commits.rend(); ++id) {
      if (*id == question_.commit) continue;
      TRY_ASSIGN(const TrustVerdict one, judge_commit(*id));
      if (one.distrust) return one;
    }
    return verdict;
  }

 private:
  /// A tag's signature covers the commit that it names. Without one, the commit's own counts.
  Result<TrustVerdict> judge_head() const {
    if (question_.tag.empty()) return judge_commit(question_.commit);
    TRY_ASSIGN(const git::SignatureFinding tag, look_at_tag());
    if (!tag.distrust) return TrustVerdict{std::nullopt, std::string(), tag.signer};
    if (*tag.distrust == Distrust::Unsigned) return judge_commit(question_.commit);
    return refuse(*tag.distrust,
                  fmt::format("tag {} ({})", question_.tag.substr(0, kShortId), question_.ref),
                  tag.words);
  }

  Result<git::SignatureFinding> look_at_tag() const {
    TRY_ASSIGN(const std::string bytes, mirror_.object(question_.tag, kLargestObject));
    const Result<git::SignedObject> tag = git::take_tag_apart(bytes);
    if (!tag)
      return git::SignatureFinding{Distrust::BadSignature, tag.error().message(), std::string()};
    TRY_ASSIGN(git::SignatureFinding finding, check_.check(*tag, time_of_old()));
    // A signed tag of an old release, put up under a new one's name.
    if (!finding.distrust && question_.ref != "refs/tags/" + tag->tag_name) {
      return git::SignatureFinding{
          Distrust::BadSignature,
          fmt::format("it is signed as the tag '{}'", on_one_line(tag->tag_name)), std::string()};
    }
    return finding;
  }

  Result<TrustVerdict> judge_commit(const std::string& id) const {
    TRY_ASSIGN(const Commit facts, mirror_.commit(id));
    const std::string what =
        fmt::format("commit {} by {}", id.substr(0, kShortId), on_one_line(facts.author));
    const Result<std::string> bytes = mirror_.object(id, kLargestObject);
    if (!bytes && bytes.error().code() == ErrorCode::Invalid)
      return refuse(Distrust::BadSignature, what, bytes.error().message());
    TRY(bytes);
    const Result<git::SignedObject> commit = git::take_commit_apart(*bytes);
    if (!commit) return refuse(Distrust::BadSignature, what, commit.error().message());
    std::optional<Timestamp> at;
    if (question_.is_old) at = facts.time;
    TRY_ASSIGN(git::SignatureFinding finding, check_.check(*commit, at));
    if (finding.distrust) return refuse(*finding.distrust, what, finding.words);
    return TrustVerdict{std::nullopt, std::string(), std::move(finding.signer)};
  }

  /// Of a tag; its own time is as good as its commit's.
  std::optional<Timestamp> time_of_old() const {
    if (!question_.is_old) return std::nullopt;
    const Result<Commit> facts = mirror_.commit(question_.commit);
    return facts ? std::optional(facts->time) : std::nullopt;
  }

  static TrustVerdict refuse(Distrust distrust, const std::string& what, const std::string& why) {
    return {distrust,
            fmt::format("{} is not trusted: {}; {}", what, on_one_line(why), what_to_try(distrust)),
            std::string()};
  }

  const Mirror& mirror_;
  const TrustQuestion& question_;
  const git::SignatureCheck check_;
};

}  // namespace

std::string_view to_string(Distrust distrust) {
  switch (distrust) {
    case Distrust::Unsigned:
      return "Unsigned";
    case Distrust::UntrustedKey:
      return "UntrustedKey";
    case Distrust::BadSignature:
      return "BadSignature";
    case Distrust::TooManyCommits:
      return "TooManyCommits";
  }
  return "";
}

bool is_distrust(std::string_view reason) {
  return reason == "Unsigned" || reason == "UntrustedKey" || reason == "BadSignature" ||
         reason == "TooManyCommits";
}

Result<TrustVerdict> judge_revision(const Mirror& mirror, const TrustQuestion& question) {
  TRY_ASSIGN(git::SignatureCheck check, git::SignatureCheck::prepare(question.keys));
  return Judge(mirror, question, std::move(check)).judge();
}

}  // namespace croft
