-- The global `instance` of adapters: what those that run Instances have in common. Documented in lua/meta/instance.lua.

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024

local KNOWN = {command = true, files = true, env = true, resources = true, http = true, health = true, volumes = true,
  grace = true, image = true, dependsOn = true, deletion = true, ignore = true, provider = true}

local function refuse(field, message) return fail("Invalid", message, {field = "spec." .. field}) end

local function round_up(number, step) return math.ceil(number / step) * step end

local function is_reserved(name, prefix) return name == "PORT" or name:sub(1, 6) == "CROFT_" or name:sub(1, #prefix) == prefix end

local function check_env(spec, vendor, prefix)
  for name in pairs(spec.env or {}) do
    if is_reserved(name, prefix) then
      return refuse("env", "env." .. name .. " is set by Croft or by " .. vendor .. "; use http.port for the port")
    end
  end
  return true
end

local function check(resource, options)
  if resource.kind ~= "Instance" then
    return fail("Invalid", options.vendor .. " runs Instances, not " .. resource.kind .. "s")
  end
  local spec = resource.spec
  for name in pairs(spec) do
    if not KNOWN[name] then return refuse(name, options.vendor .. " cannot honour '" .. name .. "'") end
  end
  if not spec.command or #spec.command == 0 then return refuse("command", "it has no command to run") end
  local fine, err = check_env(spec, options.vendor, options.reserved)
  if not fine or not options.check then return fine, err end
  return options.check(spec)
end

local function normalize(context, resource, options)
  local fine, err = check(resource, options)
  if not fine then return nil, err end
  local spec = {}
  for name, value in pairs(resource.spec) do spec[name] = value end
  for _, part in ipairs(options.parts) do
    local value, problem = part[2](resource.spec, context)
    if problem then return nil, problem end
    spec[part[1]] = value
  end
  -- The image is the operator's choice; as a part of the spec, a new choice is a change like any other.
  spec.image = spec.image or context.settings.image
  return spec
end

local function resources(spec)
  local wanted = spec.resources or {}
  return {cpu = wanted.cpu or 250, memory = wanted.memory or 128 * MIB, pids = wanted.pids}
end

local function http(spec)
  local given, health = spec.http, spec.health or {}
  if not given and not health.http and not health.tcp then return nil end
  given = given or {}
  return {port = given.port or health.tcp or 8080, hosts = given.hosts}
end

local function health(spec)
  local given = spec.health
  if not given then return nil end
  return {http = given.http, tcp = given.tcp, exec = given.exec, interval = given.interval or 10000,
    timeout = given.timeout or 5000, startWithin = given.startWithin or 60000}
end

local function one_volume(spec, whose, size_of)
  if not spec.volumes then return nil end
  if #spec.volumes > 1 then return refuse("volumes", string.format("%s one volume, not %d", whose, #spec.volumes)) end
  local volumes = json.array{}
  for i, volume in ipairs(spec.volumes) do
    local size, err = size_of(volume.size or GIB, volume)
    if not size then return nil, err end
    volumes[i] = {name = volume.name, path = volume.path, size = size}
  end
  return volumes
end

local function env(spec)
  local given = json.object{}
  for name, value in pairs(spec.env or {}) do given[name] = value end
  if spec.http then given.PORT = tostring(spec.http.port) end
  return given
end

local function declared_env(given, was_declared, prefix)
  local declared, is_empty = json.object{}, true
  for name, value in pairs(given or {}) do
    local is_ours = name == "PORT" or (prefix and is_reserved(name, prefix))
    if not is_ours then declared[name], is_empty = value, false end
  end
  if is_empty and not was_declared then return nil end
  return declared
end

local function explain(doing, err, other)
  other = other or {}
  local message = "while " .. doing .. ": " .. (other.message or err.message)
  return fail(other.code or err.code, message, {retryable = other.retryable or err.retryable, status = err.status, errors = err.errors})
end

local function keep_only(known, present)
  local is_present = {}
  for _, one in ipairs(present) do is_present[one.id] = true end
  for id in pairs(known) do
    if not is_present[id] then known[id] = nil end
  end
end

return {
  refuse = refuse, round_up = round_up, normalize = normalize, resources = resources, http = http, health = health,
  one_volume = one_volume, env = env, declared_env = declared_env, explain = explain, keep_only = keep_only,
}
