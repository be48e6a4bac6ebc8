#include "core/base/settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/suggest.hpp"
#include "core/yaml/tree.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;
using Apply = Result<void> (*)(Settings&, std::string_view);

struct Row {
  SettingDescription description;
  Apply apply;
};

Result<void> assign(std::string& into, std::string_view text) {
  into = text;
  return {};
}
Result<void> assign(fs::path& into, std::string_view text) {
  into = text;
  return {};
}
Result<void> assign(Duration& into, std::string_view text) {
  TRY_ASSIGN(into, parse_duration(text));
  return {};
}
Result<void> assign(LogLevel& into, std::string_view text) {
  TRY_ASSIGN(into, parse_log_level(text));
  return {};
}
Result<void> assign(bool& into, std::string_view text) {
  into = text == "true";
  return {};
}
Result<void> assign(LogFormat& into, std::string_view text) {
  into = text == "json" ? LogFormat::Json : LogFormat::Text;
  return {};
}
Result<void> assign(std::int64_t& into, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no number of 1 or more", text));
  into = number;
  return {};
}
Result<void> assign(std::vector<std::string>& into, std::string_view text) {
  into.clear();
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (comma != 0) into.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return {};
}

template <auto Member>
Result<void> set(Settings& settings, std::string_view text) {
  return assign(settings.*Member, text);
}

/// "HOST:PORT", the host of IPv6 in brackets.
template <auto Member>
Result<void> set_address(Settings& settings, std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  int number = -1;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_port =
      error == std::errc() && end == port.data() + port.size() && number >= 0 && number <= 65535;
  if (colon == 0 || !is_port)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no HOST:PORT", text));
  settings.*Member = text;
  return {};
}

/// "https://HOST[:PORT]", without a path.
template <auto Member>
Result<void> set_web_url(Settings& settings, std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t scheme = text.find("://");
  const bool is_web = text.starts_with("https://") || text.starts_with("http://");
  const std::string_view host = is_web ? text.substr(scheme + 3) : std::string_view();
  if (host.empty() || host.find_first_of("/?#@ \t") != std::string_view::npos)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no https://HOST", text));
  settings.*Member = text;
  return {};
}

Result<void> set_event_count(Settings& settings, std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no whole number from 1 on", text));
  settings.events_keep = count;
  return {};
}

Result<void> set_sample(Settings& settings, std::string_view text) {
  double share = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  const bool is_share = error == std::errc() && end == text.data() + text.size() && share >= 0 &&
                        share <= 1;  // false for NaN, too
  if (!is_share)
    return fail(ErrorCode::Invalid, fmt::format("'{}' is no number from 0 to 1", text));
  settings.traces_sample = share;
  return {};
}

constexpr std::array<std::string_view, 4> kLogLevels{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 2> kSwitch{"false", "true"};
constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};
constexpr std::array<std::string_view, 4> kRoles{"all", "edge", "control", "hooks"};
constexpr std::array<std::string_view, 3> kEncryptions{"starttls", "tls", "none"};
constexpr std::array<std::string_view, 7> kReceivers{"github",    "gitlab", "gitea", "forgejo",
                                                     "bitbucket", "hmac",   "token"};
constexpr std::array<std::string_view, 2> kVerifyModes{"head", "every"};
constexpr std::span<const std::string_view> kAnything;

