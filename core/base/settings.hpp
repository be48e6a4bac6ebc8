#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/log.hpp"
#include "core/base/result.hpp"
#include "core/base/units.hpp"

namespace croft {

/// What the operator sets for `croft serve`. Comes from a file, the environment and flags; a later
/// one wins. Every setting is one row of the table in settings.cpp, which gives its name, type,
/// default and help.
struct Settings {
  std::filesystem::path data;
  std::string
      store_url;  ///< of PostgreSQL; empty: the embedded store in `data`. May hold a password
  std::string platform_url;
  std::string platform_ref;
  std::string platform_path;
  Duration platform_interval{};
  std::string platform_receiver;         ///< who calls its hook: "github", ...; or empty
  std::string platform_receiver_secret;  ///< its name: as in credentials of a Source
  std::string platform_verify;           ///< "head", "every", or empty: commits need no signature
  std::filesystem::path platform_allowed_signers;  ///< file of SSH keys, or empty
  std::filesystem::path platform_gpg_keys;         ///< file of armoured GPG keys, or empty
  std::string solo;
  std::string domain;
  std::string edge_listen;                        ///< "HOST:PORT"
  std::vector<std::string> edge_trusted_proxies;  ///< addresses or networks: "10.0.0.0/8"
  std::filesystem::path api_socket;               ///< never empty once loaded
  std::vector<std::string> api_operators;         ///< user names or uids
  std::string api_listen;                         ///< "HOST:PORT", or empty: no TCP
  std::string hooks_url;                          ///< what forges call, or empty
  std::string hooks_listen;                       ///< "HOST:PORT", or empty: no TCP
  std::string metrics_listen;                     ///< "HOST:PORT", or empty: nowhere
  bool metrics_tenants = false;                   ///< whether metrics say which tenant
  std::filesystem::path secrets_dir;              ///< never empty once loaded
  std::vector<std::string> webhooks_networks;     ///< that endpoints of anybody may be in
  std::string smtp_server;                        ///< "HOST[:PORT]", or empty: no mail is sent
  std::string smtp_encryption;                    ///< "starttls", "tls" or "none"
  std::string smtp_user;                          ///< or empty: nobody signs in
  std::string smtp_password;                      ///< name of its secret
  std::filesystem::path smtp_authorities;         ///< PEM file to trust instead of the system's
  std::string smtp_from;                          ///< address of the sender
  std::vector<std::string> smtp_recipients;       ///< patterns that every tenant may write to
  std::int64_t smtp_per_hour = 0;                 ///< mails of each tenant's
  Duration resync{};
  Duration retention{};
  std::int64_t events_keep = 0;  ///< the newest so many
  Duration events_keep_for{0};   ///< 0: however old
  std::string traces_endpoint;   ///< "https://HOST[:PORT]", or empty: none
  std::string traces_headers;    ///< name of a file in secrets_dir, or empty
  double traces_sample = 1;      ///< which share of pushes, 0 to 1
  LogLevel log_level = LogLevel::Info;
  LogFormat log_format = LogFormat::Text;
  std::string role;  ///< "all", "edge", "control" or "hooks"
};

enum class SettingType { Text, Path, TimeSpan, Number, Choice, List };
/// The word for it in help texts: "DURATION".
std::string_view to_string(SettingType type);

/// One row of the table, as help texts, completions and the man page need it.
struct SettingDescription {
  std::string_view name;  ///< "platform.url": its place in the file
  SettingType type;
  std::string_view fallback;  ///< the default as text; may be empty
  std::string_view help;
  std::span<const std::string_view> choices;

  std::string flag() const;         ///< "--platform-url"
  std::string environment() const;  ///< "CROFT_PLATFORM_URL"
};

/// All settings, in the order in which help texts list them.
std::span<const SettingDescription> all_settings();

struct SettingSources {
  /// Read if it is there; empty: no file. If `file_required`, its absence is an error.
  std::filesystem::path file;
  bool file_required = false;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string>
      flags;  ///< by setting name: {"platform.url", "..."}; lists separated by commas
};

/// Where the file is looked for if nobody says: /etc/croft/croft.yaml.
inline constexpr std::string_view kSettingsFile = "/etc/croft/croft.yaml";

/// Puts the sources together. Errors name the file position, variable or flag. Knows nothing of
/// what must be set together: that is require_source().
Result<Settings> load_settings(const SettingSources& sources);

/// Exactly one of `platform.url` and `solo` must be set for serving.
Result<void> require_source(const Settings& settings);

/// Where data lives if nobody says: /var/lib/croft for root, else croft under XDG_DATA_HOME or
/// ~/.local/share.
std::filesystem::path default_data_directory(const std::map<std::string, std::string>& environment,
                                             bool is_root);

/// Whether hooks are to be received: `hooks.url` or `hooks.listen` is set.
bool receives_hooks(const Settings& settings);

/// ":8080", or empty for port 80: what follows the host in the URLs shown to people.
std::string url_suffix(const Settings& settings);

}  // namespace croft
