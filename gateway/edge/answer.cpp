// What a Connection answers by itself: a site's files, and pages.

#include <array>
#include <cerrno>
#include <iterator>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "gateway/edge/conditional.hpp"
#include "gateway/edge/connection.hpp"
#include "gateway/edge/path.hpp"
#include "gateway/edge/site.hpp"

namespace croft::edge {

namespace {

constexpr std::string_view kErrorPageKey = "404.html at any path";  // no path: paths begin with "/"
// What one connection may send at a stretch before others have their turn.
constexpr std::uint64_t kSendfileTurn = 4 << 20;

}  // namespace

void Connection::answer_site(const EdgeRoute& route,
                             const std::shared_ptr<const Release>& release) {
  const RequestHead& head = reader_.head();
  if (head.method != Method::Get && head.method != Method::Head) return answer_method_not_allowed();
  const auto [path, query] = split_target(head.target);
  std::shared_ptr<const Prepared> prepared = worker_.prepared().find(*release, path);
  if (prepared) return send_prepared(std::move(prepared));
  answer_site_path(route, release, path, query);
}

void Connection::answer_site_path(const EdgeRoute& route,
                                  const std::shared_ptr<const Release>& release,
                                  std::string_view path, std::string_view query) {
  if (decode_path(path, path_) != PathVerdict::Fine) return send_page({400});
  const Found found = find_in_site(*release, path_, path);
  if (found.kind == Found::Kind::Redirect) return send_redirect(found.location, query);
  const bool is_error = found.kind == Found::Kind::NotFound;
  if (is_error && found.file == nullptr) return send_page({404});
  std::shared_ptr<const Prepared> prepared;
  if (is_error) prepared = worker_.prepared().find(*release, kErrorPageKey);
  if (!prepared) {
    auto made =
        prepare(worker_.shared().releases.store(), release, *found.file, found.name, is_error);
    if (!made) return send_failure(route, made.error());
    prepared = *std::move(made);
    // Only one spelling of each path is kept, so that no client can fill the cache with the others.
    if (is_error || path.find('%') == std::string_view::npos) {
      worker_.prepared().keep(is_error ? kErrorPageKey : path, prepared);
    }
  }
  if (!is_error) return send_prepared(std::move(prepared));
  begin_head(404);
  const std::uint64_t size = prepared->size;
  set_content(std::move(prepared), 0, size);
}

void Connection::answer_method_not_allowed() {
  const bool asks = reader_.head().method == Method::Options;
  begin_head(asks ? 204 : 405);
  out_ += asks ? "Allow: GET, HEAD, OPTIONS\r\n\r\n"
               : "Allow: GET, HEAD, OPTIONS\r\nContent-Length: 0\r\n\r\n";
}

void Connection::send_prepared(std::shared_ptr<const Prepared> prepared) {
  const RequestHead& head = reader_.head();
  const HeaderField* range = nullptr;
  const HeaderField* if_range = nullptr;
  for (const HeaderField& field : head.fields) {
    if (field.id == Header::IfNoneMatch && matches_any(field.value, prepared->etag)) {
      return send_not_modified(*prepared);
    }
    if (field.id == Header::Range) range = &field;
    if (field.id == Header::IfRange) if_range = &field;
  }
  const std::uint64_t size = prepared->size;
  const bool may_be_part = range != nullptr && head.method == Method::Get &&
                           (if_range == nullptr || permits_range(if_range->value, prepared->etag));
  if (may_be_part) {
    const ByteRange part = parse_range(range->value, size);
    if (part.kind == ByteRange::Kind::Part)
      return send_part(std::move(prepared), part.first, part.length);
    if (part.kind == ByteRange::Kind::Unsatisfiable) {
      begin_head(416);
      fmt::format_to(std::back_inserter(out_),
                     "Content-Range: bytes */{}\r\nContent-Length: 0\r\n\r\n", size);
      return;
    }
  }
  begin_head(200);
  set_content(std::move(prepared), 0, size);
}

void Connection::send_part(std::shared_ptr<const Prepared> prepared, std::uint64_t first,
                           std::uint64_t length) {
  begin_head(206);
  fmt::format_to(
      std::back_inserter(out_),
      "Content-Type: {}\r\nContent-Length: {}\r\nContent-Range: bytes {}-{}/{}\r\nETag: {}\r\n"
      "Cache-Control: public, max-age=0, must-revalidate\r\nX-Content-Type-Options: "
      "nosniff\r\n\r\n",
      prepared->content_type, length, first, first + length - 1, prepared->size, prepared->etag);
  if (prepared->is_in_memory()) {
    content_ = std::string_view(prepared->text).substr(prepared->head_size + first, length);
  } else {
    file_at_ = first;
    file_left_ = length;
  }
  owner_ = std::move(prepared);
}

void Connection::send_not_modified(const Prepared& prepared) {
  begin_head(304);
  out_.append("ETag: ").append(prepared.etag);
  out_ += "\r\nCache-Control: public, max-age=0, must-revalidate\r\n\r\n";
}

void Connection::send_redirect(std::string_view location, std::string_view query) {
  begin_head(301);
  out_.append("Location: ").append(location).append(query).append("\r\nContent-Length: 0\r\n\r\n");
}

/// What runs at a provider that serves it itself, under a name and a certificate of its own: the
/// client goes there with the same request.
void Connection::send_elsewhere(const Endpoint& endpoint) {
  begin_head(307);
  const std::string_view target = reader_.head().target;
  out_.append("Location: ").append(to_string(endpoint));
  if (target.starts_with('/')) out_.append(target);
  out_.append("\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n");
}

void Connection::send_page(const Page& page) {
  const PageBody body = write_page(page, reader_.head().value(Header::Accept));
  begin_head(page.status);
  fmt::format_to(std::back_inserter(out_),
                 "Content-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
                 "X-Content-Type-Options: nosniff\r\n{}\r\n",
                 body.content_type, body.content.size(),
                 page.status == 503 ? "Retry-After: 5\r\n" : "");
  if (reader_.head().method != Method::Head) out_ += body.content;
}

void Connection::send_failure(const EdgeRoute& route, const Error& error) {
  if (worker_.may_complain()) {
    log_warning("edge", "a site cannot be served",
                {{"ref", route.route.ref}, {"why", error.describe()}});
  }
  send_page({503, route.route.ref, "Unavailable", "The files of this site cannot be read now."});
}

void Connection::begin_head(int status) {
  status_ = status;
  out_sent_ = 0;
  if (status == 200) {
    out_.assign(worker_.ok_line());
  } else {
    out_.clear();
    fmt::format_to(std::back_inserter(out_), "HTTP/1.1 {} {}\r\n{}", status, reason_of(status),
                   worker_.date_line());
  }
  append_connection_fields();
}

void Connection::append_connection_fields() {
  // What is left of a request that was not read cannot be told from the next one.
  if (!keep_alive_ || has_unread_body_) {
    out_ += "Connection: close\r\n";
  } else if (reader_.head().minor == 0) {
    out_ += "Connection: keep-alive\r\n";
  }
}

// All of a prepared answer behind the status line; of its content only to who wants it.
void Connection::set_content(std::shared_ptr<const Prepared> prepared, std::uint64_t first,
                             std::uint64_t length) {
  const bool wants_content = reader_.head().method != Method::Head;
  content_ = prepared->text;
  if (!wants_content) {
    content_ = content_.substr(0, prepared->head_size);
  } else if (!prepared->is_in_memory()) {
    file_at_ = first;
    file_left_ = length;
  }
  owner_ = std::move(prepared);
}

Connection::Sent Connection::send_now() {
  while (out_sent_ < out_.size() || !content_.empty()) {
    std::array<iovec, 2> parts{{{out_.data() + out_sent_, out_.size() - out_sent_},
                                {const_cast<char*>(content_.data()), content_.size()}}};
    const long sent = stream_.send_some(parts, file_left_ > 0);
    if (sent < 0) return Sent::Broken;
    if (sent == 0) return Sent::Some;
    const auto size = static_cast<std::size_t>(sent);
    const std::size_t of_out = std::min(size, out_.size() - out_sent_);
    out_sent_ += of_out;
    content_.remove_prefix(size - of_out);
    bytes_sent_ += size;
  }
  for (std::uint64_t turn = kSendfileTurn; file_left_ > 0;) {
    if (turn == 0) return Sent::Some;
    off_t at = static_cast<off_t>(file_at_);
    const ssize_t sent =
        ::sendfile(stream_.fd(), owner_->file.get(), &at, std::min(file_left_, turn));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Sent::Some;
    if (sent <= 0) return Sent::Broken;
    file_at_ += static_cast<std::uint64_t>(sent);
    file_left_ -= static_cast<std::uint64_t>(sent);
    bytes_sent_ += static_cast<std::uint64_t>(sent);
    turn -= static_cast<std::uint64_t>(sent);
  }
  out_.clear();
  out_sent_ = 0;
  return Sent::All;
}

Task<bool> Connection::send_outgoing() {
  for (;;) {
    const Sent sent = send_now();
    if (sent != Sent::Some) co_return sent == Sent::All;
    stream_.set_write_deadline(worker_.now() + worker_.limits().send_time);
    const auto [error] = co_await stream_.writable();
    stream_.clear_write_deadline();
    if (error) co_return false;
  }
}

}  // namespace croft::edge
