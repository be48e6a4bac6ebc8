#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/forge/forge.hpp"

namespace croft {

/// A comment on a merge request.
struct ForgeComment {
  std::int64_t id = 0;
  std::string text;

  bool operator==(const ForgeComment&) const = default;
};

inline constexpr int kCommentsPerPage = 50;

/// GET of a page (1, 2, ...) of comments; a page with less than kCommentsPerPage is the last.
HttpRequest comments_request(const ForgeRepository& repository, std::int64_t merge_request,
                             int page);
std::vector<ForgeComment> comments_in(Forge forge, const Value& answer);
/// The number of the comment that an answer shows; 0 if it shows none.
std::int64_t comment_in(const Value& answer);

HttpRequest comment_request(const ForgeRepository& repository, std::int64_t merge_request,
                            const std::string& text);
HttpRequest comment_update_request(const ForgeRepository& repository, std::int64_t merge_request,
                                   std::int64_t comment, const std::string& text);

/// The ref in the repository that names a merge request's head; empty if the forge has none.
std::string merge_request_ref(Forge forge, std::int64_t merge_request);

/// For forges without such a ref: GET of the merge request, and the branch in the same repository
/// that it comes from; empty if that is in another one.
HttpRequest merge_request_request(const ForgeRepository& repository, std::int64_t merge_request);
std::string source_ref_in(const ForgeRepository& repository, const Value& answer);

/// What a comment begins with, so that it is found again; not shown. `mark` is of that one comment
/// only.
std::string comment_marker(const std::string& mark);

/// The rest of it: the changes as `croft diff -o markdown` says them (`markdown`), or what is wrong
/// with what is there, and which commit that is about. Bounded.
std::string comment_text(const std::string& source, const RefDiff& diff,
                         const std::string& markdown);

}  // namespace croft
