-- How Railway speaks: lists, errors, and several changes in one request.

local function nodes_of(connection)
  local nodes = {}
  for i, edge in ipairs((connection or {}).edges or {}) do nodes[i] = edge.node end
  return nodes
end

local function decode_object(text)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

-- Requests are scarce (100 an hour on the Free plan), so that what belongs together travels together. The fields of a
-- mutation run one after the other, and the first that fails ends it: the deployment comes last.
local function new_batch(name) return {name = name, types = {}, values = json.object{}, fields = {}} end

local function add_variable(batch, name, kind, value)
  batch.types[#batch.types + 1] = "$" .. name .. ": " .. kind
  batch.values[name] = value
end

local function add_field(batch, text) batch.fields[#batch.fields + 1] = "  " .. text end

local function send(batch, doing)
  local head = "mutation " .. batch.name .. (#batch.types > 0 and "(" .. table.concat(batch.types, ", ") .. ")" or "")
  local data, err = graphql(head .. " {\n" .. table.concat(batch.fields, "\n") .. "\n}", batch.values)
  if not data then return instance.explain(doing, err) end
  return data
end

return {
  nodes_of = nodes_of, decode_object = decode_object, new_batch = new_batch, add_variable = add_variable,
  add_field = add_field, send = send,
}
