#include "cli/doctor/services.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>

#include "cli/serve/mail_settings.hpp"

namespace croft::cli {

namespace {

namespace asio = boost::asio;

/// The first of the lines: diagnostics are long, and `croft get` shows them whole.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void judge_source(const SourceStatus& source, Findings& findings) {
  const Condition* ready = find_condition(source.conditions, "Ready");
  const Condition* stalled = find_condition(source.conditions, "Stalled");
  const Condition* wrong = stalled != nullptr ? stalled : ready;
  const bool is_ready = ready != nullptr && ready->status == ConditionStatus::True;
  if (is_ready && stalled == nullptr) {
    findings.ok(fmt::format("source {} at {}", source.key, source.url));
  } else if (wrong == nullptr) {
    findings.warn(fmt::format("source {} was not fetched yet", source.key), "wait, and ask again");
  } else if (wrong->reason == "FetchFailed" || wrong->reason == "SourceMissing") {
    findings.fail(
        fmt::format("source {} cannot be fetched: {}", source.key, first_line(wrong->message)),
        fmt::format("see its URL ({}) and its credentials", source.url));
  } else {
    findings.warn(
        fmt::format("source {}: {}: {}", source.key, wrong->reason, first_line(wrong->message)),
        "mend the commit and push; `croft get` shows all of it");
  }
}

void judge_provider(const ProviderStatus& provider, Findings& findings) {
  const std::string name = fmt::format("provider {} ({})", provider.name, provider.adapter);
  if (!provider.is_ready) {
    findings.fail(fmt::format("{}: {}", name, first_line(provider.message)),
                  "see its settings, its credentials, and whether it can be reached");
  } else if (!provider.message.empty()) {
    findings.warn(fmt::format("{}: {}", name, first_line(provider.message)),
                  "mend its declaration; what runs runs on");
  } else {
    findings.ok(name);
  }
}

void judge_webhook(const WebhookSummary& webhook, Findings& findings) {
  const std::string name = to_string(webhook.ref);
  if (webhook.disabled_at) {
    findings.warn(fmt::format("webhook {} is disabled: {}", name, webhook.ready.message),
                  fmt::format("mend its endpoint, then: croft webhook test {}", name));
  } else if (webhook.ready.status == ConditionStatus::False) {
    findings.warn(fmt::format("webhook {}: {}; {} deliveries wait", name, webhook.ready.message,
                              webhook.waiting),
                  fmt::format("croft webhook deliveries {} shows what it answers", name));
  }
}

bool is_open(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  asio::io_context io;
  boost::system::error_code error;
  const auto found = asio::ip::tcp::resolver(io).resolve(host, address.substr(colon + 1), error);
  asio::ip::tcp::socket socket(io);
  if (!error) asio::connect(socket, found, error);
  return !error;
}

bool is_open_unix(const std::string& path) {
  asio::io_context io;
  boost::system::error_code error;
  asio::local::stream_protocol::socket socket(io);
  // A path that is too long for a socket throws where it is made.
  if (path.size() >= 108) return false;
  socket.connect(asio::local::stream_protocol::endpoint(path), error);
  return !error;
}

void judge_listener(const std::string& role, const std::string& address, bool is_listening,
                    bool is_running, Findings& findings) {
  if (is_listening) {
    findings.ok(fmt::format("{} listens at {}", role, address));
  } else if (is_running) {
    findings.fail(fmt::format("nothing listens at {}, where {} should", address, role),
                  "see the log: the supervisor starts a role again that has ended, and says why");
  } else {
    findings.warn(fmt::format("{} does not listen at {}", role, address), "start `croft serve`");
  }
}

template <typename Item>
void ask_for(const Client& client, std::string_view name, Result<Item> (*read)(const Value&),
             std::vector<Item>& into, std::string& error) {
  const Result<Value> answer = client.get(fmt::format("/v1/{}", name));
  Result<std::vector<Item>> items =
      answer ? list_from_form<Item>(*answer, name, read)
             : Result<std::vector<Item>>(std::unexpected(answer.error()));
  if (items) into = std::move(*items);
  if (!items && error.empty()) error = items.error().describe();
}

}  // namespace

DaemonFacts ask_daemon(const Client& client) {
  DaemonFacts facts;
  facts.where = client.where();
  const Result<Value> answer = client.get("/v1/version");
  const Result<ServerVersion> version =
      answer ? version_from_form(*answer) : Result<ServerVersion>(std::unexpected(answer.error()));
  if (!version) {
    facts.error = version.error().describe();
    return facts;
  }
  facts.version = *version;
  ask_for(client, "sources", source_from_form, facts.sources, facts.error);
  ask_for(client, "providers", provider_from_form, facts.providers, facts.error);
  ask_for(client, "webhooks", webhook_from_form, facts.webhooks, facts.error);
  return facts;
}

void judge_daemon(const DaemonFacts& facts, const std::string& own_version,
                  std::vector<Finding>& all) {
  Findings findings(all, "daemon");
  if (!facts.version) {
    findings.warn(
        fmt::format("no daemon answers: {}", first_line(facts.error)),
        "start `croft serve`; what it would say of sources and providers is not looked at");
    return;
  }
  if (facts.version->version != own_version) {
    findings.warn(fmt::format("version {} answers at {}, this is {}", facts.version->version,
                              facts.where, own_version),
                  "restart `croft serve` after an upgrade");
  } else {
    findings.ok(fmt::format("version {} answers at {}", own_version, facts.where));
  }
  if (!facts.error.empty())
    findings.warn(first_line(facts.error), "ask as the operator: by the socket, as Croft's user");
  Findings sources(all, "sources");
  for (const SourceStatus& source : facts.sources) judge_source(source, sources);
  Findings providers(all, "providers");
  for (const ProviderStatus& provider : facts.providers) judge_provider(provider, providers);
  Findings webhooks(all, "webhooks");
  for (const WebhookSummary& webhook : facts.webhooks) judge_webhook(webhook, webhooks);
}

void check_listeners(const Settings& settings, bool is_running, std::vector<Finding>& all) {
  Findings findings(all, "roles");
  judge_listener("edge", settings.edge_listen, is_open(settings.edge_listen), is_running, findings);
  if (!settings.api_listen.empty())
    judge_listener("the API", settings.api_listen, is_open(settings.api_listen), is_running,
                   findings);
  if (!settings.metrics_listen.empty())
    judge_listener("metrics", settings.metrics_listen, is_open(settings.metrics_listen), is_running,
                   findings);
  if (!receives_hooks(settings)) return;
  const std::string socket = (settings.data / "run" / "hooks.sock").string();
  judge_listener("hooks", socket, is_open_unix(socket), is_running, findings);
  if (!settings.hooks_listen.empty())
    judge_listener("hooks", settings.hooks_listen, is_open(settings.hooks_listen), is_running,
                   findings);
}

void check_mail(const Settings& settings, std::vector<Finding>& all) {
  if (settings.smtp_server.empty()) return;
  Findings findings(all, "mail");
  const Result<notify::MailSettings> mail = mail_settings(settings);
  if (!mail) {
    findings.fail(mail.error().message(), mail.error().hint());
    return;
  }
  const std::string address = fmt::format("{}:{}", mail->server.host, mail->server.port);
  if (is_open(address)) {
    findings.ok(fmt::format("{} takes connections", address));
  } else {
    findings.fail(fmt::format("nothing takes connections at {}, where mail should go", address),
                  "see smtp.server, and whether the network lets Croft out to that port");
  }
}

}  // namespace croft::cli