// The one table. To add a setting: a member above, a row here.
constexpr std::array kRows{
    Row{{"data", SettingType::Path, "",
         "Directory for everything Croft keeps. Default: /var/lib/croft for root, else "
         "~/.local/share/croft.",
         kAnything},
        set<&Settings::data>},
    Row{{"store.url", SettingType::Text, "",
         "PostgreSQL database for what Croft must remember: postgres://USER@HOST:PORT/DATABASE; "
         "PG* variables, service and password files count too. Default: an embedded store in the "
         "data directory.",
         kAnything},
        set<&Settings::store_url>},
    Row{{"platform.url", SettingType::Text, "",
         "Git repository with the platform's tenants, plans and providers: a path, file://, "
         "https:// or ssh://.",
         kAnything},
        set<&Settings::platform_url>},
    Row{{"platform.ref", SettingType::Text, "main", "Branch of the platform repository.",
         kAnything},
        set<&Settings::platform_ref>},
    Row{{"platform.path", SettingType::Text, ".", "Directory in the platform repository.",
         kAnything},
        set<&Settings::platform_path>},
    Row{{"platform.interval", SettingType::TimeSpan, "1m",
         "How often a remote platform repository is polled; a local one is noticed at once.",
         kAnything},
        set<&Settings::platform_interval>},
    Row{{"platform.receiver", SettingType::Choice, "",
         "Who tells of pushes to the platform repository (or that of solo) by a hook; see `croft "
         "hooks`.",
         kReceivers},
        set<&Settings::platform_receiver>},
    Row{{"platform.receiverSecret", SettingType::Text, "",
         "Name of the file in secrets.dir with what that hook's deliveries are proven by.",
         kAnything},
        set<&Settings::platform_receiver_secret>},
    Row{{"platform.verify", SettingType::Choice, "",
         "Commits of the platform repository (or that of solo) must be signed: the newest (head), "
         "or every one since the last applied.",
         kVerifyModes},
        set<&Settings::platform_verify>},
    Row{{"platform.allowedSigners", SettingType::Path, "",
         "File of SSH keys that may sign them, as OpenSSH's allowed signers.", kAnything},
        set<&Settings::platform_allowed_signers>},
    Row{{"platform.gpgKeys", SettingType::Path, "",
         "File of GPG keys that may sign them, as `gpg --armor --export` gives them.", kAnything},
        set<&Settings::platform_gpg_keys>},
    Row{{"solo", SettingType::Text, "",
         "One repository for one person: no tenants, no plans. Instead of platform.url.",
         kAnything},
        set<&Settings::solo>},
    Row{{"domain", SettingType::Text, "localhost", "Own hosts are TENANT-NAME.DOMAIN.", kAnything},
        set<&Settings::domain>},
    Row{{"edge.listen", SettingType::Text, "127.0.0.1:8080",
         "HOST:PORT where tenants' traffic is served; 0.0.0.0:80 for the world.", kAnything},
        set_address<&Settings::edge_listen>},
    Row{{"edge.trustedProxies", SettingType::List, "",
         "Addresses or networks whose X-Forwarded-* headers are believed.", kAnything},
        set<&Settings::edge_trusted_proxies>},
    Row{{"api.socket", SettingType::Path, "",
         "Unix socket of the API. Default: api.sock in the data directory.", kAnything},
        set<&Settings::api_socket>},
    Row{{"api.operators", SettingType::List, "",
         "Users (names or uids) who are the operator on the unix socket, besides root and the user "
         "Croft runs as.",
         kAnything},
        set<&Settings::api_operators>},
    Row{{"api.listen", SettingType::Text, "",
         "HOST:PORT where the API listens too, with tokens; loopback only. Default: nowhere.",
         kAnything},
        set_address<&Settings::api_listen>},
    Row{{"hooks.url", SettingType::Text, "",
         "What forges and CI call to tell of pushes: https://hooks.example.com. The edge answers "
         "at that host. Default: nowhere.",
         kAnything},
        set_web_url<&Settings::hooks_url>},
    Row{{"hooks.listen", SettingType::Text, "",
         "HOST:PORT where hooks are received too, for a proxy that ends TLS; loopback only. "
         "Default: nowhere.",
         kAnything},
        set_address<&Settings::hooks_listen>},
    Row{{"metrics.listen", SettingType::Text, "",
         "HOST:PORT where Prometheus finds /metrics, and others /healthz and /readyz; without TLS "
         "and passwords, so for a network that you trust. Default: nowhere.",
         kAnything},
        set_address<&Settings::metrics_listen>},
    Row{{"metrics.tenants", SettingType::Choice, "false",
         "Whether metrics of resources and sources have a label `tenant`: so many more series.",
         kSwitch},
        set<&Settings::metrics_tenants>},
    Row{{"secrets.dir", SettingType::Path, "",
         "Directory with a file for each secret that operator kinds name. Default: "
         "$CREDENTIALS_DIRECTORY, else "
         "secrets in the data directory.",
         kAnything},
        set<&Settings::secrets_dir>},
    Row{{"webhooks.networks", SettingType::List, "",
         "Private networks (10.1.0.0/16) that tenants' webhooks may be in; otherwise they reach "
         "public addresses only.",
         kAnything},
        set<&Settings::webhooks_networks>},
    Row{{"smtp.server", SettingType::Text, "",
         "HOST[:PORT] of the mail server that takes what webhooks send by mail. Default: none, no "
         "mail is sent.",
         kAnything},
        set<&Settings::smtp_server>},
    Row{{"smtp.encryption", SettingType::Choice, "starttls",
         "How the connection to the mail server is encrypted; its port is 587, 465 or 25 if none "
         "is "
         "given.",
         kEncryptions},
        set<&Settings::smtp_encryption>},
    Row{{"smtp.user", SettingType::Text, "", "Who signs in at the mail server.", kAnything},
        set<&Settings::smtp_user>},
    Row{{"smtp.password", SettingType::Text, "",
         "Name of the secret that smtp.user signs in with: a Secret of the platform repository, or "
         "a "
         "file in secrets.dir.",
         kAnything},
        set<&Settings::smtp_password>},
    Row{{"smtp.authorities", SettingType::Path, "",
         "PEM file of the certificate authorities that the mail server's certificate may come "
         "from. "
         "Default: the system's.",
         kAnything},
        set<&Settings::smtp_authorities>},
    Row{{"smtp.from", SettingType::Text, "", "Address that mail is sent from.", kAnything},
        set<&Settings::smtp_from>},
    Row{{"smtp.recipients", SettingType::List, "",
         "Addresses that tenants' webhooks may send mail to besides the contacts of their Tenant; "
         "*@example.com allows all of them.",
         kAnything},
        set<&Settings::smtp_recipients>},
    Row{{"smtp.perHour", SettingType::Text, "60",
         "Mails that the webhooks of one tenant may send in an hour; more wait.", kAnything},
        set<&Settings::smtp_per_hour>},
    Row{{"resync", SettingType::TimeSpan, "1m", "Drift is noticed within this time.", kAnything},
        set<&Settings::resync>},
    Row{{"retention", SettingType::TimeSpan, "30d",
         "How long data is kept after its resource is gone.", kAnything},
        set<&Settings::retention>},
    Row{{"events.keep", SettingType::Number, "50000",
         "How many events of the past are kept: the newest.", kAnything},
        set_event_count},
    Row{{"events.keepFor", SettingType::TimeSpan, "",
         "How long events are kept at most. Default: however old they are.", kAnything},
        set<&Settings::events_keep_for>},
    Row{{"traces.endpoint", SettingType::Text, "",
         "OpenTelemetry collector that traces of pushes go to, by OTLP over HTTP: "
         "http://127.0.0.1:4318. Default: none are made.",
         kAnything},
        set_web_url<&Settings::traces_endpoint>},
    Row{{"traces.headers", SettingType::Text, "",
         "Name of the file in secrets.dir with headers for the collector, a 'Name: value' a line.",
         kAnything},
        set<&Settings::traces_headers>},
    Row{{"traces.sample", SettingType::Number, "1",
         "Which share of the pushes is traced, from 0 to 1.", kAnything},
        set_sample},
    Row{{"log.level", SettingType::Choice, "info", "How much the log says.", kLogLevels},
        set<&Settings::log_level>},
    Row{{"log.format", SettingType::Choice, "text", "Log lines for people or for machines.",
         kLogFormats},
        set<&Settings::log_format>},
    Row{{"role", SettingType::Choice, "all",
         "all supervises the other roles as processes of their own; edge, control and hooks run "
         "one of them here.",
         kRoles},
        set<&Settings::role>},
};

