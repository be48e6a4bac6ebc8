#include "gateway/edge/page.hpp"

#include <fmt/format.h>

#include "core/base/value.hpp"
#include "gateway/edge/message.hpp"

namespace croft::edge {

namespace {

enum class Form { Html, Json, Text };

// The first of the forms that the client names; what it would take anything of is text, as for
// curl.
Form form_for(std::string_view accept) {
  Form form = Form::Text;
  any_member(accept, [&](std::string_view member) {
    const std::string_view type = member.substr(0, member.find(';'));
    if (equal_ignoring_case(type, "text/html") ||
        equal_ignoring_case(type, "application/xhtml+xml")) {
      form = Form::Html;
    } else if (equal_ignoring_case(type, "application/json") || type.ends_with("+json")) {
      form = Form::Json;
    } else {
      return equal_ignoring_case(type, "text/plain");
    }
    return true;
  });
  return form;
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string_view default_message(int status) {
  switch (status) {
    case 404:
      return "There is nothing at this address.";
    case 502:
      return "What should answer here did not answer properly.";
    case 503:
      return "What should answer here is not running.";
    case 504:
      return "What should answer here did not answer in time.";
    default:
      return "";
  }
}

constexpr std::string_view kHtml =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width\">{refresh}<title>{title}</title>\n<style>body{{font:16px/1.5 "
    "system-ui,sans-serif;"
    "max-width:34rem;margin:18vh auto 0;padding:0 "
    "1.5rem;color:#223}}h1{{font-size:1.4rem}}code{{color:#667}}"
    "@media(prefers-color-scheme:dark){{body{{background:#151820;color:#dde}}}}</style></head>\n"
    "<body><h1>{title}</h1><p>{message}</p>{what}</body></html>\n";

std::string html_of(const Page& page, std::string_view message) {
  // What is only starting is asked for again by itself.
  const bool is_coming = page.status == 503 && page.state == "Starting";
  std::string what;
  if (!page.ref.empty())
    what = fmt::format("<p><code>{} {}</code></p>", escaped(page.ref), escaped(page.state));
  return fmt::format(
      fmt::runtime(kHtml),
      fmt::arg("title", fmt::format("{} {}", page.status, reason_of(page.status))),
      fmt::arg("refresh", is_coming ? "<meta http-equiv=\"refresh\" content=\"2\">" : ""),
      fmt::arg("message", escaped(message)), fmt::arg("what", what));
}

std::string json_of(const Page& page, std::string_view message) {
  Value error = Value::map(
      {{"status", page.status}, {"title", reason_of(page.status)}, {"message", message}});
  if (!page.ref.empty()) error.set("ref", page.ref);
  if (!page.state.empty()) error.set("state", page.state);
  return to_json(Value::map({{"error", std::move(error)}})) + "\n";
}

std::string text_of(const Page& page, std::string_view message) {
  std::string text = fmt::format("{} {}\n", page.status, reason_of(page.status));
  if (!page.ref.empty())
    text += fmt::format("{}: {}\n", page.ref, page.state.empty() ? "unknown" : page.state);
  if (!message.empty()) text += fmt::format("{}\n", message);
  return text;
}

}  // namespace

PageBody write_page(const Page& page, std::string_view accept) {
  const std::string_view message =
      page.message.empty() ? default_message(page.status) : page.message;
  switch (form_for(accept)) {
    case Form::Html:
      return {"text/html; charset=utf-8", html_of(page, message)};
    case Form::Json:
      return {"application/json", json_of(page, message)};
    case Form::Text:
      break;
  }
  return {"text/plain; charset=utf-8", text_of(page, message)};
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace croft::edge
