#include "gateway/edge/forward.hpp"

#include <iterator>

#include <fmt/format.h>

#include "gateway/edge/page.hpp"

namespace croft::edge {

namespace {

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// Fields between two neighbours (RFC 9110, 7.6.1), and framing, which is written anew.
bool is_hop_by_hop(Header id) {
  switch (id) {
    case Header::Connection:
    case Header::ContentLength:
    case Header::KeepAlive:
    case Header::ProxyAuthenticate:
    case Header::ProxyAuthorization:
    case Header::ProxyConnection:
    case Header::Te:
    case Header::Trailer:
    case Header::TransferEncoding:
    case Header::Upgrade:
      return true;
    default:
      return false;
  }
}

// Whether the sender's Connection field names this one as its neighbour's business.
bool is_named_by_connection(const MessageHead& head, std::string_view name) {
  for (const HeaderField& field : head.fields) {
    if (field.id != Header::Connection) continue;
    if (any_member(field.value, [&](std::string_view m) { return equal_ignoring_case(m, name); }))
      return true;
  }
  return false;
}

bool says_where_it_came_from(Header id) {
  return id == Header::Forwarded || id == Header::ForwardedFor || id == Header::ForwardedHost ||
         id == Header::ForwardedProto || id == Header::RealIp;
}

void append_framing(const MessageHead& head, Framing framing, std::string& out) {
  if (framing == Framing::Chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (head.content_length) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *head.content_length);
  }
}

// X-Forwarded-For: what trusted proxies say, then the peer; the rest as they say, or else as we see
// it.
void append_origin(const RequestHead& head, const Peer& peer, bool is_trusted, std::string& out) {
  out += "X-Forwarded-For: ";
  if (is_trusted) {
    for (const HeaderField& field : head.fields) {
      if (field.id == Header::ForwardedFor && !field.value.empty())
        out.append(field.value).append(", ");
    }
  }
  out.append(peer.text).append("\r\n");
  const auto claimed = [&](Header id) { return is_trusted ? head.value(id) : std::string_view(); };
  const std::string_view host = claimed(Header::ForwardedHost);
  const std::string_view proto = claimed(Header::ForwardedProto);
  const std::string_view real = claimed(Header::RealIp);
  append_field("X-Forwarded-Host", host.empty() ? head.authority : host, out);
  append_field("X-Forwarded-Proto", proto.empty() ? "http" : proto, out);
  append_field("X-Real-IP", real.empty() ? peer.text : real, out);
  if (const std::string_view forwarded = claimed(Header::Forwarded); !forwarded.empty()) {
    append_field("Forwarded", forwarded, out);
  }
}

bool passes(const RequestHead& head, const HeaderField& field, bool has_connection) {
  if (is_hop_by_hop(field.id) || says_where_it_came_from(field.id)) return false;
  if (field.id == Header::Host || field.id == Header::Expect) return false;
  if (field.name.find('_') != std::string_view::npos) return false;
  return !has_connection || !is_named_by_connection(head, field.name);
}

}  // namespace

Framing framing_of(const RequestHead& head) {
  if (head.is_chunked) return Framing::Chunked;
  return head.content_length ? Framing::Length : Framing::None;
}

void append_forwarded_request(const RequestHead& head, const Peer& peer, bool is_trusted,
                              std::string& out) {
  out.append(head.method_text).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  append_field("Host", head.authority, out);
  const bool has_connection = head.find(Header::Connection) != nullptr;
  for (const HeaderField& field : head.fields) {
    if (passes(head, field, has_connection)) append_field(field.name, field.value, out);
  }
  append_origin(head, peer, is_trusted, out);
  append_framing(head, framing_of(head), out);
  if (head.wants_upgrade) {
    out += "Connection: Upgrade\r\n";
    append_field("Upgrade", head.value(Header::Upgrade), out);
  }
  out += "\r\n";
}

void append_forwarded_response(const ResponseHead& head, const ResponseShape& shape,
                               std::string& out) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", head.status,
                 head.reason.empty() ? reason_of(head.status) : head.reason);
  const bool has_connection = head.find(Header::Connection) != nullptr;
  bool has_date = head.status < 200;
  for (const HeaderField& field : head.fields) {
    if (is_hop_by_hop(field.id)) continue;
    if (has_connection && is_named_by_connection(head, field.name)) continue;
    has_date |= field.id == Header::Date;
    append_field(field.name, field.value, out);
  }
  if (!has_date) out += shape.date_line;
  // Neither may say how long a body is (RFC 9110, 8.6).
  if (head.status >= 200 && head.status != 204) append_framing(head, shape.framing, out);
  if (shape.is_upgrade) {
    out += "Connection: Upgrade\r\n";
    append_field("Upgrade", head.value(Header::Upgrade), out);
  } else if (head.status >= 200 && !shape.keep_alive) {
    out += "Connection: close\r\n";
  } else if (head.status >= 200 && shape.client_minor == 0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

void append_chunk_head(std::size_t size, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", size);
}

}  // namespace croft::edge
