---@meta
-- What an adapter is made of. Annotations for LuaLS (https://luals.github.io): nothing here is run.

---What went wrong, as the second value beside nil. `fail()` builds one.
---@class croft.Error
---@field code "NotFound"|"Invalid"|"Denied"|"Conflict"|"Unavailable"|"Timeout"|"Cancelled"|"Internal"
---@field message string for people: what was done, to what, what happened
---@field retryable boolean whether the same call may succeed later
---@field field? string "spec.volumes": what normalize refuses
---@field hint? string what to try
---@field status? integer of an HTTP answer of 400 and above
---@field body? string of such an answer
---@field json? fun(): any, croft.Error? the body of such an answer as a document

---@class croft.Context
---@field provider string name of the Provider resource
---@field settings table<string, any> checked against `settings` of the adapter, defaults filled in
---@field generation integer rises each time the script is loaded

---@class croft.Resource
---@field ref string "alice/Instance/web"
---@field kind string "Instance"
---@field name string "web"
---@field spec table sizes in bytes, durations in ms, cpu in thousandths of a core

---@class croft.File
---@field path string
---@field size? integer
---@field executable? boolean
---@field content? string
---@field link? string

---One ordered side effect: done at most once per intent, and nothing of it after the deadline.
---@class croft.Effect
---@field intent string idempotency key; to be found again on what was made (label croft.intent)
---@field uid string of the resource, never given twice: a good name for what is made
---@field ref string "alice/Instance/web"
---@field tenant {uid: string, name: string}
---@field kind string
---@field name string
---@field spec? table what normalize returned; create and update only
---@field spec_digest? string
---@field labels table<string, string> croft.uid, croft.ref, croft.intent, croft.spec
---@field files? croft.File[] if capabilities say `files = true`
---@field allow_egress boolean
---@field deadline_ms integer from the call on
---@field erase_data? boolean destroy only

---@class croft.Observed
---@field uid string
---@field ref string
---@field phase "Created"|"Starting"|"Running"|"Asleep"|"Stopping"|"Stopped"|"Completed"|"Failed"|"Destroyed"
---@field intent? string
---@field spec_digest? string
---@field fields? table what it really runs with, shaped as the normalised spec
---@field endpoint? string "https://HOST[:PORT]"
---@field reason? string CamelCase, for machines: "CrashLoop"
---@field message? string for people
---@field health? "Passing"|"Failing"|"Unknown"
---@field started_at? integer ms since 1970
---@field restarts? integer

---@class croft.Capabilities
---@field workloads? boolean
---@field volumes? boolean
---@field logs? boolean
---@field files? boolean
---@field in_place? string[]
---@field missing? {what: string, why: string}[] promises that it cannot keep

---@class croft.Setting
---@field type? "text"|"integer"|"boolean"|"duration"|"bytes"
---@field required? boolean
---@field default? any
---@field choices? string[]
---@field help? string

---@class croft.LogRequest
---@field uid string
---@field last_lines integer
---@field follow boolean

---What another file of the same folder returns: `require "machines"` of machines.lua. Only at the top of a file; each
---file runs once a call, and sees the same globals. Files may not need each other in a circle.
---@param name string
---@return any
function require(name) end

---The table that adapter.lua returns.
---@class croft.Adapter
---@field api 1
---@field title? string
---@field settings? table<string, croft.Setting>
---@field server? {url?: string, auth?: "bearer"|"none"|{header: string}|{basic_user: string}}
---@field rate? {perSecond?: integer, perHour?: integer, concurrency?: integer}
---@field capabilities fun(context: croft.Context): croft.Capabilities
---@field normalize fun(context: croft.Context, resource: croft.Resource): table?, croft.Error?
---@field observe fun(context: croft.Context): croft.Observed[]?, croft.Error?
---@field create fun(context: croft.Context, effect: croft.Effect): any, croft.Error?
---@field update fun(context: croft.Context, effect: croft.Effect): any, croft.Error?
---@field start fun(context: croft.Context, effect: croft.Effect): any, croft.Error?
---@field stop fun(context: croft.Context, effect: croft.Effect): any, croft.Error?
---@field destroy fun(context: croft.Context, effect: croft.Effect): any, croft.Error?
---@field logs? fun(context: croft.Context, request: croft.LogRequest, emit: fun(lines: string): boolean): any, croft.Error?
