#include "core/store/postgres/handle.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "core/base/secret.hpp"

namespace croft::postgres {

namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string option(const PQconninfoOption* options, std::string_view keyword) {
  for (const auto* each = options; each->keyword != nullptr; ++each) {
    if (each->keyword == keyword && each->val != nullptr) return each->val;
  }
  return {};
}

/// libpq gives a line for each host that it tried, and indented ones that guess at reasons.
std::string one_line(std::string_view text) {
  std::string joined;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.starts_with('\t')) continue;
    if (!joined.empty()) joined += "; ";
    joined += line;
  }
  return redact(joined);
}

/// libpq quotes what it did not understand, which may be a part of a password, with quotation marks
/// in it.
std::string without_quotations(std::string_view text) {
  const std::size_t first = text.find('"');
  const std::size_t last = text.rfind('"');
  if (first == std::string_view::npos) return std::string(text);
  return fmt::format("{}\"...\"{}", text.substr(0, first),
                     last > first ? text.substr(last + 1) : std::string_view());
}

struct Advice {
  std::string_view words;
  std::string_view hint;
};
// libpq gives no codes for connections that fail, only the server's words.
constexpr std::array kAdvice{
    Advice{"password authentication failed",
           "check user and password in store.url, PGPASSWORD or "
           "the password file"},
    Advice{"no password supplied",
           "put the password into a password file (~/.pgpass, 0600) or "
           "PGPASSWORD"},
    Advice{"does not exist", "make it first: createuser and createdb, with the user as its owner"},
    Advice{"pg_hba.conf", "let the user in by a line of pg_hba.conf on the server"},
    Advice{"too many",
           "raise max_connections of the server, or end other clients; Croft needs up "
           "to 6 connections"},
    Advice{"session is read-only", "connect to the primary; a list of hosts in store.url finds it"},
    Advice{"SSL", "check sslmode and sslrootcert in store.url"},
};

std::string_view advice_for(std::string_view message) {
  for (const Advice& advice : kAdvice) {
    if (message.find(advice.words) != std::string_view::npos) return advice.hint;
  }
  return "check that the server runs and that store.url names it; Croft tries again by itself";
}

Error unavailable(const Target& target, std::string_view what, std::string_view hint) {
  return Error(ErrorCode::Unavailable, fmt::format("{}: {}", target.name, what))
      .with_hint(std::string(hint));
}

/// What libpq may not know: how long to try, and how soon a silent network is noticed.
struct Keywords {
  std::array<const char*, 10> names{"connect_timeout",
                                    "keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "tcp_user_timeout",
                                    "target_session_attrs",
                                    "fallback_application_name",
                                    "client_encoding",
                                    "dbname",
                                    nullptr};
  std::array<const char*, 10> values;

  Keywords(const std::string& url, Access access)
      : values{"5",     "20",    "5",
               "3",     "15000", access == Access::Write ? "read-write" : "any",
               "croft", "UTF8",  url.c_str(),
               nullptr} {}
};

}  // namespace

Result<Target> parse_target(const std::string& url) {
  char* words = nullptr;
  const Options options(PQconninfoParse(url.c_str(), &words));
  if (!options) {
    const std::string message =
        without_quotations(one_line(words == nullptr ? "out of memory" : words));
    PQfreemem(words);
    return fail(
        Error(ErrorCode::Invalid, fmt::format("store.url is no PostgreSQL URL: {}", message))
            .with_hint("for example: postgres://croft@localhost/croft"));
  }
  remember_secret(Secret<std::string>(option(options.get(), "password")));
  const std::string user = option(options.get(), "user");
  const std::string port = option(options.get(), "port");
  const std::string service = option(options.get(), "service");
  const bool has_password =
      !option(options.get(), "password").empty() || !option(options.get(), "sslpassword").empty();
  if (!service.empty())
    return Target{url, fmt::format("PostgreSQL service {}", service), has_password};
  return Target{url,
                fmt::format("postgres://{}{}{}{}{}/{}", user, user.empty() ? "" : "@",
                            option(options.get(), "host"), port.empty() ? "" : ":", port,
                            option(options.get(), "dbname")),
                has_password};
}

