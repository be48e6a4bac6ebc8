#pragma once
// Room providers/process: apps as local processes, each in a sandbox of its own, with nothing but
// Croft and the kernel.
//
// - process_provider: the Provider: orders effects, sees, tells; clear ends everything
// - settings, layout: what the operator decides; where things are on disk
// - record, slots: what was asked for of an app; small numbers that apps hold
// - machine, cgroup: what this machine can enforce; limits
// - sandbox: from a record to what the shim runs: pure, and the heart of the isolation
// - network, firewall: cables to the outside and where they may lead
// - launcher: the steps that make and unmake an app
// - shim/: croft-shim, the supervisor of one app, which outlives Croft; shim_client talks to it
// - logs, storage: what apps say; how much they keep
//
// docs/security-process.md says what this promises.

#include <memory>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "providers/port/provider.hpp"
#include "providers/process/settings.hpp"

namespace croft {

/// Makes the provider and finds again the apps that run. Blocks for some 50 ms, to see what the
/// machine can do. The pool and the clock must outlive it, and the executor's context must not run
/// after it is gone unless it still is running. Apps go on when it is destroyed. NotFound if
/// croft-shim is nowhere, Invalid for settings that cannot be.
Result<std::unique_ptr<Provider>> make_process_provider(ProcessSettings settings,
                                                        asio::any_io_executor executor,
                                                        BlockingPool& pool, Clock& clock);

}  // namespace croft
