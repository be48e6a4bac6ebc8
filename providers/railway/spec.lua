-- What of a spec Railway takes, and what is chosen for what it does not say.

-- Railway replaces ${{...}} in variables by other variables, and has no way to write it literally.
local function has_reference(text) return type(text) == "string" and text:find("${{", 1, true) ~= nil end

local function check_references(spec)
  for _, word in ipairs(spec.command) do
    if has_reference(word) then return instance.refuse("command", "the command holds '${{', which Railway would replace") end
  end
  for name, value in pairs(spec.env or {}) do
    if has_reference(value) then
      return instance.refuse("env", "env." .. name .. " holds '${{', which Railway would replace: it cannot be written there")
    end
  end
  return true
end

local function health(spec)
  local given = instance.health(spec)
  if not given then return nil end
  if not given.http then
    return instance.refuse(given.tcp and "health.tcp" or "health.exec", "Railway checks services by HTTP only")
  end
  given.startWithin = instance.round_up(given.startWithin, 1000)
  return given
end

local function volumes(spec, context)
  return instance.one_volume(spec, "a Railway service has", function(size, volume)
    local limit = context.settings.volumeLimit
    if size <= limit then return size end
    return instance.refuse("volumes", string.format(
      "the volume '%s' is to hold %d bytes; the operator's Railway plan makes volumes of %d (settings.volumeLimit)", volume.name, size, limit))
  end)
end

local RULES = {vendor = "Railway", reserved = "RAILWAY_", check = check_references, parts = {
  {"resources", instance.resources}, {"http", instance.http}, {"health", health}, {"volumes", volumes},
  {"grace", function(spec) return instance.round_up(spec.grace or 10000, 1000) end},
}}

local function normalize(context, resource) return instance.normalize(context, resource, RULES) end

return {normalize = normalize}