Result<Handle> connect(const Target& target, Access access) {
  const Keywords keywords(target.url, access);
  Handle handle(PQconnectdbParams(keywords.names.data(), keywords.values.data(), 1));
  if (!handle) return fail(ErrorCode::Unavailable, "out of memory");
  if (PQstatus(handle.get()) != CONNECTION_OK) {
    const std::string message = one_line(PQerrorMessage(handle.get()));
    return fail(unavailable(target, message, advice_for(message)));
  }
  PQsetNoticeReceiver(handle.get(), [](void*, const PGresult*) {}, nullptr);
  const char* encoding = PQparameterStatus(handle.get(), "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) != "UTF8") {
    return fail(
        Error(ErrorCode::Invalid,
              fmt::format("{} has the encoding {}, and Croft keeps UTF-8", target.name, encoding))
            .with_hint("make the database anew: createdb -E UTF8 -T template0 croft"));
  }
  return handle;
}

std::string_view state_of(const PGresult* answer) {
  const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  return state == nullptr ? std::string_view() : state;
}

Error connection_lost(const PGconn* connection, const Target& target) {
  const std::string message = one_line(PQerrorMessage(connection));
  return unavailable(target, message.empty() ? "the connection broke" : message,
                     "Croft connects again by itself");
}

Error error_of(const PGresult* answer, const Target& target) {
  const std::string_view state = state_of(answer);
  const char* primary = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  const std::string words = one_line(primary != nullptr ? primary : PQresultErrorMessage(answer));
  const std::string_view family = state.substr(0, 2);
  if (family == "23") return {ErrorCode::Conflict, words};
  if (state == "42501") {
    return Error(ErrorCode::Denied, fmt::format("{}: {}", target.name, words))
        .with_hint("make Croft's user the owner of the database: ALTER DATABASE ... OWNER TO ...");
  }
  if (state == "25006") {
    return unavailable(target, "the server is read-only",
                       "connect to the primary; a list of hosts in store.url finds it");
  }
  if (state == "53100") {
    return unavailable(target, "the server's disk is full",
                       "free some space there; Croft goes on by itself");
  }
  if (state == "55P03" || state == "57014") {
    return unavailable(target, words,
                       "look for what holds the lock: SELECT * FROM pg_stat_activity");
  }
  constexpr std::array<std::string_view, 6> kPassing{"08", "40", "53", "57", "58", ""};
  if (std::ranges::find(kPassing, family) != kPassing.end())
    return unavailable(target, words, "Croft tries again by itself");
  return {ErrorCode::Internal, fmt::format("{} says: {} (code {})", target.name, words, state)};
}

Parameters::Parameters(const std::vector<sql::Cell>& cells, bool is_binary) {
  numbers_.reserve(cells.size());  // so that what values_ points to stays where it is
  values_.reserve(cells.size());
  for (const sql::Cell& cell : cells) {
    if (const auto* number = std::get_if<std::int64_t>(&cell)) {
      values_.push_back(numbers_.emplace_back(std::to_string(*number)).c_str());
    } else if (const auto* text = std::get_if<std::string>(&cell)) {
      values_.push_back(text->c_str());
    } else {
      values_.push_back(nullptr);
    }
  }
  if (!is_binary) return;
  for (const sql::Cell& cell : cells) {
    const auto* bytes = std::get_if<std::string>(&cell);
    formats_.push_back(bytes != nullptr ? 1 : 0);
    lengths_.push_back(bytes != nullptr ? static_cast<int>(bytes->size()) : 0);
  }
}

std::int64_t AnswerRow::integer(int column) const {
  const std::string_view digits = text(column);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::string_view AnswerRow::text(int column) const {
  return {PQgetvalue(answer_, row_, column),
          static_cast<std::size_t>(PQgetlength(answer_, row_, column))};
}

Result<void> for_each_row(const PGresult* answer, const sql::RowSink& sink) {
  const int rows = PQntuples(answer);
  for (int row = 0; row < rows; ++row) {
    TRY(sink(AnswerRow(answer, row)));
  }
  return {};
}

}  // namespace croft::postgres
