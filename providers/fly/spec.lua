-- What of a spec Fly.io takes, and what is chosen for what it does not say.

local api = require "api"

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024
local VOLUME_NAME_LIMIT = 30

-- Documented sizes: memory in steps, within limits that grow with the processors; how long a stop may take.
local KINDS = {
  shared = {counts = {1, 2, 4, 8}, step = 256, most = 2048, longest_grace = 5 * 60 * 1000},
  performance = {counts = {1, 2, 4, 8, 16}, step = 2048, most = 8192, longest_grace = 24 * 3600 * 1000},
}

-- The smallest size that holds what is asked for: {cpus, memory_mb}.
local function size_for(kind, cpu, memory)
  local cpus, megabytes = math.ceil(cpu / 1000), math.ceil(memory / MIB)
  for _, count in ipairs(kind.counts) do
    if count >= cpus and kind.most * count >= megabytes then
      return {cpus = count, memory_mb = instance.round_up(math.max(megabytes, kind.step * count), kind.step)}
    end
  end
  return nil
end

local function resources(spec, context)
  local name = context.settings.cpuKind
  local kind, wanted = KINDS[name], instance.resources(spec)
  local size = size_for(kind, wanted.cpu, wanted.memory)
  if not size then
    local most = kind.counts[#kind.counts]
    return instance.refuse("resources", string.format(
      "Fly.io has no %s machine with %d thousandths of a processor and %d MiB: the largest has %d processors and %d MiB",
      name, wanted.cpu, math.ceil(wanted.memory / MIB), most, most * kind.most))
  end
  return {cpu = size.cpus * 1000, memory = size.memory_mb * MIB, pids = wanted.pids}
end

local function http(spec)
  local listens, tcp = instance.http(spec), (spec.health or {}).tcp
  if tcp and tcp ~= listens.port then
    return instance.refuse("health.tcp", string.format("health.tcp is %d, but the app's only port is http.port, %d", tcp, listens.port))
  end
  return listens
end

local function health(spec)
  if spec.health and spec.health.exec then
    return instance.refuse("health.exec", "Fly.io checks machines by HTTP or TCP, not by a command")
  end
  return instance.health(spec)
end

local function volume_size(bytes, volume)
  if #volume.name > VOLUME_NAME_LIMIT then
    return instance.refuse("volumes", string.format("Fly.io's names of volumes are at most %d characters: '%s'", VOLUME_NAME_LIMIT, volume.name))
  end
  local size = instance.round_up(bytes, GIB)
  if size > 500 * GIB then return instance.refuse("volumes", "a Fly volume holds at most 500 GiB") end
  return size
end

local function grace(spec, context)
  local wanted, name = spec.grace or 10000, context.settings.cpuKind
  if wanted > KINDS[name].longest_grace then
    return instance.refuse("grace", string.format("Fly.io gives a %s machine at most %s to stop", name, api.to_duration(KINDS[name].longest_grace)))
  end
  return wanted
end

local RULES = {vendor = "Fly.io", reserved = "FLY_", parts = {
  {"resources", resources}, {"http", http}, {"health", health},
  {"volumes", function(spec) return instance.one_volume(spec, "a Fly machine mounts", volume_size) end}, {"grace", grace},
}}

local function normalize(context, resource) return instance.normalize(context, resource, RULES) end

return {normalize = normalize}
