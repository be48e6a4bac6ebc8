---@meta

---Lines in Croft's log, with provider, verb and resource; secrets are hidden. 200 of a call.
---@class croft.log
log = {}

---@param message string
---@param fields? table<string, any>
function log.debug(message, fields) end
---@param message string
---@param fields? table<string, any>
function log.info(message, fields) end
---@param message string
---@param fields? table<string, any>
function log.warn(message, fields) end
---@param message string
---@param fields? table<string, any>
function log.error(message, fields) end

---@class croft.time
time = {}

---@return integer ms since 1970; not in normalize and capabilities, which are pure
function time.now() end
---@param text string RFC 3339
---@return integer? ms since 1970
---@return croft.Error?
function time.parse(text) end
---@param ms number
---@return string "2026-11-21T02:33:30.120Z"
function time.format(ms) end

---@class croft.base64
base64 = {}

---@param bytes string
---@return string
function base64.encode(bytes) end
---@param text string
---@return string?, croft.Error?
function base64.decode(text) end

---@class croft.hash
hash = {}

---@param bytes string
---@return string hexadecimal, lower case
function hash.sha256(bytes) end

---@class croft.hmac
hmac = {}

---@param key string
---@param bytes string
---@return string hexadecimal, lower case
function hmac.sha256(key, bytes) end

---@class croft.url
url = {}

---One path segment or query value.
---@param text string
---@return string
function url.encode(text) end
---@param parameters table<string, any>
---@return string "a=1&b=2", sorted by name
function url.query(parameters) end
