#pragma once

#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "core/net/client.hpp"

namespace croft::net {

/// Whom a client trusts and who it is. Invalid, naming the file, for PEM files that cannot be used.
Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const HttpClientSettings& settings);

}  // namespace croft::net
