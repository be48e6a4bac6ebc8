#pragma once

#include <vector>

#include "cli/command/command.hpp"

namespace croft::cli {

// Each group adds its commands to the tree; one file a group, named after it.

void add_serving(std::vector<Command>& commands);      ///< serve
void add_doctor(std::vector<Command>& commands);       ///< doctor
void add_storing(std::vector<Command>& commands);      ///< store status, migrate, backup, ...
void add_checking(std::vector<Command>& commands);     ///< validate, diff
void add_pricing(std::vector<Command>& commands);      ///< price
void add_reconciling(std::vector<Command>& commands);  ///< reconcile
void add_looking(std::vector<Command>& commands);      ///< get, describe
void add_following(std::vector<Command>& commands);    ///< events, logs
void add_topping(std::vector<Command>& commands);      ///< top
void add_running(std::vector<Command>& commands);      ///< exec, shell
void add_volumes(std::vector<Command>& commands);      ///< volume ls, export, import, rm
void add_hooking(std::vector<Command>& commands);      ///< hooks
void add_power(std::vector<Command>& commands);        ///< start, stop, restart, suspend, resume
void add_pruning(std::vector<Command>& commands);      ///< prune show, prune ack
void add_importing(std::vector<Command>& commands);    ///< import compose
void add_webhooks(std::vector<Command>& commands);     ///< webhook ls, test, deliveries, ...
void add_tokens(std::vector<Command>& commands);       ///< token create, ls, revoke
void add_secrets(
    std::vector<Command>& commands);  ///< seal, secret key, keys, rotate, retire, reseal
void add_describing(std::vector<Command>& commands);  ///< schema, explain
void add_scripting(std::vector<Command>& commands);   ///< lua new, test, check
void add_about(std::vector<Command>& commands);       ///< version, completion, help

}  // namespace croft::cli
