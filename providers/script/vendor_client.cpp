#include "providers/script/vendor_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/log.hpp"
#include "core/base/value.hpp"

namespace croft::script {

namespace {

constexpr int kMostRedirects = 5;
constexpr Duration kWithoutDeadline{120'000};  // what a call without a deadline may wait in all
constexpr Duration kLongestPause{3'600'000};   // that a server can ask for
constexpr std::array<Duration, 3> kPauses = {Duration(250), Duration(1'000), Duration(3'000)};

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool is_overload(int status) { return status == 429 || status == 503; }

bool is_failure(int status) { return status >= 500 || status == 429 || status == 408; }

/// The header that the credential is sent in.
std::optional<HttpHeaders::Field> auth_header(const VendorSettings& settings) {
  if (!settings.credential) return std::nullopt;
  const std::string& credential = settings.credential->reveal();
  switch (settings.auth.kind) {
    case VendorAuth::Kind::None:
      break;
    case VendorAuth::Kind::Bearer:
      return HttpHeaders::Field{"Authorization", "Bearer " + credential};
    case VendorAuth::Kind::Header:
      return HttpHeaders::Field{settings.auth.name, credential};
    case VendorAuth::Kind::Basic:
      return HttpHeaders::Field{"Authorization",
                                "Basic " + to_base64(settings.auth.name + ":" + credential)};
  }
  return std::nullopt;
}

/// Every form in which the credential may come back.
std::vector<std::string> forms_of(const VendorSettings& settings) {
  std::vector<std::string> forms;
  if (!settings.credential) return forms;
  const std::string& credential = settings.credential->reveal();
  const std::string quoted = to_json(Value(credential));
  forms = {credential, percent_encode(credential), quoted.substr(1, quoted.size() - 2),
           to_base64(credential)};
  if (settings.auth.kind == VendorAuth::Kind::Basic)
    forms.push_back(to_base64(settings.auth.name + ":" + credential));
  std::erase_if(forms, [](const std::string& form) { return form.size() < 8; });
  std::ranges::sort(forms, [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  const auto same = std::ranges::unique(forms);
  forms.erase(same.begin(), same.end());
  return forms;
}

void hide(std::string& text, const std::vector<std::string>& forms) {
  for (const std::string& form : forms) {
    for (std::size_t at = text.find(form); at != std::string::npos; at = text.find(form, at)) {
      text.replace(at, form.size(), kRedacted);
      at += kRedacted.size();
    }
  }
}

}  // namespace

std::optional<Duration> parse_retry_after(const std::string& text, Timestamp now) {
  std::int64_t seconds = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (problem == std::errc() && end == text.data() + text.size() && seconds >= 0)
    return std::min(Duration(std::min<std::int64_t>(seconds, 1'000'000) * 1000), kLongestPause);
  std::tm date{};
  const char* rest = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const Timestamp time{std::chrono::seconds(timegm(&date))};
  return std::clamp(time - now, Duration(0), kLongestPause);
}

struct VendorClient::Core {
  Core(VendorSettings with, std::shared_ptr<VendorGate> limits, const Clock& time, Sleep wait,
       HttpClient to, std::string below)
      : settings(std::move(with)),
        gate(std::move(limits)),
        clock(time),
        sleep(std::move(wait)),
        client(std::move(to)),
        base_path(std::move(below)),
        auth(auth_header(settings)),
        forms(forms_of(settings)) {}

  /// One request on its way: where to, and until when.
  struct Flight {
    lua::AdapterRequest request;
    std::string target;
    Duration deadline{0};
    int redirects = 0;
  };

  /// Both outlive it: they are its caller's. Sets `was_sent` if it came so far; what did not is not
  /// worth trying again.
  Task<Result<HttpResponse>> try_once(const Flight& flight, bool& was_sent);
  Task<Result<void>> admit(const Flight& flight, Lane::Place& place);
  /// For the hour's limit after a restart.
  Task<Result<void>> write_down(const Flight& flight);
  Result<void> check_time(const Flight& flight) const;
  void note(const Result<HttpResponse>& outcome);
  void scrub(HttpResponse& response) const;
  std::optional<Duration> pause_before_next(const Flight& flight,
                                            const Result<HttpResponse>& outcome, int tried) const;
  /// The target on this server that it redirects to; Invalid for any other server.
  Result<std::string> redirect_target(const HttpResponse& response) const;
  std::string target_of(const std::string& path) const;
  Error named(Error error) const {
    return std::move(error).while_doing("calling " + to_string(client.server()));
  }

  VendorSettings settings;
  std::shared_ptr<VendorGate> gate;
  const Clock& clock;
  Sleep sleep;
  HttpClient client;
  std::string base_path;  ///< "/v1" or empty
  std::optional<HttpHeaders::Field> auth;
  std::vector<std::string> forms;
  bool has_warned = false;  ///< that calls cannot be written down
};

Result<std::shared_ptr<VendorClient>> VendorClient::make(VendorSettings settings,
                                                         std::shared_ptr<VendorGate> gate,
                                                         const Clock& clock, Sleep sleep) {
  const std::size_t scheme = settings.url.find("://");
  const std::size_t slash = settings.url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  std::string path = slash == std::string::npos ? "" : settings.url.substr(slash);
  while (path.ends_with('/')) path.pop_back();
  if (scheme == std::string::npos || path.find_first_of("?# ") != std::string::npos)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no base URL", settings.url));
  TRY_ASSIGN(ServerAddress server, parse_server_address(settings.url.substr(0, slash)));
  if (server.scheme == ServerAddress::Scheme::Http && !is_loopback(server.host)) {
    return fail(Error(ErrorCode::Invalid, "http:// would send the credential in the clear")
                    .with_hint("use https://"));
  }
  HttpClientSettings client;
  client.connect_timeout = std::min(Duration(10'000), settings.timeout);
  client.reply_timeout = Duration(3'600'000);  // the deadline of each request is what counts
  client.idle_timeout = client.reply_timeout;
  client.body_limit = settings.body_limit;
  client.certificate_authorities = settings.certificate_authorities;
  client.idle_connections = settings.idle_connections;
  client.hint = "";
  if (settings.credential) remember_secret(*settings.credential);
  auto core =
      std::make_shared<Core>(std::move(settings), std::move(gate), clock, std::move(sleep),
                             HttpClient(std::move(server), std::move(client)), std::move(path));
  for (const std::string& form : core->forms) remember_secret(Secret<std::string>(form));
  return std::shared_ptr<VendorClient>(new VendorClient(std::move(core)));
}

std::string VendorClient::Core::target_of(const std::string& path) const {
  if (path.empty()) return base_path.empty() ? "/" : base_path;
  const bool continues = path.starts_with('/') || (path.starts_with('?') && !base_path.empty());
  return base_path + (continues ? "" : "/") + path;
}

Result<void> VendorClient::Core::check_time(const Flight& flight) const {
  if (flight.request.is_wanted && !flight.request.is_wanted())
    return fail(ErrorCode::Cancelled, "the call was called off");
  if (clock.steady() >= flight.deadline)
    return fail(named(Error(ErrorCode::Timeout, "the time of the call is over")));
  return {};
}

Task<Result<void>> VendorClient::Core::write_down(const Flight& flight) {
  if (!gate->spent) co_return Result<void>();
  const Result<void> written =
      co_await gate->spent->spend(clock.now(), flight.deadline - clock.steady());
  if (written || has_warned) co_return Result<void>();
  // The limit still holds as long as Croft runs.
  has_warned = true;
  log_warning("adapter", "calls are not written down: the hour's limit begins anew at a restart",
              {{"server", to_string(client.server())}, {"error", written.error().describe()}});
  co_return Result<void>();
}

Task<Result<void>> VendorClient::Core::admit(const Flight& flight, Lane::Place& place) {
  CO_TRY(check_time(flight));
  if (const auto closed = gate->breaker.closed_for(clock.steady())) {
    co_return fail(named(Error(
        ErrorCode::Unavailable,
        fmt::format("it failed {} times in a row; next try in {} (last: {})",
                    CircuitBreaker::kFailures, format_duration(*closed), gate->breaker.why()))));
  }
  place = co_await gate->lane.enter(flight.deadline - clock.steady());
  if (!place)
    co_return fail(named(Error(ErrorCode::Timeout, "too many calls are in flight already")));
  const RateLimit::Place turn = gate->rate.take(clock.steady(), flight.deadline);
  if (!turn.is_taken) {
    co_return fail(named(
        Error(ErrorCode::Unavailable, fmt::format("the rate limit allows the next call in {}",
                                                  format_duration(turn.at - clock.steady())))));
  }
  const Duration wait = turn.at - clock.steady();
  if (wait > Duration(0)) co_await sleep(wait);
  CO_TRY(check_time(flight));
  CO_TRY(co_await write_down(flight));
  co_return check_time(flight);
}

void VendorClient::Core::note(const Result<HttpResponse>& outcome) {
  const Duration now = clock.steady();
  if (!outcome) {
    // What it answers is wrong, but it answers.
    const bool is_down =
        outcome.error().is_retryable() || outcome.error().code() == ErrorCode::Denied;
    if (is_down) gate->breaker.failed(now, outcome.error().message());
    return;
  }
  if (outcome->status >= 500) {
    gate->breaker.failed(now,
                         fmt::format("{} {}", outcome->status, reason_phrase(outcome->status)));
  } else if (outcome->status != 429) {
    gate->breaker.succeeded();
  }
  if (!is_overload(outcome->status)) return;
  if (const std::string* header = outcome->headers.find("Retry-After")) {
    if (const auto wait = parse_retry_after(*header, clock.now()))
      gate->rate.pause_until(now + *wait);
  }
}

void VendorClient::Core::scrub(HttpResponse& response) const {
  if (forms.empty()) return;
  hide(response.body, forms);
  const auto is_clean = [this](const HttpHeaders::Field& field) {
    return std::ranges::none_of(forms, [&](const std::string& form) {
      return field.second.find(form) != std::string::npos;
    });
  };
  if (std::ranges::all_of(response.headers.fields(), is_clean)) return;
  HttpHeaders clean;
  for (const auto& [name, value] : response.headers.fields()) {
    std::string hidden = value;
    hide(hidden, forms);
    clean.add(name, std::move(hidden));
  }
  response.headers = std::move(clean);
}

Task<Result<HttpResponse>> VendorClient::Core::try_once(const Flight& flight, bool& was_sent) {
  Lane::Place place;
  CO_TRY(co_await admit(flight, place));
  was_sent = true;
  HttpRequest message;
  message.method = flight.request.method;
  message.target = flight.target;
  message.headers = flight.request.headers;
  if (message.headers.find("Accept") == nullptr) message.headers.set("Accept", "application/json");
  if (auth) message.headers.set(auth->first, auth->second);
  message.body = flight.request.body;
  const Duration time =
      std::min(flight.request.timeout.value_or(settings.timeout), flight.deadline - clock.steady());
  const auto until = std::chrono::steady_clock::now() + time;
  Result<HttpResponse> outcome = co_await client.send(std::move(message), until);
  note(outcome);
  if (outcome) scrub(*outcome);
  co_return outcome;
}

Result<std::string> VendorClient::Core::redirect_target(const HttpResponse& response) const {
  const std::string location = response.headers.value_or("Location", "");
  if (location.starts_with('/') && !location.starts_with("//")) return location;
  const std::string origin =
      settings.url.substr(0, settings.url.find('/', settings.url.find("://") + 3));
  if (location.starts_with(origin + "/")) return location.substr(origin.size());
  return fail(named(
      Error(ErrorCode::Invalid, fmt::format("it answers {} with a redirect elsewhere, which is not "
                                            "followed",
                                            response.status))));
}

std::optional<Duration> VendorClient::Core::pause_before_next(const Flight& flight,
                                                              const Result<HttpResponse>& outcome,
                                                              int tried) const {
  if (!flight.request.is_idempotent || tried >= settings.tries) return std::nullopt;
  Duration pause = kPauses[std::min<std::size_t>(static_cast<std::size_t>(tried) - 1, 2)];
  if (!outcome) {
    const ErrorCode code = outcome.error().code();
    if (code != ErrorCode::Unavailable && code != ErrorCode::Timeout) return std::nullopt;
  } else {
    const bool is_accepted =
        std::ranges::find(flight.request.accept, outcome->status) != flight.request.accept.end();
    if (is_accepted || !is_failure(outcome->status)) return std::nullopt;
    const std::string* header = outcome->headers.find("Retry-After");
    const auto asked = header != nullptr ? parse_retry_after(*header, clock.now()) : std::nullopt;
    pause = std::max(pause, asked.value_or(Duration(0)));
  }
  // A try that could not end in time is none.
  if (clock.steady() + pause >= flight.deadline) return std::nullopt;
  return pause;
}

Task<Result<HttpResponse>> VendorClient::send(lua::AdapterRequest request) {
  const std::shared_ptr<Core> core = core_;
  Core::Flight flight;
  flight.target = core->target_of(request.path);
  flight.deadline = request.deadline.value_or(core->clock.steady() + kWithoutDeadline);
  flight.request = std::move(request);
  for (int tried = 1;; ++tried) {
    bool was_sent = false;
    Result<HttpResponse> outcome = co_await core->try_once(flight, was_sent);
    if (!was_sent) co_return outcome;
    const bool is_redirect =
        outcome && outcome->status >= 300 && outcome->status < 400 && outcome->status != 304;
    if (is_redirect) {
      CO_TRY_ASSIGN(flight.target, core->redirect_target(*outcome));
      const bool is_read = flight.request.method == "GET" || flight.request.method == "HEAD";
      if (!is_read || ++flight.redirects > kMostRedirects) {
        co_return fail(core->named(Error(
            ErrorCode::Invalid, fmt::format("it answers {} with a redirect", outcome->status))));
      }
      --tried;
      continue;
    }
    const auto pause = core->pause_before_next(flight, outcome, tried);
    if (!pause) co_return outcome;
    co_await core->sleep(*pause);
  }
}

}  // namespace croft::script
