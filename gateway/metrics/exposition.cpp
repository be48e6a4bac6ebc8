#include "gateway/metrics/exposition.hpp"

#include <utility>

namespace croft {

HttpResponse metrics_answer(std::string page) {
  HttpResponse response;
  response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = std::move(page);
  return response;
}

HttpResponse plain_answer(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(text);
  return response;
}

}  // namespace croft
