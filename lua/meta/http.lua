---@meta

---Requests to the provider's server. Each suspends the call until the answer is there; others go on
---meanwhile. Paths are relative to the base URL; the engine adds the credential, keeps the limits,
---and tries again what may be repeated.
---@class croft.http
http = {}

---@class croft.Response
---@field status integer
---@field headers table<string, string> names in lower case
---@field body string
---@field json fun(): any, croft.Error? the body as a document

---@class croft.RequestOptions
---@field query? table<string, any> texts, numbers, booleans, or lists of them
---@field headers? table<string, string>
---@field body? string
---@field json? any a document: sets Content-Type too
---@field timeout_ms? number of one try
---@field idempotent? boolean may be sent again if nobody knows what became of it
---@field accept? integer[] statuses of 400 and above that are an answer, not an error

---@class croft.Request: croft.RequestOptions
---@field method? "GET"|"HEAD"|"POST"|"PUT"|"PATCH"|"DELETE"
---@field path? string

---@class croft.PagesOptions: croft.RequestOptions
---@field items fun(response: croft.Response): any[]?, croft.Error? what is on a page
---@field next fun(response: croft.Response): string? the path of the next page, nil at the end
---@field limit? integer items at most

---@param path string
---@param options? croft.RequestOptions
---@return croft.Response?, croft.Error?
function http.get(path, options) end

---@param path string
---@param options? croft.RequestOptions
---@return croft.Response?, croft.Error?
function http.post(path, options) end

---@param path string
---@param options? croft.RequestOptions
---@return croft.Response?, croft.Error?
function http.put(path, options) end

---@param path string
---@param options? croft.RequestOptions
---@return croft.Response?, croft.Error?
function http.patch(path, options) end

---@param path string
---@param options? croft.RequestOptions
---@return croft.Response?, croft.Error?
function http.delete(path, options) end

---@param request croft.Request
---@return croft.Response?, croft.Error?
function http.request(request) end

---Collects the items of all pages.
---@param path string
---@param options croft.PagesOptions
---@return any[]?, croft.Error?
function http.pages(path, options) end

---A POST to the base URL. A query may be sent again, a mutation not.
---@param query string
---@param variables? table<string, any>
---@param options? croft.RequestOptions
---@return table? data
---@return croft.Error? err with `errors`, the list as it came
function graphql(query, variables, options) end
