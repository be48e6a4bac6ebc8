#pragma once

#include <string>
#include <string_view>

#include "gateway/edge/message.hpp"
#include "gateway/edge/peer.hpp"

namespace croft::edge {

/// How a body is framed on one side of the edge.
enum class Framing {
  None,     ///< no body
  Length,   ///< Content-Length
  Chunked,  ///< Transfer-Encoding: chunked
  ToEnd,    ///< until the connection ends
};

Framing framing_of(const RequestHead& head);

/// Appends the head that goes to what runs: the request as it came, without the fields that are
/// between the client and us, framed anew, and with X-Forwarded-For, -Host, -Proto and X-Real-IP
/// that say the truth. Unless the peer is a trusted proxy, what it claims in those (and in
/// Forwarded) is dropped. Field names with "_" are dropped: CGI-style apps cannot tell them from
/// names with "-".
void append_forwarded_request(const RequestHead& head, const Peer& peer, bool is_trusted,
                              std::string& out);

struct ResponseShape {
  Framing framing = Framing::Length;
  bool keep_alive = true;  ///< towards the client
  int client_minor = 1;
  bool is_upgrade = false;     ///< 101: Connection and Upgrade stay
  std::string_view date_line;  ///< "Date: ...\r\n", for apps that send none
};

/// Appends the head that goes to the client.
void append_forwarded_response(const ResponseHead& head, const ResponseShape& shape,
                               std::string& out);

/// The head of a chunk: "1a4\r\n".
void append_chunk_head(std::size_t size, std::string& out);

}  // namespace croft::edge
