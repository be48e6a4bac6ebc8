#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <boost/beast/zlib/inflate_stream.hpp>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/base/id.hpp"
#include "core/secret/age.hpp"

namespace croft::secret {
namespace {

/// One of the vectors of C2SP/CCTV, tests/data/age.
struct Vector {
  std::multimap<std::string, std::string> header;
  std::string file;

  std::string find(const std::string& key) const {
    const auto found = header.find(key);
    return found == header.end() ? std::string() : found->second;
  }
};

std::string inflate(std::string_view compressed) {
  constexpr std::size_t kZlibHeader = 2;
  compressed.remove_prefix(kZlibHeader);
  std::string made(32 << 20, '\0');
  boost::beast::zlib::z_params params;
  params.next_in = compressed.data();
  params.avail_in = compressed.size();
  params.next_out = made.data();
  params.avail_out = made.size();
  boost::beast::zlib::inflate_stream stream;
  boost::system::error_code error;
  stream.write(params, boost::beast::zlib::Flush::finish, error);
  if (error != boost::beast::zlib::error::end_of_stream) ADD_FAILURE() << error.message();
  made.resize(params.total_out);
  return made;
}

Vector read_vector(const std::filesystem::path& path) {
  std::string text = read_file(path, 16 << 20).value();
  Vector vector;
  for (;;) {
    const std::size_t end = text.find('\n');
    const std::string line = text.substr(0, end);
    text.erase(0, end + 1);
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    vector.header.emplace(line.substr(0, colon), line.substr(colon + 2));
  }
  vector.file = vector.find("compressed") == "zlib" ? inflate(text) : text;
  return vector;
}

std::vector<AgeIdentity> identities_of(const Vector& vector) {
  std::vector<AgeIdentity> identities;
  const auto [begin, end] = vector.header.equal_range("identity");
  for (auto it = begin; it != end; ++it) {
    auto identity = AgeIdentity::parse(it->second);
    if (identity) identities.push_back(std::move(*identity));
  }
  return identities;
}

std::string expected_name(AgeVerdict verdict) {
  switch (verdict) {
    case AgeVerdict::Good:
      return "success";
    case AgeVerdict::ArmorFailure:
      return "armor failure";
    case AgeVerdict::HeaderFailure:
      return "header failure";
    case AgeVerdict::NoMatch:
      return "no match";
    case AgeVerdict::MacFailure:
      return "HMAC failure";
    case AgeVerdict::PayloadFailure:
      return "payload failure";
  }
  return "";
}

/// Files for passphrases and for post-quantum keys only are not opened at all.
bool is_refused_altogether(const std::string& name) {
  return name.find("scrypt") != std::string::npos || name.find("hybrid") != std::string::npos;
}

TEST(AgeVectorsTest, EndAsTheyMust) {
  int exact = 0;
  int refused = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(CROFT_SOURCE_DIR "/tests/data/age")) {
    const std::string name = entry.path().filename().string();
    if (name == "README.md" || name == ".gitattributes") continue;
    SCOPED_TRACE(name);
    const Vector vector = read_vector(entry.path());
    const AgeOpened opened = open_age(vector.file, identities_of(vector));
    const bool has_x25519 = !identities_of(vector).empty();
    if (is_refused_altogether(name) && !(name == "hybrid_and_x25519" && has_x25519)) {
      ++refused;
      EXPECT_NE(opened.verdict, AgeVerdict::Good);
      EXPECT_TRUE(opened.payload.empty());
      EXPECT_FALSE(opened.message.empty());
      continue;
    }
    ++exact;
    // What begins with neither form's first line is one of the two, and nobody told which.
    const bool is_neither = opened.verdict == AgeVerdict::HeaderFailure &&
                            opened.message == "it is no file that age encrypted";
    if (!is_neither || vector.find("expect") != "armor failure") {
      EXPECT_EQ(expected_name(opened.verdict), vector.find("expect")) << opened.message;
    }
    EXPECT_EQ(opened.message.empty(), opened.verdict == AgeVerdict::Good);
    const std::string payload = vector.find("payload");
    if (!payload.empty()) {
      EXPECT_EQ(sha256_hex(opened.payload), payload);
    } else {
      EXPECT_TRUE(opened.payload.empty());
    }
  }
  EXPECT_EQ(exact + refused, 143);
  EXPECT_GE(exact, 98);
}

TEST(AgeVectorsTest, SayWhyPostQuantumFilesAndPassphrasesAreRefused) {
  const AgeIdentity mine = AgeIdentity::generate();
  const Vector hybrid = read_vector(CROFT_SOURCE_DIR "/tests/data/age/hybrid");
  const auto refused = decrypt_age(hybrid.file, {mine});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::NotFound);
  EXPECT_NE(refused.error().message().find("needs a newer age"), std::string::npos);
  const Vector scrypt = read_vector(CROFT_SOURCE_DIR "/tests/data/age/scrypt");
  const auto typed = decrypt_age(scrypt.file, {mine});
  ASSERT_FALSE(typed);
  EXPECT_NE(typed.error().message().find("passphrase"), std::string::npos);
}

}  // namespace
}  // namespace croft::secret
