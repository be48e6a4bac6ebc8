---@meta
-- What adapters that run Instances have in common. A part of what they choose is the same everywhere, so that an app
-- which moves keeps its size and its patience.

---@class croft.InstanceRules
---@field vendor string for people: "Fly.io"
---@field reserved string how the names of the vendor's own variables begin: "FLY_"
---@field check? fun(spec: table): boolean?, croft.Error? what else it cannot take
---@field parts {[1]: string, [2]: fun(spec: table, context: croft.Context): any, croft.Error?}[] fields with what each is to be; nil for none

---@class croft.instance
instance = {}

---`normalize` of an adapter: refuses kinds other than Instance, fields that no Instance has, an empty command and names in
---`env` that are Croft's or the vendor's; then asks each part. What has no image gets that of the setting `image`.
---@param context croft.Context
---@param resource croft.Resource
---@param rules croft.InstanceRules
---@return table?, croft.Error?
function instance.normalize(context, resource, rules) end

---`return instance.refuse("volumes", "...")`: nil and an Invalid error at spec.volumes.
---@param field string
---@param message string
---@return nil, croft.Error
function instance.refuse(field, message) end

---What a spec asks for; a quarter of a processor and 128 MiB if it says nothing.
---@param spec table
---@return {cpu: integer, memory: integer, pids?: integer}
function instance.resources(spec) end

---What it listens on: http.port, else the port that is checked, else 8080; nil if it listens on none.
---@param spec table
---@return {port: integer, hosts?: string[]}?
function instance.http(spec) end

---The check with what was not said: every 10 s, 5 s patience, a minute to start. Nil if there is none.
---@param spec table
---@return table?
function instance.health(spec) end

---Volumes where there can be one: refuses a second. What gives no size is to have 1 GiB.
---@param spec table
---@param whose string begins the refusal: "a Fly machine mounts"
---@param size_of fun(bytes: integer, volume: table): integer?, croft.Error? the size that it will have
---@return table[]?, croft.Error?
function instance.one_volume(spec, whose, size_of) end

---`env` of a normalised spec, and PORT if it listens.
---@param spec table
---@return table<string, string>
function instance.env(spec) end

---The way back from what runs: without PORT, and without Croft's and the vendor's if `reserved` says how these begin; nil if
---nothing is left and none was declared.
---@param given table<string, string>?
---@param was_declared boolean?
---@param reserved? string "FLY_"
---@return table<string, string>?
function instance.declared_env(given, was_declared, reserved) end

---nil and an error of the server's as "while DOING: MESSAGE", with its code, or with what is given instead.
---@param doing string "making the volume"
---@param err croft.Error
---@param other? {code?: string, message?: string, retryable?: boolean}
---@return nil, croft.Error
function instance.explain(doing, err, other) end

---Forgets, in what is known by id, everything that is not present any more.
---@param known table<string, any>
---@param present {id: string}[]
function instance.keep_only(known, present) end

---@param number number
---@param step number
---@return number the next multiple of the step
function instance.round_up(number, step) end
