-- From a spec to a service's variables and settings, and back.

local api = require "api"

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024

-- Railway documents 96 KB for its own functions, which travel the same way; Linux takes 128 KiB in one variable.
local SCRIPT_LIMIT = 96 * 1024

-- Railway takes no files and no argument list: a variable carries a script that writes the files and runs the command.
local LAUNCH = '/bin/sh -c "printenv CROFT_START > /tmp/croft-start && exec /bin/sh /tmp/croft-start"'

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function add_file(lines, file, directory)
  local parent = file.path:match("^(.*)/[^/]*$")
  if parent then lines[#lines + 1] = "mkdir -p " .. quote(directory .. "/" .. parent) end
  local path = quote(directory .. "/" .. file.path)
  if file.link then
    lines[#lines + 1] = "ln -sfn " .. quote(file.link) .. " " .. path
    return
  end
  lines[#lines + 1] = "base64 -d > " .. path .. " <<'CROFT_END'\n" .. base64.encode(file.content) .. "\nCROFT_END"
  if file.executable then lines[#lines + 1] = "chmod 755 " .. path end
end

local function to_script(context, effect)
  local lines, directory = {"set -e"}, context.settings.directory
  if effect.spec.files then
    lines[#lines + 1] = "mkdir -p " .. quote(directory) .. "\ncd " .. quote(directory)
    for _, file in ipairs(effect.files or {}) do add_file(lines, file, directory) end
  end
  local words = {}
  for i, word in ipairs(effect.spec.command) do words[i] = quote(word) end
  lines[#lines + 1] = "unset CROFT_START CROFT_KEPT"
  lines[#lines + 1] = "exec " .. table.concat(words, " ")
  local script = table.concat(lines, "\n") .. "\n"
  if #script > SCRIPT_LIMIT then
    return instance.refuse("files", string.format("its files and command take %d bytes on the way to Railway, which takes %d: put them into an image", #script, SCRIPT_LIMIT))
  end
  return script
end

-- Variables of a service: the app's, and what carries the script and what Railway has no place for.
local function to_variables(context, effect)
  local script, err = to_script(context, effect)
  if not script then return nil, err end
  local spec, variables = effect.spec, instance.env(effect.spec)
  local health = spec.health or {}
  variables.CROFT_START = script
  variables.CROFT_KEPT = json.encode(json.object{command = spec.command, tree = spec.files, pids = spec.resources.pids,
    cpu = spec.resources.cpu, memory = spec.resources.memory, interval = health.interval, timeout = health.timeout,
    size = ((spec.volumes or {})[1] or {}).size, has_env = spec.env ~= nil, start = hash.sha256(script)})
  return variables
end

-- Neither sleeps nor scales by itself: that is Croft's to decide.
local function to_instance_input(context, spec)
  local input = json.object{
    source = {image = spec.image}, startCommand = LAUNCH, numReplicas = 1, sleepApplication = false,
    restartPolicyType = context.settings.restart == "always" and "ALWAYS" or "ON_FAILURE",
    drainingSeconds = spec.grace / 1000, overlapSeconds = 0,
    healthcheckPath = spec.health and spec.health.http or json.null,
    healthcheckTimeout = spec.health and spec.health.startWithin / 1000 or json.null,
  }
  if context.settings.region ~= "" then input.region = context.settings.region end
  return input
end

-- A gigabyte has 10^9 or 2^30 bytes; counted as the smaller, a limit is never less than what was asked for.
local function to_limits(spec)
  return {memoryGB = spec.resources.memory / 1e9, vCPUs = spec.resources.cpu / 1000}
end

-- A command or script that somebody changed is no longer the one that we wrote.
local function from_command(service, variables, kept)
  if service.startCommand ~= LAUNCH then return json.array{service.startCommand or ""} end
  if hash.sha256(variables.CROFT_START or "") ~= kept.start then return json.array{"changed at Railway"} end
  return kept.command
end

-- Limits that are those we set are told as they were declared, which rounding to gigabytes does not give back.
local function from_limits(limits, kept)
  local containers = (limits or {}).containers or {}
  local cpu = math.floor((containers.cpu or 0) * 1000 + 0.5)
  local memory = containers.memoryBytes or 0
  local is_same_memory = math.abs(memory - (kept.memory or 0)) <= MIB or math.abs(memory / GIB * 1e9 - (kept.memory or 0)) <= MIB
  return {cpu = cpu, memory = is_same_memory and kept.memory or memory, pids = kept.pids}
end

-- A volume is as large as the plan makes it: what was declared is what it holds at least.
local function from_volume(place, kept)
  local volume = place.volume
  if not volume or not volume.serviceId then return json.array{} end
  local bytes = (volume.sizeMB or 0) * 1000 * 1000
  return json.array{{name = volume.volume.name, path = volume.mountPath, size = math.min(kept.size or bytes, bytes)}}
end

local function to_fields(place, details)
  local service, variables = place.service, details.variables
  local kept = api.decode_object(variables.CROFT_KEPT) or {}
  local port = tonumber(variables.PORT)
  local health = service.healthcheckPath and {http = service.healthcheckPath, interval = kept.interval, timeout = kept.timeout,
    startWithin = (service.healthcheckTimeout or 0) * 1000} or nil
  return {command = from_command(service, variables, kept), env = instance.declared_env(variables, kept.has_env, "RAILWAY_"), image = (service.source or {}).image,
    resources = from_limits(details.limits, kept), http = port and {port = port} or nil, health = health,
    volumes = from_volume(place, kept), grace = (service.drainingSeconds or 0) * 1000, files = kept.tree}
end

return {
  to_variables = to_variables, to_instance_input = to_instance_input, to_limits = to_limits, to_fields = to_fields,
}
