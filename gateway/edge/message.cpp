#include "gateway/edge/message.hpp"

#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>

namespace croft::edge {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

Header header_of(http::field field, std::string_view name) {
  switch (field) {
    case http::field::accept:
      return Header::Accept;
    case http::field::connection:
      return Header::Connection;
    case http::field::content_length:
      return Header::ContentLength;
    case http::field::date:
      return Header::Date;
    case http::field::expect:
      return Header::Expect;
    case http::field::forwarded:
      return Header::Forwarded;
    case http::field::host:
      return Header::Host;
    case http::field::if_none_match:
      return Header::IfNoneMatch;
    case http::field::if_range:
      return Header::IfRange;
    case http::field::keep_alive:
      return Header::KeepAlive;
    case http::field::proxy_authenticate:
      return Header::ProxyAuthenticate;
    case http::field::proxy_authorization:
      return Header::ProxyAuthorization;
    case http::field::proxy_connection:
      return Header::ProxyConnection;
    case http::field::range:
      return Header::Range;
    case http::field::te:
      return Header::Te;
    case http::field::trailer:
      return Header::Trailer;
    case http::field::transfer_encoding:
      return Header::TransferEncoding;
    case http::field::upgrade:
      return Header::Upgrade;
    case http::field::unknown:
      break;
    default:
      return Header::Other;
  }
  if (equal_ignoring_case(name, "X-Forwarded-For")) return Header::ForwardedFor;
  if (equal_ignoring_case(name, "X-Forwarded-Host")) return Header::ForwardedHost;
  if (equal_ignoring_case(name, "X-Forwarded-Proto")) return Header::ForwardedProto;
  if (equal_ignoring_case(name, "X-Real-IP")) return Header::RealIp;
  return Header::Other;
}

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::Get;
    case http::verb::head:
      return Method::Head;
    case http::verb::options:
      return Method::Options;
    case http::verb::put:
      return Method::Put;
    case http::verb::delete_:
      return Method::Delete;
    case http::verb::post:
      return Method::Post;
    case http::verb::connect:
      return Method::Connect;
    case http::verb::trace:
      return Method::Trace;
    default:
      return Method::Other;
  }
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Beast's parser with our storage. Head is RequestHead or ResponseHead.
template <bool IsRequest, typename Head>
class Parser final : public http::basic_parser<IsRequest> {
 public:
  Parser(Head& head, std::size_t max_fields) : head_(head), max_fields_(max_fields) {
    this->header_limit(UINT32_MAX);
    this->body_limit(boost::none);
  }
  void collect_into(std::vector<std::string_view>* pieces) { pieces_ = pieces; }
  bool has_head() const { return has_head_; }
  bool has_too_many_fields() const { return has_too_many_fields_; }

