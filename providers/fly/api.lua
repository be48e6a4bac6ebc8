-- How Fly.io is addressed, and how it speaks: paths, durations, names, errors.

-- Fly says what is wrong in {"error": "..."}; `doing` says what we were about.
local function explain(doing, err)
  local body = err.body and json.decode(err.body)
  if type(body) ~= "table" then body = {} end
  local words = type(body.error) == "string" and body.error or err.message
  if body.status == "insufficient_capacity" then
    return instance.explain(doing, err, {code = "Unavailable", message = "Fly.io has no capacity there: " .. words, retryable = true})
  end
  -- 409 and 412 tell of a lease or of a state between two others: both pass.
  return instance.explain(doing, err, {message = words, retryable = err.status == 409 or err.status == 412})
end

local function app_name(context, uid) return context.settings.prefix .. "-" .. uid:lower() end

local function app_path(app, ...) return "/apps/" .. url.encode(app) .. table.concat({...}) end

local function machine_path(app, machine, ...)
  return app_path(app, "/machines/", url.encode(machine.id), ...)
end

-- Go's durations, which Fly speaks: "1m30s", "1.5s", "250ms", or a number of nanoseconds.
local UNITS = {h = 3600000, m = 60000, s = 1000, ms = 1, us = 0.001, ns = 0.000001}

local function to_duration(ms)
  if ms % 1000 == 0 then return string.format("%ds", ms / 1000) end
  return string.format("%dms", ms)
end

local function from_duration(text)
  if type(text) == "number" then return math.floor(text / 1000000) end
  if type(text) ~= "string" then return nil end
  local ms = 0
  for number, unit in text:gmatch("([%d%.]+)(%a+)") do ms = ms + tonumber(number) * (UNITS[unit] or 0) end
  return math.floor(ms + 0.5)
end

-- Fly allows a-z, 0-9 and _ in names of volumes, Croft a-z, 0-9 and -.
local function to_volume_name(name) return (name:gsub("-", "_")) end

local function from_volume_name(name) return (name:gsub("_", "-")) end

return {
  explain = explain, app_name = app_name, app_path = app_path, machine_path = machine_path,
  to_duration = to_duration, from_duration = from_duration, to_volume_name = to_volume_name,
  from_volume_name = from_volume_name,
}
