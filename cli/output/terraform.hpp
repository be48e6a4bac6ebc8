#pragma once

#include "core/base/value.hpp"
#include "reconciler/changeset.hpp"

namespace croft::cli {

/// A changeset in the shape of Terraform's plan JSON, so that policy and review tools that read
/// plans read it too (https://developer.hashicorp.com/terraform/internals/json-format). start and
/// stop are `update`, keep is `no-op`, adopt is `no-op` with `importing`, replace is ["delete",
/// "create"]; our own words are under `croft`.
Value to_terraform_plan(const Changeset& changeset);

}  // namespace croft::cli
