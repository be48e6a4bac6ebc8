#include "tests/fuzz/secret_fuzz.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/secret/age.hpp"
#include "core/secret/age_armor.hpp"
#include "core/secret/bech32.hpp"
#include "core/secret/seal.hpp"
#include "core/secret/sops.hpp"

namespace croft {

namespace {

using namespace secret;

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

void check_words(const Error& error) {
  require(!error.message().empty(), "a refusal has words");
  for (const char c : error.describe())
    require(static_cast<unsigned char>(c) >= 0x20, "a refusal has no control characters");
}

/// The corpus is encrypted to the first of these keys, which no mutation finds by chance.
const AgeIdentity& key() {
  static const AgeIdentity made{KeyBytes("0123456789abcdef0123456789abcdef")};
  return made;
}

void fuzz_age(std::string_view bytes) {
  const AgeOpened opened = open_age(bytes, {key()});
  const bool is_good = opened.verdict == AgeVerdict::Good;
  require(is_good == opened.message.empty(), "what is not good says why");
  const bool has_begun = is_good || opened.verdict == AgeVerdict::PayloadFailure;
  require(has_begun || opened.payload.empty(), "nothing comes out of what is not ours");
  const auto whole = decrypt_age(bytes, {key()});
  require(whole.has_value() == is_good, "all or nothing");
  if (!whole) check_words(whole.error());
  if (looks_armored(bytes)) {
    const auto inside = read_armor(bytes);
    if (inside) require(read_armor(write_armor(*inside)).value() == *inside, "armor comes back");
  }
}

void fuzz_sops(std::string_view bytes) {
  const auto names = names_in_sops(bytes);
  if (!names) check_words(names.error());
  const auto values = open_sops_with_key(bytes, "0123456789abcdef0123456789abcdef");
  if (!values) return check_words(values.error());
  require(names.has_value(), "what opens has names");
  for (const auto& [name, value] : *values)
    require(std::find(names->begin(), names->end(), name) != names->end(), "names are the same");
}

void fuzz_texts(std::string_view bytes) {
  const SealScope scope{"alice", "api", "value"};
  const auto opened = unseal({key()}, scope, bytes);
  require(opened || !opened.error().message().empty(), "a refusal has words");
  require(sealed_problem(bytes).has_value() == seal_key_of(bytes).empty(),
          "a sealed value has a key");
  if (const auto read = from_bech32(bytes)) {
    const auto again = from_bech32(to_bech32(read->prefix, read->bytes));
    require(again && again->bytes == read->bytes, "bech32 comes back");
  }
  (void)AgeIdentity::parse(bytes);
  (void)parse_age_recipient(bytes);
  (void)parse_seal_key(bytes);
}

}  // namespace

void fuzz_secret(std::string_view bytes) {
  fuzz_age(bytes);
  fuzz_sops(bytes);
  fuzz_texts(bytes);
}

}  // namespace croft
