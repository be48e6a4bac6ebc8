---@meta
-- What a template of a Webhook gets and returns. For editors and for docs/webhooks.md.

---An event as it is told: a CloudEvent 1.0. docs/webhooks.md lists the types, docs/events what `data` holds.
---@class croft.Event
---@field specversion "1.0"
---@field type string "croft.resource.failed"
---@field id string the same whenever this event is sent again
---@field source string "croft://example.com/alice"
---@field subject string "alice/Instance/api"
---@field time string "2026-11-28T16:20:15.120Z"
---@field datacontenttype "application/json"
---@field data table {tenant, reason, message, severity, ...}

---What is sent.
---@class croft.Message
---@field body string|table a table is written as JSON; an empty one is an empty list
---@field content_type? string "text/plain; charset=utf-8" for a text, "application/json" for a table
---@field headers? table<string, string> X-..., accept, idempotency-key, priority, tags, title

---@class croft.Template
---@field api 1 the version of all this that the template was written for
---@field message fun(event: croft.Event): croft.Message
