#pragma once
// Every metric there is; docs/metrics.md is written from this list. To add one: a constant here,
// its place in `kFamilies`, and the line that counts it.
//
// Names follow Prometheus' conventions: base units, `_total` for counters. No label takes values
// that a stranger or a tenant chooses, but for `tenant`, which is left out unless the setting
// `metrics.tenants` is on.

#include <array>

#include "core/base/metrics.hpp"

namespace croft::metrics {

/// Within the machine: a disk write, an answer from memory.
inline constexpr std::array kQuick{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                   0.1,    0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
/// What waits for others: a fetch, a provider, a pass.
inline constexpr std::array kPatient{0.005, 0.01, 0.025, 0.05, 0.1,  0.25,  0.5,  1.0,
                                     2.5,   5.0,  10.0,  30.0, 60.0, 120.0, 300.0};
/// A script's turn.
inline constexpr std::array kScript{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001,
                                    0.0025,  0.005,    0.01,    0.025,  0.05,    0.1};

// Every role.

inline constexpr Family kBuildInfo{"croft_build_info",
                                   Type::Gauge,
                                   Role::Every,
                                   "Always 1; the labels say which program runs.",
                                   {"version", "commit"}};
inline constexpr Family kProcessCpu{"process_cpu_seconds_total", Type::Counter, Role::Every,
                                    "Processor time used, by user and kernel."};
inline constexpr Family kProcessMemory{"process_resident_memory_bytes", Type::Gauge, Role::Every,
                                       "Memory that is resident."};
inline constexpr Family kProcessVirtual{"process_virtual_memory_bytes", Type::Gauge, Role::Every,
                                        "Address space that is mapped."};
inline constexpr Family kProcessFds{"process_open_fds", Type::Gauge, Role::Every,
                                    "Descriptors that are open."};
inline constexpr Family kProcessMaxFds{"process_max_fds", Type::Gauge, Role::Every,
                                       "Descriptors that may be open."};
inline constexpr Family kProcessStart{"process_start_time_seconds", Type::Gauge, Role::Every,
                                      "When the process began, in seconds since 1970."};

// Control: itself.

inline constexpr Family kRoleUp{"croft_role_up",
                                Type::Gauge,
                                Role::Control,
                                "Whether the role's process answered this scrape.",
                                {"role"}};
inline constexpr Family kReady{"croft_ready", Type::Gauge, Role::Control,
                               "Whether /readyz would say 200."};

// Control: reconciling.

inline constexpr Family kReconciles{
    "croft_reconciles_total",
    Type::Counter,
    Role::Control,
    "Passes that ended: over a source (fetch and load) or a tenant. Outcomes: done, retry (it is "
    "tried again by itself), terminal (it waits for a new revision).",
    {"queue", "outcome"}};
inline constexpr Family kReconcileSeconds{"croft_reconcile_duration_seconds",
                                          Type::Histogram,
                                          Role::Control,
                                          "How long passes took.",
                                          {"queue"},
                                          kPatient};
inline constexpr Family kQueueWaitSeconds{"croft_queue_wait_seconds",
                                          Type::Histogram,
                                          Role::Control,
                                          "How long keys waited from being wanted to their pass.",
                                          {"queue"},
                                          kPatient};
inline constexpr Family kQueueDepth{
    "croft_queue_depth", Type::Gauge, Role::Control, "Keys that wait for a pass.", {"queue"}};
inline constexpr Family kQueueOldest{
    "croft_queue_oldest_seconds",
    Type::Gauge,
    Role::Control,
    "How long the key has waited that waits longest; 0 if none does.",
    {"queue"}};
inline constexpr Family kQueueRunning{
    "croft_queue_running", Type::Gauge, Role::Control, "Passes under way.", {"queue"}};
inline constexpr Family kNotifications{
    "croft_notifications_total",
    Type::Counter,
    Role::Control,
    "Facts that became known, by event type (docs/webhooks.md): croft.resource.drifted is drift "
    "found, croft.resource.repaired drift repaired.",
    {"type"}};
inline constexpr Family kGitFetches{"croft_git_fetches_total",
                                    Type::Counter,
                                    Role::Control,
                                    "Fetches of sources, by outcome: ok, failed.",
                                    {"outcome"}};
inline constexpr Family kGitFetchSeconds{"croft_git_fetch_duration_seconds",
                                         Type::Histogram,
                                         Role::Control,
                                         "How long fetches took.",
                                         {},
                                         kPatient};

// Control: what there is.

inline constexpr Family kTenants{"croft_tenants", Type::Gauge, Role::Control,
                                 "Tenants that are declared."};
inline constexpr Family kResources{"croft_resources",
                                   Type::Gauge,
                                   Role::Control,
                                   "Resources, by kind and phase.",
                                   {"tenant", "kind", "phase"}};
inline constexpr Family kNotReady{"croft_resources_not_ready",
                                  Type::Gauge,
                                  Role::Control,
                                  "Resources whose condition Ready is not True.",
                                  {"tenant", "kind"}};
inline constexpr Family kSources{
    "croft_sources", Type::Gauge, Role::Control, "Sources that are watched.", {"tenant"}};
inline constexpr Family kStalled{
    "croft_sources_stalled",
    Type::Gauge,
    Role::Control,
    "Sources whose newest revision was not applied, because something is wrong with it.",
    {"tenant"}};
inline constexpr Family kGuarded{
    "croft_changesets_guarded",
    Type::Gauge,
    Role::Control,
    "Changesets that would lose something and wait for a person (`croft prune ls`).",
    {"tenant"}};

// Control: whom it talks to.

inline constexpr Family kProviderCalls{
    "croft_provider_calls_total",
    Type::Counter,
    Role::Control,
    "Calls of providers that ended. The outcome is ok, or the error's code.",
    {"provider", "adapter", "call", "outcome"}};
inline constexpr Family kProviderSeconds{
    "croft_provider_call_duration_seconds", Type::Histogram,     Role::Control,
    "How long calls of providers took.",    {"adapter", "call"}, kPatient};
inline constexpr Family kWebhookAttempts{
    "croft_webhook_attempts_total",
    Type::Counter,
    Role::Control,
    "Attempts to deliver to a Webhook's endpoint, by outcome: delivered, retry, given_up.",
    {"outcome"}};
inline constexpr Family kWebhookSeconds{"croft_webhook_attempt_duration_seconds",
                                        Type::Histogram,
                                        Role::Control,
                                        "How long such attempts took.",
                                        {},
                                        kPatient};
inline constexpr Family kWebhookWaiting{
    "croft_webhook_waiting", Type::Gauge, Role::Control,
    "Deliveries taken from the outbox that have not ended, over all Webhooks."};
inline constexpr Family kWebhooks{"croft_webhooks",
                                  Type::Gauge,
                                  Role::Control,
                                  "Webhooks, by how they fare: ok, failing, disabled.",
                                  {"state"}};
inline constexpr Family kForgeCalls{
    "croft_forge_calls_total",
    Type::Counter,
    Role::Control,
    "Calls of forges: read, or write. Outcomes: done, later (busy, or a limit), refused, unknown "
    "(the answer was lost).",
    {"call", "outcome"}};
inline constexpr Family kCommitStatuses{"croft_commit_statuses_total",
                                        Type::Counter,
                                        Role::Control,
                                        "Commit statuses that forges took, by state.",
                                        {"state"}};
inline constexpr Family kProviderUsable{
    "croft_provider_usable",
    Type::Gauge,
    Role::Control,
    "1 if the provider is made as declared and its last observation worked, else 0.",
    {"provider", "adapter"}};
inline constexpr Family kStoreCommitSeconds{"croft_store_commit_duration_seconds",
                                            Type::Histogram,
                                            Role::Control,
                                            "From a transaction's submission until it is durable.",
                                            {},
                                            kQuick};
inline constexpr Family kStoreReadSeconds{"croft_store_read_duration_seconds",
                                          Type::Histogram,
                                          Role::Control,
                                          "From a question to the store until its answer.",
                                          {},
                                          kQuick};
inline constexpr Family kStoreCalls{"croft_store_calls_total",
                                    Type::Counter,
                                    Role::Control,
                                    "Calls of the store, by outcome: ok, or the error's code.",
                                    {"call", "outcome"}};
inline constexpr Family kLuaSeconds{
    "croft_lua_turn_duration_seconds",
    Type::Histogram,
    Role::Control,
    "How long scripts ran at a stretch, by what they are (rule; adapter: from one wait to the "
    "next) and the function of theirs that was called.",
    {"script", "call"},
    kScript};

// Hooks.

inline constexpr Family kHookDeliveries{
    "croft_hook_deliveries_total",
    Type::Counter,
    Role::Hooks,
    "Deliveries of forges, by type of hook and outcome: accepted, ignored (nothing follows that), "
    "repeated, ping, unproven, malformed, no_secret.",
    {"type", "outcome"}};
inline constexpr Family kHookUnknown{"croft_hook_unknown_total", Type::Counter, Role::Hooks,
                                     "Requests to what is no hook."};

// Edge.

inline constexpr Family kEdgeRequests{
    "croft_edge_requests_total",
    Type::Counter,
    Role::Edge,
    "Requests answered, by what answers at their host (site, instance, stack, hooks; none: there "
    "is "
    "no such host) and class of the status (none: the client went away before).",
    {"class", "code"}};
inline constexpr Family kEdgeSeconds{
    "croft_edge_request_duration_seconds",
    Type::Histogram,
    Role::Edge,
    "From a request's whole head to the answer's last byte. Tunnels do not count.",
    {"class"},
    kQuick};
inline constexpr Family kEdgeConnections{"croft_edge_connections_total", Type::Counter, Role::Edge,
                                         "Connections taken."};
inline constexpr Family kEdgeOpen{"croft_edge_open_connections", Type::Gauge, Role::Edge,
                                  "Connections that are open."};
inline constexpr Family kEdgeBytes{"croft_edge_sent_bytes_total", Type::Counter, Role::Edge,
                                   "Bytes of answers sent, heads included."};
inline constexpr Family kEdgeUpstream{"croft_edge_upstream_failures_total", Type::Counter,
                                      Role::Edge,
                                      "Requests that what runs did not answer as HTTP wants it."};
inline constexpr Family kEdgeGeneration{"croft_edge_routes_generation", Type::Gauge, Role::Edge,
                                        "Number of the route snapshot that is served."};

inline constexpr std::array kFamilies{
    &kBuildInfo,
    &kProcessCpu,
    &kProcessMemory,
    &kProcessVirtual,
    &kProcessFds,
    &kProcessMaxFds,
    &kProcessStart,
    &kRoleUp,
    &kReady,
    &kReconciles,
    &kReconcileSeconds,
    &kQueueWaitSeconds,
    &kQueueDepth,
    &kQueueOldest,
    &kQueueRunning,
    &kNotifications,
    &kGitFetches,
    &kGitFetchSeconds,
    &kTenants,
    &kResources,
    &kNotReady,
    &kSources,
    &kStalled,
    &kGuarded,
    &kProviderCalls,
    &kProviderSeconds,
    &kWebhookAttempts,
    &kWebhookSeconds,
    &kWebhookWaiting,
    &kWebhooks,
    &kForgeCalls,
    &kStoreCommitSeconds,
    &kCommitStatuses,
    &kProviderUsable,
    &kStoreCalls,
    &kLuaSeconds,
    &kStoreReadSeconds,
    &kHookDeliveries,
    &kHookUnknown,
    &kEdgeRequests,
    &kEdgeSeconds,
    &kEdgeConnections,
    &kEdgeOpen,
    &kEdgeBytes,
    &kEdgeUpstream,
    &kEdgeGeneration,
};

/// The one of that name, or null.
const Family* find_family(std::string_view name);

}  // namespace croft::metrics