constexpr auto kDescriptions = [] {
  std::array<SettingDescription, kRows.size()> all{};
  for (std::size_t i = 0; i < kRows.size(); ++i) all[i] = kRows[i].description;
  return all;
}();

/// "edge.trustedProxies" → "edge-trusted-proxies" (or with '_').
std::string separated_by(char separator, std::string_view name) {
  std::string out;
  for (const char letter : name) {
    if (std::isupper(static_cast<unsigned char>(letter)) != 0) out += separator;
    out += letter == '.' ? separator
                         : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return out;
}

const Row* find_row(std::string_view name) {
  const auto found =
      std::ranges::find(kRows, name, [](const Row& row) { return row.description.name; });
  return found == kRows.end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
  return std::ranges::any_of(kRows, [&](const Row& row) {
    return row.description.name.starts_with(name) &&
           row.description.name.substr(name.size()).starts_with('.');
  });
}

/// `where` is how people call the place that the value comes from: "--log-level",
/// "CROFT_LOG_LEVEL".
Result<void> apply(Settings& settings, const Row& row, std::string_view text,
                   const std::string& where) {
  const SettingDescription& description = row.description;
  if (!description.choices.empty() &&
      std::ranges::find(description.choices, text) == description.choices.end()) {
    return fail(ErrorCode::Invalid, fmt::format("{}: '{}' is none of {}", where, text,
                                                fmt::join(description.choices, ", ")));
  }
  Result<void> done = row.apply(settings, text);
  if (!done) return fail(done.error().code(), fmt::format("{}: {}", where, done.error().message()));
  return {};
}

/// Reads the settings file; texts are taken as written, their types come from the table.
class FileReader {
 public:
  FileReader(Settings& settings, std::string file) : settings_(settings), file_(std::move(file)) {}

  Result<void> read(std::string_view text) {
    tree_ = yaml::read(text);
    if (!tree_.problems.empty()) {
      const yaml::Problem& problem = tree_.problems.front();
      return fail(Error(ErrorCode::Invalid, problem.message)
                      .with_hint(problem.hint)
                      .at(position_of(problem.mark)));
    }
    if (tree_.documents.empty()) return {};
    if (tree_.documents.size() > 1) {
      return fail(Error(ErrorCode::Invalid, "a settings file is one document")
                      .at(position_of(tree_.documents[1].mark)));
    }
    return read_section(tree_.at(tree_.documents[0].root), "");
  }

 private:
  using Node = yaml::Node;

  Result<void> read_section(const Node& node, const std::string& prefix) {
    if (node.type == Node::Type::Null) return {};
    if (node.type != Node::Type::Map) return fail_at(node, "expected 'name: value' lines");
    const std::span<const yaml::NodeIndex> items = tree_.items(node);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const Node& key = tree_.at(items[i]);
      const std::string name = prefix + key.text;
      if (!seen_.insert(name).second) return fail_at(key, fmt::format("'{}' is set twice", name));
      TRY(read_entry(name, key, tree_.at(items[i + 1])));
    }
    return {};
  }

  Result<void> read_entry(const std::string& name, const Node& key, const Node& value) {
    const Row* row = find_row(name);
    if (row == nullptr && is_section(name)) return read_section(value, name + ".");
    if (row == nullptr) return unknown(name, key);
    std::string text;
    if (value.type == Node::Type::Scalar) {
      text = value.text;
    } else if (value.type == Node::Type::List && row->description.type == SettingType::List) {
      for (const yaml::NodeIndex index : tree_.items(value)) {
        const Node& element = tree_.at(index);
        if (element.type != Node::Type::Scalar)
          return fail_at(element, fmt::format("'{}' is a list of texts", name));
        text += (text.empty() ? "" : ",") + element.text;
      }
    } else {
      return fail_at(value, fmt::format("'{}' needs a {}", name, to_string(row->description.type)));
    }
    Result<void> done = apply(settings_, *row, text, name);
    if (!done) return fail_at(value, done.error().message());
    return {};
  }

  std::unexpected<Error> unknown(const std::string& name, const Node& key) const {
    std::vector<std::string> names;
    for (const Row& row : kRows) {
      const std::string_view known = row.description.name;
      names.emplace_back(known);
      names.emplace_back(known.substr(0, known.find('.')));
    }
    const auto meant = closest_word(name, names);
    return fail_at(key, meant
                            ? fmt::format("unknown setting '{}' (did you mean '{}'?)", name, *meant)
                            : fmt::format("unknown setting '{}'", name));
  }

  std::unexpected<Error> fail_at(const Node& node, std::string message) const {
    return fail(Error(ErrorCode::Invalid, std::move(message)).at(position_of(node.mark)));
  }

  SourcePosition position_of(const yaml::Mark& mark) const {
    return {file_, static_cast<int>(mark.line), static_cast<int>(mark.column)};
  }

  Settings& settings_;
  std::string file_;
  yaml::Tree tree_;
  std::set<std::string> seen_;
};

