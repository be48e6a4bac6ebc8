-- From a spec to a machine's configuration, and back.

local api = require "api"

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024

-- What a shell must do before the app: Fly has no setting for the working directory, and finds no program by PATH.
local LAUNCH = {"/bin/sh", "-c", 'cd "$0" && exec "$@"'}

local function to_guest(context, spec)
  return {cpu_kind = context.settings.cpuKind, cpus = spec.resources.cpu / 1000, memory_mb = spec.resources.memory / MIB}
end

-- The directory a Fly file is in is made when it is written. Fly documents no limit for all files together, so the
-- operator's stands.
local function to_files(context, effect)
  local files, total = json.array{}, 0
  for _, file in ipairs(effect.files or {}) do
    if file.link then return instance.refuse("files", "Fly.io writes plain files only: '" .. file.path .. "' is a link") end
    total = total + file.size
    if total > context.settings.filesLimit then
      return instance.refuse("files", string.format("its files hold more than %d bytes, the operator's limit for Fly.io (settings.filesLimit)", context.settings.filesLimit))
    end
    files[#files + 1] = {guest_path = context.settings.directory .. "/" .. file.path, raw_value = base64.encode(file.content),
      mode = file.executable and 493 or 420} -- 0755, 0644
  end
  return files
end

local function digest_of_files(files)
  local lines = {}
  for i, file in ipairs(files or {}) do
    if not file.raw_value then return nil end
    lines[i] = table.concat({file.guest_path, tostring(file.mode), file.raw_value}, "\n")
  end
  return hash.sha256(table.concat(lines, "\n\n"))
end

local function to_check(spec)
  local health = spec.health
  local check = {type = health.http and "http" or "tcp", port = spec.http.port, interval = api.to_duration(health.interval),
    timeout = api.to_duration(health.timeout), grace_period = api.to_duration(health.startWithin)}
  if health.http then check.method, check.path, check.protocol = "GET", health.http, "http" end
  return check
end

-- Neither starts nor stops a machine by itself: that is Croft's to decide.
local function to_service(spec)
  return {protocol = "tcp", internal_port = spec.http.port, autostart = false, autostop = "off",
    ports = json.array{{port = 80, handlers = json.array{"http"}, force_https = true},
                       {port = 443, handlers = json.array{"tls", "http"}}}}
end

local function to_exec(context, effect)
  local exec = json.array{}
  for _, word in ipairs(LAUNCH) do exec[#exec + 1] = word end
  exec[#exec + 1] = effect.spec.files and context.settings.directory or "/"
  for _, word in ipairs(effect.spec.command) do exec[#exec + 1] = word end
  return exec
end

-- Labels, and what Fly has no place for but an observation must tell.
local function to_metadata(effect, files)
  local metadata = json.object{}
  for name, value in pairs(effect.labels) do metadata[name] = value end
  local spec = effect.spec
  metadata["croft.kept"] = json.encode(json.object{pids = spec.resources.pids, tree = spec.files,
    files = digest_of_files(files), has_env = spec.env ~= nil})
  return metadata
end

local function to_config(context, effect, volume)
  local spec = effect.spec
  local files, err = to_files(context, effect)
  if not files then return nil, err end
  local config = {
    image = spec.image, guest = to_guest(context, spec), env = instance.env(spec), files = files,
    init = {exec = to_exec(context, effect)}, metadata = to_metadata(effect, files),
    restart = {policy = "always"}, auto_destroy = false,
    stop_config = {signal = "SIGTERM", timeout = api.to_duration(spec.grace)},
    services = json.array{spec.http and to_service(spec)},
  }
  if spec.health then config.checks = json.object{health = to_check(spec)} end
  if volume then config.mounts = json.array{{volume = volume.id, path = spec.volumes[1].path}} end
  return config
end

local function from_exec(exec)
  local command = json.array{}
  for i = 1, #LAUNCH do
    if not exec or exec[i] ~= LAUNCH[i] then return exec or command end
  end
  for i = #LAUNCH + 2, #exec do command[#command + 1] = exec[i] end
  return command
end

local function from_check(check)
  if not check then return nil end
  return {http = check.type == "http" and check.path or nil, tcp = check.type ~= "http" and check.port or nil,
    interval = api.from_duration(check.interval), timeout = api.from_duration(check.timeout),
    startWithin = api.from_duration(check.grace_period)}
end

local function from_mounts(mounts)
  local volumes = json.array{}
  for i, mount in ipairs(mounts or {}) do
    volumes[i] = {name = api.from_volume_name(mount.name or ""), path = mount.path, size = (mount.size_gb or 0) * GIB}
  end
  return volumes
end

-- Files that somebody changed by hand are no longer those of the tree that we wrote.
local function from_files(config, kept)
  if not kept.tree then return nil end
  local digest = digest_of_files(config.files)
  if digest and digest ~= kept.files then return {path = kept.tree.path, tree = "changed at Fly.io"} end
  return kept.tree
end

local function kept_of(config)
  local kept = json.decode((config.metadata or {})["croft.kept"] or "{}")
  return type(kept) == "table" and kept or {}
end

-- What a machine really runs with, shaped as the normalised spec.
local function to_fields(config)
  local kept, guest, service = kept_of(config), config.guest or {}, (config.services or {})[1]
  return {
    command = from_exec((config.init or {}).exec), env = instance.declared_env(config.env, kept.has_env), image = config.image,
    resources = {cpu = (guest.cpus or 0) * 1000, memory = (guest.memory_mb or 0) * MIB, pids = kept.pids},
    http = service and {port = service.internal_port} or nil,
    health = from_check((config.checks or {}).health), volumes = from_mounts(config.mounts),
    grace = api.from_duration((config.stop_config or {}).timeout), files = from_files(config, kept),
  }
end

local function label_of(machine, name)
  local config = machine.config or machine.incomplete_config or {}
  return (config.metadata or {})[name]
end

local function mounted_volume(machine) return (((machine.config or {}).mounts or {})[1] or {}).volume end

return {
  to_guest = to_guest, to_files = to_files, to_config = to_config, to_fields = to_fields, label_of = label_of,
  mounted_volume = mounted_volume,
}
