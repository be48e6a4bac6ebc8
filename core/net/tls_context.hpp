#pragma once

#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "core/net/client.hpp"

namespace croft::net {

/// Whom a client trusts and who it is. Clients that say the same share one: reading the system's
/// certificates takes longer than a request. It is made anew when a named file has changed, and
/// after an hour, for those of the system. Invalid, naming the file, for PEM files that cannot be
/// used. Thread safe.
Result<std::shared_ptr<asio::ssl::context>> tls_context(const HttpClientSettings& settings);

}  // namespace croft::net