Result<void> read_settings_file(Settings& settings, const SettingSources& sources) {
  if (sources.file.empty()) return {};
  Result<std::string> text = read_file(sources.file, 1 << 20);
  if (!text && text.error().code() == ErrorCode::NotFound && !sources.file_required) return {};
  if (!text) return fail(std::move(text).error());
  return FileReader(settings, sources.file.string()).read(*text);
}

std::string text_of(const std::map<std::string, std::string>& texts, const std::string& name) {
  const auto found = texts.find(name);
  return found == texts.end() ? std::string() : found->second;
}

/// Defaults that depend on other settings or on the environment.
void derive_defaults(Settings& settings, const SettingSources& sources) {
  if (settings.data.empty())
    settings.data = default_data_directory(sources.environment, ::geteuid() == 0);
  if (settings.api_socket.empty()) settings.api_socket = settings.data / "api.sock";
  if (settings.secrets_dir.empty())
    settings.secrets_dir = text_of(sources.environment, "CREDENTIALS_DIRECTORY");
  if (settings.secrets_dir.empty()) settings.secrets_dir = settings.data / "secrets";
}

}  // namespace

std::string_view to_string(SettingType type) {
  switch (type) {
    case SettingType::Text:
      return "TEXT";
    case SettingType::Path:
      return "PATH";
    case SettingType::TimeSpan:
      return "DURATION";
    case SettingType::Number:
      return "NUMBER";
    case SettingType::Choice:
      return "CHOICE";
    case SettingType::List:
      return "LIST";
  }
  return "TEXT";
}

