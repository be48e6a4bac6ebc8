---@meta

---@class croft.await
await = {}

---Runs functions side by side and gives what each came to, in their order.
---@param functions (fun(): any, croft.Error?)[]
---@return {ok: boolean, value: any, err: croft.Error?}[]
function await.all(functions) end

---@class croft.PollOptions
---@field every_ms? number 250
---@field slow_after_ms? number 10000
---@field slow_every_ms? number 2000
---@field timeout_ms? number the deadline of the call ends it too

---Looks until there is something: often at first, then seldom. What is neither nil nor false ends
---it; `nil, err` ends it with the error.
---@param look fun(): any, croft.Error?
---@param options? croft.PollOptions
---@return any, croft.Error?
function poll(look, options) end

---Builds an error: `return fail("Conflict", "the name is taken")`.
---@param code string one of croft.Error's
---@param message string
---@param extra? table<string, any> more of its fields
---@return nil, croft.Error
function fail(code, message, extra) end

---What one call leaves for later ones: a cache, bounded, gone at a restart or reload. Not in
---normalize and capabilities, which are pure.
---@class croft.memory
memory = {}

---@param name string
---@return any? nil if there is none
function memory.get(name) end
---@param name string
---@param value any a document; nil forgets
---@return boolean kept false if it is too large
function memory.set(name, value) end