 private:
  void on_request_impl(http::verb verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version, error_code&) override {
    if constexpr (IsRequest) {
      head_.method = method_of(verb);
      head_.method_text = view(method);
      head_.target = view(target);
      head_.minor = version - 10;
    }
  }
  void on_response_impl(int status, boost::beast::string_view reason, int version,
                        error_code&) override {
    if constexpr (!IsRequest) {
      head_.status = status;
      head_.reason = view(reason);
      head_.minor = version - 10;
    }
  }
  void on_field_impl(http::field field, boost::beast::string_view name,
                     boost::beast::string_view value, error_code& error) override {
    if (has_head_) return;  // a trailer: not passed on
    has_too_many_fields_ = head_.fields.size() >= max_fields_;
    if (has_too_many_fields_) {
      error = http::error::bad_field;
      return;
    }
    head_.fields.push_back({view(name), view(value), header_of(field, view(name))});
  }
  void on_header_impl(error_code&) override { has_head_ = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    if (!body.empty()) pieces_->push_back(view(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body,
                                 error_code&) override {
    if (!body.empty()) pieces_->push_back(view(body));
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Head& head_;
  std::size_t max_fields_;
  std::vector<std::string_view>* pieces_ = nullptr;
  bool has_head_ = false;
  bool has_too_many_fields_ = false;
};

// What a request and a response reader share: one parser at a time, fed with whole heads and then
// with body bytes.
template <bool IsRequest, typename Head>
struct Reader {
  Head head;
  std::optional<Parser<IsRequest, Head>> parser;
  std::size_t scanned = 0;  // bytes known not to hold the end of the head
  ReadState state = ReadState::Head;
  int failure = 400;
  std::size_t max_head;
  std::size_t max_fields;

  Reader(std::size_t head_bytes, std::size_t fields) : max_head(head_bytes), max_fields(fields) {
    head.fields.reserve(24);
  }

  void reset() {
    // The rest keeps its capacity.
    std::vector<HeaderField> fields = std::move(head.fields);
    fields.clear();
    head = Head{};
    head.fields = std::move(fields);
    scanned = 0;
    state = ReadState::Head;
    failure = 400;
    parser.emplace(head, max_fields);
  }

  void fail_with(int status) {
    failure = status;
    state = ReadState::Failed;
  }

  // The length of the head with its empty line, 0 if it is not there yet.
  std::size_t find_end(std::string_view data) {
    const std::size_t from = scanned < 3 ? 0 : scanned - 3;
    const std::size_t end = data.find("\r\n\r\n", from);
    const bool is_complete = end != std::string_view::npos;
    if (is_complete ? end + 4 > max_head : data.size() >= max_head) {
      fail_with(data.substr(0, max_head).find("\r\n") == std::string_view::npos ? 414 : 431);
      return 0;
    }
    scanned = data.size();
    return is_complete ? end + 4 : 0;
  }

  // Parses a complete head. The parser wants the whole message's framing, so facts about it are
  // taken from there.
  void parse_head(std::string_view data) {
    error_code error;
    // Lines folded into one (RFC 9112, 5.2): Beast joins them, other parsers see two.
    if (data.find("\r\n ") != data.npos || data.find("\r\n\t") != data.npos) return fail_with(400);
    parser->eager(false);
    const std::size_t used = parser->put({data.data(), data.size()}, error);
    if (error || used != data.size() || !parser->has_head()) {
      if (parser->has_too_many_fields()) return fail_with(431);
      return fail_with(error == http::error::bad_version && IsRequest ? version_failure(data)
                                                                      : 400);
    }
    head.keep_alive = parser->keep_alive();
    head.is_chunked = parser->chunked();
    if (const auto length = parser->content_length(); length) head.content_length = *length;
    parser->eager(true);
    state = parser->is_done() ? ReadState::Done : ReadState::Body;
  }

  // HTTP/2.0 and the like are well-formed, only not spoken here.
  static int version_failure(std::string_view data) {
    const std::string_view line = data.substr(0, data.find("\r\n"));
    const std::size_t at = line.rfind(" HTTP/");
    return at != std::string_view::npos && line.size() == at + 9 && line[at + 7] == '.' ? 505 : 400;
  }

  std::size_t read_body(std::string_view data, std::vector<std::string_view>& pieces) {
    if (state != ReadState::Body || data.empty()) return 0;
    error_code error;
    parser->collect_into(&pieces);
    const std::size_t used = parser->put({data.data(), data.size()}, error);
    if (error && error != http::error::need_more) {
      fail_with(error == http::error::body_limit ? 413 : 400);
    } else if (parser->is_done()) {
      state = ReadState::Done;
    } else if (data.size() - used > max_head) {
      fail_with(400);  // a chunk's head or trailers without end
    }
    return used;
  }
};

// Exactly one "chunked", in HTTP/1.1: nobody can read that in two ways.
bool has_clear_framing(const MessageHead& head) {
  int codings = 0;
  for (const HeaderField& field : head.fields) {
    if (field.id != Header::TransferEncoding) continue;
    ++codings;
    if (!equal_ignoring_case(field.value, "chunked")) return false;
  }
  return codings == 0 || (codings == 1 && head.is_chunked && head.minor == 1);
}

// "http://HOST[:PORT]/PATH" → HOST[:PORT], and the target becomes its path and query.
std::string_view take_authority(std::string_view& target) {
  const std::size_t scheme_end = target.find("://");
  const std::size_t begin = scheme_end + 3;
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  const std::string_view authority = target.substr(begin, end - begin);
  target = target.substr(end);
  if (target.empty()) target = "/";
  return authority;
}

bool has_http_scheme(std::string_view target) {
  return equal_ignoring_case(target.substr(0, 7), "http://") ||
         equal_ignoring_case(target.substr(0, 8), "https://");
}

bool is_tunnelled_upgrade(const RequestHead& head) {
  const HeaderField* upgrade = head.find(Header::Upgrade);
  if (upgrade == nullptr || head.minor < 1 || head.has_body()) return false;
  bool is_listed = false;
  for (const HeaderField& field : head.fields) {
    if (field.id != Header::Connection) continue;
    is_listed |= any_member(field.value,
                            [](std::string_view m) { return equal_ignoring_case(m, "upgrade"); });
  }
  // Another HTTP inside the tunnel would pass by everything that is checked here.
  const bool is_http = any_member(upgrade->value, [](std::string_view m) {
    return equal_ignoring_case(m.substr(0, 3), "h2c") ||
           equal_ignoring_case(m.substr(0, 5), "http/") ||
           equal_ignoring_case(m.substr(0, 4), "tls/");
  });
  return is_listed && !is_http;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

const HeaderField* MessageHead::find(Header id) const {
  for (const HeaderField& field : fields) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

std::string_view MessageHead::value(Header id) const {
  const HeaderField* field = find(id);
  return field == nullptr ? std::string_view() : field->value;
}

struct RequestReader::Impl : Reader<true, RequestHead> {
  explicit Impl(Limits limits)
      : Reader(limits.head_bytes, limits.fields), max_body(limits.body_bytes) {}
  std::uint64_t max_body;

  // What must hold beyond the grammar before anything acts on the head.
  void check_head() {
    const auto hosts = std::ranges::count(head.fields, Header::Host, &HeaderField::id);
    if (hosts > 1 || (hosts == 0 && head.minor > 0)) return fail_with(400);
    if (!has_clear_framing(head)) return fail_with(head.minor == 0 ? 400 : 501);
    if (head.content_length.value_or(0) > max_body) return fail_with(413);
    if (const HeaderField* expect = head.find(Header::Expect);
        expect != nullptr && head.minor > 0) {
      if (!equal_ignoring_case(expect->value, "100-continue")) return fail_with(417);
    }
    head.authority = head.value(Header::Host);
    if (head.method == Method::Connect) return fail_with(501);
    if (has_http_scheme(head.target)) {
      head.authority = take_authority(head.target);
      if (head.authority.find('@') != std::string_view::npos) return fail_with(400);
    }
    const bool is_asterisk = head.target == "*" && head.method == Method::Options;
    if (!head.target.starts_with('/') && !is_asterisk) return fail_with(400);
    head.wants_upgrade = is_tunnelled_upgrade(head);
  }
};

RequestReader::RequestReader(Limits limits) : impl_(std::make_unique<Impl>(limits)) {
  impl_->reset();
}
RequestReader::~RequestReader() = default;

void RequestReader::reset() { impl_->reset(); }

std::size_t RequestReader::read_head(std::string_view data) {
  // Something that speaks another protocol is told at once, not after the time-out.
  const bool is_token = data.empty() || (data.front() >= 'A' && data.front() <= 'Z') ||
                        (data.front() >= 'a' && data.front() <= 'z');
  if (!is_token) {
    impl_->fail_with(400);
    return 0;
  }
  const std::size_t size = impl_->find_end(data);
  if (size == 0) return 0;
  impl_->parse_head(data.substr(0, size));
  if (impl_->state != ReadState::Failed) {
    if (impl_->max_body != UINT64_MAX) impl_->parser->body_limit(impl_->max_body);
    impl_->check_head();
  }
  return size;
}

std::size_t RequestReader::read_body(std::string_view data, std::vector<std::string_view>& pieces) {
  return impl_->read_body(data, pieces);
}

ReadState RequestReader::state() const { return impl_->state; }
const RequestHead& RequestReader::head() const { return impl_->head; }
int RequestReader::failure_status() const { return impl_->failure; }

struct ResponseReader::Impl : Reader<false, ResponseHead> {
  explicit Impl(std::size_t head_bytes) : Reader(head_bytes, 256) {}
};

ResponseReader::ResponseReader(std::size_t head_bytes)
    : impl_(std::make_unique<Impl>(head_bytes)) {}
ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;

void ResponseReader::reset(bool to_head) {
  impl_->reset();
  impl_->parser->skip(to_head);
}

std::size_t ResponseReader::read_head(std::string_view data) {
  const std::size_t size = impl_->find_end(data);
  if (size == 0) return 0;
  impl_->parse_head(data.substr(0, size));
  if (impl_->state != ReadState::Failed && !has_clear_framing(impl_->head)) impl_->fail_with(502);
  return size;
}

std::size_t ResponseReader::read_body(std::string_view data,
                                      std::vector<std::string_view>& pieces) {
  return impl_->read_body(data, pieces);
}

void ResponseReader::end_of_stream() {
  if (impl_->state != ReadState::Body || !ends_with_connection()) {
    impl_->state = ReadState::Failed;
    return;
  }
  impl_->state = ReadState::Done;
}

ReadState ResponseReader::state() const { return impl_->state; }
const ResponseHead& ResponseReader::head() const { return impl_->head; }
bool ResponseReader::ends_with_connection() const {
  return impl_->state != ReadState::Head && impl_->parser->need_eof();
}

}  // namespace croft::edge
