#pragma once
// Inside core/git only: what of a commit or tag is signed, and by what. Pure; the bytes may be
// anybody's.

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft::git {

enum class SignatureFormat { None, Ssh, OpenPgp, X509, Unknown };

/// A commit or tag, taken apart.
struct SignedObject {
  std::string payload;    ///< the bytes that the signature is over
  std::string signature;  ///< armoured, from its first line to its last; empty if there is none
  std::string tag_name;   ///< of a tag: what it calls itself
  std::string target;     ///< of a tag: the id of what it tags
};

/// The bytes of a commit object: the signature is its header `gpgsig`, the rest is signed (but for
/// `gpgsig-sha256`, as Git has it). Invalid: it has two signatures, one for SHA-256 alone, a NUL
/// byte, or no form.
///
/// Not git_commit_extract_signature of libgit2 1.5: that takes a line of the message for a header,
/// and hides text from the signature with headers whose names only begin like it.
Result<SignedObject> take_commit_apart(std::string_view bytes);

/// The bytes of a tag object: the signature ends its message.
Result<SignedObject> take_tag_apart(std::string_view bytes);

SignatureFormat format_of(std::string_view signature);

/// Invalid unless the text is exactly one armoured block of that format: nothing around it, nothing
/// between two.
Result<void> check_armor(std::string_view signature, SignatureFormat format);

}  // namespace croft::git
