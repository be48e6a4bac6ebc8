#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/client/client.hpp"
#include "cli/doctor/finding.hpp"
#include "core/base/settings.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/webhook_forms.hpp"

namespace croft::cli {

/// What a running daemon says of itself, as far as it answers.
struct DaemonFacts {
  std::string where;                     ///< of its API
  std::optional<ServerVersion> version;  ///< none: it does not answer
  std::string error;                     ///< why it does not, or what it would not tell
  std::vector<SourceStatus> sources;
  std::vector<ProviderStatus> providers;
  std::vector<WebhookSummary> webhooks;
};

/// Asks it. Blocks.
DaemonFacts ask_daemon(const Client& client);

/// `own_version` is this program's.
void judge_daemon(const DaemonFacts& facts, const std::string& own_version,
                  std::vector<Finding>& findings);

/// Whether the roles of the settings listen. Connects to each; `is_running` says whether they
/// should. Blocks.
void check_listeners(const Settings& settings, bool is_running, std::vector<Finding>& findings);

/// Whether the server that mails go to takes connections, if there is one. Connects. Blocks.
void check_mail(const Settings& settings, std::vector<Finding>& findings);

}  // namespace croft::cli
