#pragma once

#include <string>

#include "core/base/files.hpp"

namespace croft::e2e {

/// What a server answered; status 0 and the reason in `failure` if it did not.
struct Answer {
  int status = 0;
  std::string headers;
  std::string body;
  std::string failure;
};

/// A plain HTTP/1.1 client for one host on 127.0.0.1: raw sockets, so that what is counted as a
/// failed request is exactly what a browser would show as one. Not thread-safe.
class HttpClient {
 public:
  enum class Connections {
    Fresh,  ///< one connection a request
    Kept,   ///< one connection while the server keeps it open
  };

  HttpClient(int port, std::string host, Connections connections = Connections::Fresh)
      : port_(port), host_(std::move(host)), connections_(connections) {}

  /// Lines of headers go with it as they are: "Authorization: Bearer x\r\n".
  Answer get(const std::string& path, const std::string& more_headers = "");

 private:
  Answer attempt(const std::string& request, bool& was_silent);
  bool connect(std::string& failure);

  int port_;
  std::string host_;
  Connections connections_;
  UniqueFd socket_;
};

/// One GET on a connection of its own.
Answer http_get(int port, const std::string& host, const std::string& path = "/");

}  // namespace croft::e2e
