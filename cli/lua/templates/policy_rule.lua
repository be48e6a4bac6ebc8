-- A policy for Croft: what tenants may declare, beyond quotas. What there is to know: docs/plans.md.
local MOST_MEMORY = 512 * 1024 * 1024  -- specs are in their checked form: bytes, milliseconds, thousandths of a core

local function judge_instance(instance, tenant)
  local memory = instance.spec.resources and instance.spec.resources.memory
  if tenant.plan == "hobby" and memory and memory > MOST_MEMORY then
    return {deny = "apps of plan hobby have at most 512 MiB"}
  end
  if not instance.spec.health then return {warn = "it has no health check"} end
end

return {
  api = 1,
  admit = function(resource, tenant)
    if resource.kind == "Instance" then return judge_instance(resource, tenant) end
  end,
}
