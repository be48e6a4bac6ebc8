#include "tests/fuzz/edge_fuzz.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gateway/edge/conditional.hpp"
#include "gateway/edge/forward.hpp"
#include "gateway/edge/host.hpp"
#include "gateway/edge/message.hpp"
#include "gateway/edge/page.hpp"
#include "gateway/edge/path.hpp"
#include "gateway/edge/site.hpp"

namespace croft {

namespace {

using namespace edge;

void require(bool claim, const char* what) {
  if (claim) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

struct Whole {
  std::string method;
  std::string target;
  std::string body;
  ReadState state = ReadState::Head;
};

Whole read_whole(RequestReader& reader, std::string_view bytes) {
  Whole whole;
  const std::size_t head = reader.read_head(bytes);
  require(head <= bytes.size(), "a head is not longer than the bytes");
  if (reader.state() == ReadState::Body || reader.state() == ReadState::Done) {
    whole.method = reader.head().method_text;
    whole.target = reader.head().target;
    std::vector<std::string_view> pieces;
    if (reader.state() == ReadState::Body) (void)reader.read_body(bytes.substr(head), pieces);
    for (const std::string_view piece : pieces) whole.body += piece;
  }
  whole.state = reader.state();
  return whole;
}

void check_site_path(const RequestHead& head) {
  static const Release release = [] {
    Release made;
    for (const char* path : {"index.html", "a/index.html", "b.html", "c"})
      made.files[path] = {std::string(40, 'a'), 9};
    return made;
  }();
  std::string path;
  const Target target = split_target(head.target);
  if (decode_path(target.path, path) != PathVerdict::Fine) return;
  require(is_one_line(path) && path.find('\\') == path.npos, "a decoded path has no such bytes");
  require(path != ".." && !path.starts_with("../") && !path.ends_with("/..") &&
              path.find("/../") == path.npos,
          "a decoded path stays inside");
  const Found found = find_in_site(release, path, target.path);
  if (found.kind == Found::Kind::Redirect) {
    require(found.location.starts_with('/') && !found.location.starts_with("//"),
            "a redirect stays on the site");
  }
}

// What is passed on must be read by anybody else as what was read here.
void check_forwarded(const RequestHead& head, const Whole& whole) {
  Peer peer;
  peer.text = "192.0.2.1";
  std::string out;
  append_forwarded_request(head, peer, whole.body.size() % 2 == 0, out);
  const bool is_chunked = framing_of(head) == Framing::Chunked;
  if (is_chunked && !whole.body.empty()) {
    append_chunk_head(whole.body.size(), out);
    out += whole.body + "\r\n";
  } else {
    out += whole.body;
  }
  if (is_chunked) out += "0\r\n\r\n";
  RequestReader again({.head_bytes = 1 << 20, .fields = 1000});
  const Whole forwarded = read_whole(again, out);
  // A request of HTTP/1.0 may name no host, and then there is no route either.
  if (head.authority.empty()) return;
  require(forwarded.state == ReadState::Done, "a forwarded request is whole");
  require(forwarded.method == whole.method && forwarded.target == whole.target &&
              forwarded.body == whole.body,
          "a forwarded request means the same");
}

}  // namespace

void fuzz_edge(std::string_view bytes) {
  RequestReader reader({.head_bytes = 4096, .fields = 32, .body_bytes = 65536});
  const Whole whole = read_whole(reader, bytes);
  ResponseReader answers(4096);
  answers.reset(false);
  const std::size_t head_size = answers.read_head(bytes);
  std::vector<std::string_view> pieces;
  if (answers.state() == ReadState::Body) (void)answers.read_body(bytes.substr(head_size), pieces);
  if (whole.state == ReadState::Failed || whole.state == ReadState::Head) return;

  const RequestHead& head = reader.head();
  require(is_one_line(head.target) && is_one_line(head.authority), "target and host are one line");
  for (const HeaderField& field : head.fields) {
    require(is_one_line(field.name) && is_one_line(field.value), "a field is one line");
    require(field.name.find(':') == field.name.npos, "a name has no colon");
    (void)matches_any(field.value, "\"0123\"");
    (void)write_page({503, "a/b/c", "Starting", "x"}, field.value);
    const ByteRange range = parse_range(field.value, 1000);
    require(range.kind != ByteRange::Kind::Part ||
                (range.length > 0 && range.first + range.length <= 1000),
            "a range lies within");
  }
  HostBuffer buffer;
  if (const auto host = normalize_host(head.authority, buffer)) {
    require(!host->empty() && is_one_line(*host), "a host is one line");
  }
  check_site_path(head);
  if (whole.state == ReadState::Done) check_forwarded(head, whole);
}

}  // namespace croft
