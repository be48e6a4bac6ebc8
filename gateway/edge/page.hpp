#pragma once

#include <string>
#include <string_view>

namespace croft::edge {

/// What the edge itself says instead of a tenant's answer: that there is nothing, or why it cannot
/// be reached.
struct Page {
  int status = 404;
  std::string_view ref;      ///< whose state it is, or empty
  std::string_view state;    ///< "Starting", or empty
  std::string_view message;  ///< a sentence for people, or empty
};

struct PageBody {
  std::string_view content_type;
  std::string content;
};

/// The page in the form that the Accept field asks for: HTML for browsers, JSON for API clients,
/// text for others.
PageBody write_page(const Page& page, std::string_view accept);

/// The standard phrase of a status, "Not Found".
std::string_view reason_of(int status);

}  // namespace croft::edge
