#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/net/server.hpp"

namespace croft {

/// A forge on loopback that keeps statuses and comments as GitHub does, and remembers what it was
/// asked. Not GitHub: whether requests are right, its specification says (prism_test.cpp).
class FakeForge {
 public:
  explicit FakeForge(asio::any_io_executor executor)
      : server_(std::move(executor), [this](HttpRequest request) { return answer(request); }) {
    port_ = server_.listen_tcp("127.0.0.1", 0).value();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  struct Fault {
    int status = 500;
    HttpHeaders headers;
    bool is_after_the_effect = false;
  };

  std::vector<HttpRequest> requests;
  std::deque<Fault> faults;  ///< of the next POSTs and PATCHes
  struct Status {
    std::string revision, context, state, description, link;
  };
  std::vector<Status> statuses;  ///< oldest first
  struct Comment {
    std::int64_t id = 0;
    std::string text;
    bool is_ours = true;       ///< may be changed with our token
    std::string number = "7";  ///< of the merge request
  };
  std::vector<Comment> comments;

  std::size_t count(const std::string& method) const {
    return static_cast<std::size_t>(
        std::count_if(requests.begin(), requests.end(),
                      [&](const HttpRequest& request) { return request.method == method; }));
  }

 private:
  Task<HttpResponse> answer(HttpRequest request) {
    requests.push_back(request);
    if (request.method == "GET") co_return list(request);
    Fault fault;
    const bool has_fault = !faults.empty();
    if (has_fault) {
      fault = faults.front();
      faults.pop_front();
    }
    HttpResponse response;
    if (!has_fault || fault.is_after_the_effect) response = change(request);
    if (has_fault) {
      response.status = fault.status;
      response.headers = fault.headers;
      response.body = R"({"message":"no"})";
    }
    co_return response;
  }

  /// "7" of "/repos/alice/hosting/issues/7/comments?page=1".
  static std::string number_in(const std::string& target) {
    const std::string rest = target.substr(target.find("/issues/") + 8);
    return rest.substr(0, rest.find('/'));
  }

  static std::size_t number_after(const std::string& target, const std::string& name,
                                  std::size_t otherwise) {
    const std::size_t at = target.find(name);
    return at == std::string::npos ? otherwise : std::stoul(target.substr(at + name.size()));
  }

  HttpResponse list(const HttpRequest& request) const {
    Value all = Value::list();
    if (request.target.find("/comments") != std::string::npos) {
      for (const Comment& one : comments) {
        if (one.number == number_in(request.target))
          all.push_back(Value::map({{"id", one.id}, {"body", one.text}}));
      }
    } else {
      const std::size_t size = number_after(request.target, "per_page=", 30);
      std::size_t skip = size * (number_after(request.target, "&page=", 1) - 1);
      for (auto one = statuses.rbegin(); one != statuses.rend(); ++one) {
        if (request.target.find(one->revision) == std::string::npos) continue;
        if (skip > 0) {
          --skip;
        } else if (all.as_list().size() < size) {
          all.push_back(Value::map({{"context", one->context}, {"state", one->state}}));
        }
      }
    }
    HttpResponse response;
    response.body = to_json(all);
    return response;
  }

  HttpResponse change(const HttpRequest& request) {
    const Value body = parse_json(request.body).value();
    HttpResponse response;
    response.status = 201;
    response.body = "{}";
    const std::string last = request.target.substr(request.target.rfind('/') + 1);
    if (request.target.find("/statuses/") != std::string::npos) {
      statuses.push_back({last, body.text_or("context", ""), body.text_or("state", ""),
                          body.text_or("description", ""), body.text_or("target_url", "")});
    } else if (request.method == "PATCH") {
      response.status = 404;
      for (Comment& one : comments) {
        if (std::to_string(one.id) != last) continue;
        response.status = one.is_ours ? 200 : 403;
        if (one.is_ours) one.text = body.text_or("body", "");
      }
    } else {
      const std::int64_t id = ++last_comment_;
      comments.push_back({id, body.text_or("body", ""), true, number_in(request.target)});
      response.body = to_json(Value::map({{"id", id}}));
    }
    return response;
  }

  HttpServer server_;
  std::int64_t last_comment_ = 100;
  int port_ = 0;
};

}  // namespace croft
