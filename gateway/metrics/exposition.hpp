#pragma once

#include <string>

#include "core/net/http.hpp"

namespace croft {

/// A page of metrics, in the form that Prometheus asks for.
HttpResponse metrics_answer(std::string page);
HttpResponse plain_answer(int status, std::string text);

}  // namespace croft
