#pragma once

#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>

#include "core/net/client.hpp"

namespace croft::net {

using Endpoints = std::vector<asio::generic::stream_protocol::endpoint>;

/// Where a server is, as far as the settings allow to connect there; not empty. Names are looked up
/// until the deadline, and for a minute at the most. Unavailable if there is no such name, Timeout,
/// Denied if it is nowhere that is allowed.
Task<Result<Endpoints>> endpoints_of(ServerAddress server, HttpClientSettings settings,
                                     HttpClient::Deadline deadline);

}  // namespace croft::net
