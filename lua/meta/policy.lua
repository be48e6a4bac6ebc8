---@meta
-- What policy.lua gets and returns. For editors and for docs/plans.md; a test compares it with what is really there.

---A resource that is new or changed.
---@class croft.PolicyResource
---@field ref string "Instance/api"
---@field kind "Instance"|"Site"|"Service"|"Volume"|"Network"
---@field name string
---@field provider string that it is to run on; empty if none was found
---@field spec table as declared, in its checked form: defaults filled in, sizes in bytes, durations in milliseconds, cpu in thousandths, secrets as references

---@class croft.PolicyTenant
---@field name string
---@field plan string

---One of the two, or nothing at all to allow.
---@class croft.Verdict
---@field warn? string why; shown in `croft diff`
---@field deny? string why; the push is refused

---@class croft.Policy
---@field api 1 the version of all this that the policy was written for
---@field admit fun(resource: croft.PolicyResource, tenant: croft.PolicyTenant): croft.Verdict?