std::string SettingDescription::flag() const { return "--" + separated_by('-', name); }

std::string SettingDescription::environment() const {
  std::string text = "croft_" + separated_by('_', name);
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return text;
}

std::span<const SettingDescription> all_settings() { return kDescriptions; }

Result<Settings> load_settings(const SettingSources& sources) {
  Settings settings;
  for (const Row& row : kRows) {
    if (row.description.fallback.empty()) continue;
    TRY(row.apply(settings, row.description.fallback));
  }
  TRY(read_settings_file(settings, sources));
  for (const Row& row : kRows) {
    const auto found = sources.environment.find(row.description.environment());
    if (found == sources.environment.end() || found->second.empty()) continue;
    TRY(apply(settings, row, found->second, found->first));
  }
  for (const auto& [name, text] : sources.flags) {
    const Row* row = find_row(name);
    if (row == nullptr)
      return fail(ErrorCode::Internal, fmt::format("there is no setting '{}'", name));
    TRY(apply(settings, *row, text, row->description.flag()));
  }
  derive_defaults(settings, sources);
  return settings;
}

Result<void> require_source(const Settings& settings) {
  if (!settings.platform_url.empty() && !settings.solo.empty()) {
    return fail(
        Error(ErrorCode::Invalid, "both platform.url and solo are set")
            .with_hint(
                "keep one: platform.url for many tenants, solo for one person's repository"));
  }
  if (settings.platform_url.empty() && settings.solo.empty()) {
    return fail(Error(ErrorCode::Invalid, "no repository to serve")
                    .with_hint(fmt::format(
                        "give --platform-url REPO or --solo REPO, or set platform.url in {}",
                        kSettingsFile)));
  }
  if (settings.platform_receiver.empty() != settings.platform_receiver_secret.empty()) {
    return fail(
        Error(ErrorCode::Invalid, "platform.receiver and platform.receiverSecret go together")
            .with_hint("set both, or neither"));
  }
  const bool has_keys =
      !settings.platform_allowed_signers.empty() || !settings.platform_gpg_keys.empty();
  if (has_keys == settings.platform_verify.empty()) {
    return fail(Error(ErrorCode::Invalid,
                      "platform.verify goes together with platform.allowedSigners or "
                      "platform.gpgKeys")
                    .with_hint("say who may sign, and platform.verify: head (or every)"));
  }
  return {};
}

fs::path default_data_directory(const std::map<std::string, std::string>& environment,
                                bool is_root) {
  if (is_root) return "/var/lib/croft";
  if (const std::string base = text_of(environment, "XDG_DATA_HOME"); !base.empty())
    return fs::path(base) / "croft";
  const std::string home = text_of(environment, "HOME");
  return fs::path(home.empty() ? "/" : home) / ".local/share/croft";
}

bool receives_hooks(const Settings& settings) {
  return !settings.hooks_url.empty() || !settings.hooks_listen.empty();
}

std::string url_suffix(const Settings& settings) {
  const std::size_t colon = settings.edge_listen.rfind(':');
  if (colon == std::string::npos) return {};
  const std::string port = settings.edge_listen.substr(colon + 1);
  return port == "80" ? std::string() : ":" + port;
}

}  // namespace croft
