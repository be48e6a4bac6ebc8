---@meta

---Documents. Lists and maps that came from JSON, and everything in `effect`, `context` and
---`resource`, know which of the two they are, also when they are empty.
---@class croft.json
json = {}

---Null in a list, or for `json.encode`. In a map, null is nil.
json.null = nil

---Raises for what is no document: functions, holes in lists, numbers that are not finite or whole
---and beyond 2^53, texts that are not UTF-8, an empty table that says not what it is.
---@param value any
---@return string
function json.encode(value) end

---Whole numbers beyond 2^53 come as decimal texts.
---@param text string
---@return any?, croft.Error?
function json.decode(text) end

---Marks a table as a list, also if it is empty.
---@param table? any[]
---@return any[]
function json.array(table) end

---Marks a table as a map, also if it is empty.
---@param table? table<string, any>
---@return table<string, any>
function json.object(table) end
