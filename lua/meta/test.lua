---@meta
-- What files of tests get as `t`: docs/lua-tools.md. A test compares this file with what is there.

---A request that is expected, and its answer.
---@class croft.Step
---@field method? string "GET" if it is not given
---@field path? string as the adapter gives it, with its query or without; not given: any
---@field path_matches? string a Lua pattern in place of `path`
---@field query? table<string, string> what the query has at least
---@field headers? table<string, string> what the headers have at least, names in lower case
---@field expect? table what the JSON of the request has at least
---@field match? fun(request: croft.SentRequest): boolean? refuses the request if it returns false or nil
---@field times? integer|"any" how often it comes: 1 if not given; "any" may also never come
---@field status? integer 200 if it is not given
---@field json? any the answer
---@field body? string the answer, as text
---@field reply_headers? table<string, string>
---@field error? string no answer at all: "Unavailable", "Timeout"
---@field message? string of `error`
---@field reply? fun(request: croft.SentRequest): {status?: integer, json?: any, body?: string, headers?: table<string, string>, error?: string, message?: string}

---A request as the adapter sent it.
---@class croft.SentRequest
---@field method string
---@field path string with its query
---@field query table<string, string>
---@field headers table<string, string> names in lower case
---@field body string
---@field json any the body, if it is JSON
---@field at string where in the script: "adapter.lua:41"

---@class croft.ExampleEffect
---@field name? string "web"
---@field kind? string "Instance"
---@field tenant? string "test"
---@field uid? string "uid-NAME"
---@field intent? string "intent-1"
---@field spec? table passes through `normalize` first, as in Croft; of create and update
---@field spec_digest? string
---@field labels? table<string, string>
---@field files? table[]
---@field allow_egress? boolean
---@field deadline_ms? integer 60000
---@field erase_data? boolean true; of destroy

---@class croft.QuoteCase
---@field plan? table name, price, includes, rates, quotas as in a Plan; 9.00 USD a month if not given
---@field resources? table[] croft.Resource's fields, what is not given is small; one Instance if not given
---@field usage? croft.Usage of each resource, where it does not say its own; always-on if not given
---@field months? integer 1

---@class croft.TestQuote
---@field total string "9.00"
---@field currency string
---@field lines {text: string, amount: string, resource?: string, meter?: string, rate?: string, quantity?: string, unit?: string}[]
---@field notices string[]

---@class croft.AdmitCase
---@field kind? string "Instance"
---@field name? string "web"
---@field provider? string "local"
---@field spec? table as in a manifest ("1GiB"); it is checked, and what is not given has its default

---@class croft.JudgeCase
---@field kind? string "Instance"
---@field name? string "web"
---@field phase? string "Running"
---@field health? string "Passing"
---@field reason? string
---@field message? string
---@field restarts? integer 0
---@field started_at? integer milliseconds since 1970
---@field fields? table

---@class croft.t
t = {}

---Fails, with the place of the first difference, unless both are the same through and through.
---@param got any
---@param expected any
function t.equal(got, expected) end

---Of texts, the second is a Lua pattern; of tables, what the first has at least.
---@param got any
---@param expected any
function t.matches(got, expected) end

---What the server is asked from now on, in this order, or in any with `any_order = true`. A request
---that is none of these fails the test, and so does one that never comes.
---@param steps croft.Step[]|{any_order?: boolean}
function t.server(steps) end

---Runs a verb of the adapter and gives what it returns: true of create, update, start, stop and
---destroy, the text of logs. Fails if the verb fails.
---@param verb string
---@param effect? croft.ExampleEffect
---@return any
function t.call(verb, effect) end

---Prices by the rule under test. Fails if the rule fails.
---@param case? croft.QuoteCase
---@return croft.TestQuote
function t.quote(case) end

---Asks the policy under test. Gives {} if it allows, {warn = "why"} or {deny = "why"}. Fails if the policy fails.
---@param resource? croft.AdmitCase
---@param tenant? {name?: string, plan?: string} "test", "example"
---@return {warn?: string, deny?: string}
function t.admit(resource, tenant) end

---Asks the health rule under test. Gives nil if it leaves that kind to the provider. Fails if the rule fails.
---@param observed? croft.JudgeCase
---@return {health: string, message?: string}?
function t.judge(observed) end

---Runs a verb, or "quote", "admit" ({resource = ..., tenant = ...}) or "judge", that must fail with that code; gives the error.
---@param code string
---@param verb string
---@param value? table
---@return {code: string, message: string, field?: string, hint?: string}
function t.fails(code, verb, value) end

---The Provider's settings from now on; what is not given has its default.
---@param settings table<string, any>
function t.settings(settings) end

t.clock = {}

---@param ms integer
---@return integer now ms since 1970
function t.clock.advance(ms) end
---@return integer ms since 1970
function t.clock.now() end
