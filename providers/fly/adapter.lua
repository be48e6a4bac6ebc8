-- Fly.io Machines: one Fly app for each Instance, with one machine, at most one volume and a network of its own.
-- The facts about the API come from its OpenAPI file and from fly.io/docs/machines; README.md names the pages.

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024
local MACHINE = "croft" -- every app's one machine has this name; Fly makes no second one of a name in an app
local REFRESHED_AT_ONCE = 2 -- machines whose details an observation reads again although they did not change
local VOLUME_NAME_LIMIT = 30

-- Documented sizes: memory in steps, within limits that grow with the processors; how long a stop may take.
local KINDS = {
  shared = {counts = {1, 2, 4, 8}, step = 256, most = 2048, longest_grace = 5 * 60 * 1000},
  performance = {counts = {1, 2, 4, 8, 16}, step = 2048, most = 8192, longest_grace = 24 * 3600 * 1000},
}

-- What a shell must do before the app: Fly has no setting for the working directory, and finds no program by PATH.
local LAUNCH = {"/bin/sh", "-c", 'cd "$0" && exec "$@"'}

local settings = {
  organization = {type = "text", required = true, help = "The slug of the Fly organization that everything is made in."},
  image = {type = "text", required = true,
    help = "The container image that apps run in; it needs /bin/sh and what their commands need, e.g. docker.io/library/python:3.12-slim."},
  region = {type = "text", default = "cdg", help = "Where machines and volumes are made, e.g. cdg, iad, syd."},
  cpuKind = {type = "text", default = "shared", choices = {"shared", "performance"},
    help = "shared processors can burst; performance ones are the app's own."},
  prefix = {type = "text", default = "croft", help = "How the names of Fly apps begin; names are unique across all of Fly.io."},
  directory = {type = "text", default = "/srv/app", help = "Where an app finds its files."},
  filesLimit = {type = "bytes", default = MIB, help = "The most that the files of one app may hold: they travel inside the machine's configuration."},
}

-- Small things ----------------------------------------------------------------------------------------------------

local function round_up(number, step) return math.ceil(number / step) * step end

local function refuse(field, message) return fail("Invalid", message, {field = "spec." .. field}) end

-- Fly says what is wrong in {"error": "..."}; `doing` says what we were about.
local function explain(doing, err)
  local body = err.body and json.decode(err.body)
  if type(body) ~= "table" then body = {} end
  local words = type(body.error) == "string" and body.error or err.message
  local retryable = err.retryable
  if body.status == "insufficient_capacity" then
    return fail("Unavailable", "while " .. doing .. ": Fly.io has no capacity there: " .. words, {retryable = true})
  end
  -- 409 and 412 tell of a lease or of a state between two others: both pass.
  if err.status == 409 or err.status == 412 then retryable = true end
  return fail(err.code, "while " .. doing .. ": " .. words, {retryable = retryable, status = err.status})
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

-- Normalising -----------------------------------------------------------------------------------------------------

local KNOWN = {command = true, files = true, env = true, resources = true, http = true, health = true, volumes = true,
  grace = true, image = true, dependsOn = true, deletion = true, ignore = true, provider = true}

-- The smallest size that holds what is asked for: {cpus, memory_mb}.
local function size_for(kind, cpu, memory)
  local cpus, megabytes = math.ceil(cpu / 1000), math.ceil(memory / MIB)
  for _, count in ipairs(kind.counts) do
    if count >= cpus and kind.most * count >= megabytes then
      return {cpus = count, memory_mb = round_up(math.max(megabytes, kind.step * count), kind.step)}
    end
  end
  return nil
end

local function normalize_resources(context, spec)
  local name = context.settings.cpuKind
  local kind, wanted = KINDS[name], spec.resources or {}
  local cpu, memory = wanted.cpu or 250, wanted.memory or 128 * MIB
  local size = size_for(kind, cpu, memory)
  if not size then
    local most = kind.counts[#kind.counts]
    return refuse("resources", string.format(
      "Fly.io has no %s machine with %d thousandths of a processor and %d MiB: the largest has %d processors and %d MiB",
      name, cpu, math.ceil(memory / MIB), most, most * kind.most))
  end
  return {cpu = size.cpus * 1000, memory = size.memory_mb * MIB, pids = wanted.pids}
end

local function normalize_http(spec)
  local http, health = spec.http, spec.health
  local tcp = health and health.tcp
  if not http and not tcp and not (health and health.http) then return nil end
  http = http or {}
  local port = http.port or tcp or 8080
  if tcp and tcp ~= port then
    return refuse("health.tcp", string.format("health.tcp is %d, but the app's only port is http.port, %d", tcp, port))
  end
  return {port = port, hosts = http.hosts}
end

local function normalize_health(spec)
  local health = spec.health
  if not health then return nil end
  if health.exec then
    return refuse("health.exec", "Fly.io checks machines by HTTP or TCP, not by a command")
  end
  return {http = health.http, tcp = health.tcp, interval = health.interval or 10000,
    timeout = health.timeout or 5000, startWithin = health.startWithin or 60000}
end

local function normalize_volumes(spec)
  if not spec.volumes then return nil end
  if #spec.volumes > 1 then
    return refuse("volumes", string.format("a Fly machine mounts one volume, not %d", #spec.volumes))
  end
  local volumes = json.array{}
  for i, volume in ipairs(spec.volumes) do
    if #volume.name > VOLUME_NAME_LIMIT then
      return refuse("volumes", string.format("Fly.io's names of volumes are at most %d characters: '%s'", VOLUME_NAME_LIMIT, volume.name))
    end
    local size = round_up(volume.size or GIB, GIB)
    if size > 500 * GIB then return refuse("volumes", "a Fly volume holds at most 500 GiB") end
    volumes[i] = {name = volume.name, path = volume.path, size = size}
  end
  return volumes
end

local function check_env(spec)
  for name in pairs(spec.env or {}) do
    if name == "PORT" or name:find("^CROFT_") or name:find("^FLY_") then
      return refuse("env", "env." .. name .. " is set by Croft or by Fly.io; use http.port for the port")
    end
  end
  return true
end

local function check_fields(resource)
  if resource.kind ~= "Instance" then
    return fail("Invalid", "Fly.io runs Instances, not " .. resource.kind .. "s")
  end
  for name in pairs(resource.spec) do
    if not KNOWN[name] then return refuse(name, "Fly.io cannot honour '" .. name .. "'") end
  end
  if not resource.spec.command or #resource.spec.command == 0 then return refuse("command", "it has no command to run") end
  return check_env(resource.spec)
end

local function normalize_grace(context, spec)
  local grace, name = spec.grace or 10000, context.settings.cpuKind
  if grace > KINDS[name].longest_grace then
    return refuse("grace", string.format("Fly.io gives a %s machine at most %s to stop", name, to_duration(KINDS[name].longest_grace)))
  end
  return grace
end

-- Each part is looked at by its function, which gives what the part is to be, nil for none, or nil and an error.
local PARTS = {
  {"resources", normalize_resources},
  {"http", function(_, spec) return normalize_http(spec) end},
  {"health", function(_, spec) return normalize_health(spec) end},
  {"volumes", function(_, spec) return normalize_volumes(spec) end},
  {"grace", normalize_grace},
}

local function normalize(context, resource)
  local fine, err = check_fields(resource)
  if not fine then return nil, err end
  local spec = {}
  for name, value in pairs(resource.spec) do spec[name] = value end
  for _, part in ipairs(PARTS) do
    local value, problem = part[2](context, resource.spec)
    if problem then return nil, problem end
    spec[part[1]] = value
  end
  -- The image is the operator's choice; as a part of the spec, a new choice is a change like any other.
  spec.image = spec.image or context.settings.image
  return spec
end

-- From a spec to a machine's configuration, and back ---------------------------------------------------------------

local function to_guest(context, spec)
  return {cpu_kind = context.settings.cpuKind, cpus = spec.resources.cpu / 1000, memory_mb = spec.resources.memory / MIB}
end

-- The directory a Fly file is in is made when it is written. Fly documents no limit for all files together, so the
-- operator's stands.
local function to_files(context, effect)
  local files, total = json.array{}, 0
  for _, file in ipairs(effect.files or {}) do
    if file.link then return refuse("files", "Fly.io writes plain files only: '" .. file.path .. "' is a link") end
    total = total + file.size
    if total > context.settings.filesLimit then
      return refuse("files", string.format("its files hold more than %d bytes, the operator's limit for Fly.io (settings.filesLimit)", context.settings.filesLimit))
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
  local check = {type = health.http and "http" or "tcp", port = spec.http.port, interval = to_duration(health.interval),
    timeout = to_duration(health.timeout), grace_period = to_duration(health.startWithin)}
  if health.http then check.method, check.path, check.protocol = "GET", health.http, "http" end
  return check
end

-- Neither starts nor stops a machine by itself: that is Croft's to decide.
local function to_service(spec)
  return {protocol = "tcp", internal_port = spec.http.port, autostart = false, autostop = "off",
    ports = json.array{{port = 80, handlers = json.array{"http"}, force_https = true},
                       {port = 443, handlers = json.array{"tls", "http"}}}}
end

local function to_env(spec)
  local env = json.object{}
  for name, value in pairs(spec.env or {}) do env[name] = value end
  if spec.http then env.PORT = tostring(spec.http.port) end
  return env
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
    image = spec.image, guest = to_guest(context, spec), env = to_env(spec), files = files,
    init = {exec = to_exec(context, effect)}, metadata = to_metadata(effect, files),
    restart = {policy = "always"}, auto_destroy = false,
    stop_config = {signal = "SIGTERM", timeout = to_duration(spec.grace)},
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

local function from_env(config, kept)
  local env, is_empty = json.object{}, true
  for name, value in pairs(config.env or {}) do
    if name ~= "PORT" then env[name], is_empty = value, false end
  end
  if is_empty and not kept.has_env then return nil end
  return env
end

local function from_check(check)
  if not check then return nil end
  return {http = check.type == "http" and check.path or nil, tcp = check.type ~= "http" and check.port or nil,
    interval = from_duration(check.interval), timeout = from_duration(check.timeout),
    startWithin = from_duration(check.grace_period)}
end

local function from_mounts(mounts)
  local volumes = json.array{}
  for i, mount in ipairs(mounts or {}) do
    volumes[i] = {name = from_volume_name(mount.name or ""), path = mount.path, size = (mount.size_gb or 0) * GIB}
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
    command = from_exec((config.init or {}).exec), env = from_env(config, kept), image = config.image,
    resources = {cpu = (guest.cpus or 0) * 1000, memory = (guest.memory_mb or 0) * MIB, pids = kept.pids},
    http = service and {port = service.internal_port} or nil,
    health = from_check((config.checks or {}).health), volumes = from_mounts(config.mounts),
    grace = from_duration((config.stop_config or {}).timeout), files = from_files(config, kept),
  }
end

-- Finding ---------------------------------------------------------------------------------------------------------

local function label_of(machine, name)
  local config = machine.config or machine.incomplete_config or {}
  return (config.metadata or {})[name]
end

local GONE = {destroyed = true, destroying = true, launch_failed = true}

-- Labels alone do not do: a machine that somebody cloned carries ours.
local function is_ours(machine, uid)
  return machine.name == MACHINE and label_of(machine, "croft.uid") == uid
end

-- The app, if it is there and ours: a network of its own name is the label that an app can carry. False if it is not.
local function find_app(context, uid)
  local app = app_name(context, uid)
  local response, err = http.get(app_path(app), {accept = {404}})
  if not response then return explain("looking for the app " .. app, err) end
  if response.status == 404 then return false end
  local found = response.json()
  if found.network ~= app then return fail("Conflict", "the Fly app " .. app .. " was not made by Croft; it is left alone", {foreign = true}) end
  return found
end

-- Every machine of the app, or none if there is no app.
local function list_machines(app)
  local response, err = http.get(app_path(app, "/machines"), {accept = {404}})
  if not response then return explain("looking for the machine in " .. app, err) end
  if response.status == 404 then return {} end
  return response.json()
end

-- The machine of a resource, or false.
local function find_machine(context, uid)
  local machines, err = list_machines(app_name(context, uid))
  if not machines then return nil, err end
  for _, machine in ipairs(machines) do
    if is_ours(machine, uid) and not GONE[machine.state] then return machine end
  end
  return false
end

local function require_machine(context, effect)
  local machine, err = find_machine(context, effect.uid)
  if err then return nil, err end
  if not machine then return fail("NotFound", "it has no machine at Fly.io") end
  return machine
end

-- Waiting and leases ----------------------------------------------------------------------------------------------

-- Fly waits for a state itself, for at most 60 s. True, or false if it did not come in time or the machine is gone.
-- The version has a new name and an old one; for "stopped" one of them must be given.
local function wait_for(app, machine, state, seconds, version)
  local response, err = http.get(machine_path(app, machine, "/wait"), {
    query = {state = state, timeout = math.max(1, math.min(60, math.ceil(seconds))), version = version, instance_id = version},
    timeout_ms = 70000, accept = {404, 408}})
  if not response then return explain("waiting for the machine to be " .. state, err) end
  if response.status == 404 then return state == "destroyed" end
  return response.status ~= 408
end

local function seconds_left(effect) return math.max(1, math.min(60, (effect.deadline_ms or 60000) / 1000)) end

-- Fly documents the lease in an envelope and specifies it without one.
local function lease_in(response)
  local body = response.json()
  return body.data or body
end

-- The lease is ours already if the reply that told us was lost; its description says so.
local function take_over_lease(app, machine, description, refusal)
  local response, err = http.get(machine_path(app, machine, "/lease"), {accept = {404}})
  if response and response.status == 200 then
    local lease = lease_in(response)
    if lease.description == description then return lease.nonce end
  end
  return explain("taking the lease of the machine", err or refusal)
end

local function take_lease(app, machine, effect)
  local description = "croft " .. effect.intent
  local ttl = math.ceil(seconds_left(effect))
  -- Specified in the body, and sent in the query by Fly's own client. If the reply is lost, we find our own lease.
  local response, err = http.post(machine_path(app, machine, "/lease"), {idempotent = true,
    query = {ttl = ttl}, json = {ttl = ttl, description = description}})
  if response then return lease_in(response).nonce end
  if err.status == 409 then return take_over_lease(app, machine, description, err) end
  return explain("taking the lease of the machine", err)
end

local function held(nonce) return {["fly-machine-lease-nonce"] = nonce} end

-- Nobody else changes the machine meanwhile. What the lease does not survive (a lost reply) ends with its time.
local function with_lease(app, machine, effect, work)
  local nonce, err = take_lease(app, machine, effect)
  if not nonce then return nil, err end
  local done, problem = work(nonce)
  local released, why = http.delete(machine_path(app, machine, "/lease"), {headers = held(nonce), accept = {404, 409}})
  if not released then log.warn("the lease of a machine was not given back; it ends by itself", {app = app, why = why.message}) end
  if problem then return nil, problem end
  return done
end

-- Between two states Fly refuses most things.
local SETTLED = {started = true, stopped = true, suspended = true, failed = true}

local function settle(app, machine, effect, version)
  if SETTLED[machine.state] and not version then return machine.state end
  local ok, err = wait_for(app, machine, "settled", seconds_left(effect), version)
  if err then return nil, err end
  if not ok then return fail("Timeout", "the machine stays " .. machine.state, {retryable = true}) end
  local response, problem = http.get(machine_path(app, machine))
  if not response then return explain("reading the machine", problem) end
  return response.json().state
end

-- Making ----------------------------------------------------------------------------------------------------------

-- Names are unique across Fly.io, and a reply may have been lost: whether the app is ours decides, not the answer.
local function ensure_app(context, effect)
  local app = app_name(context, effect.uid)
  local found, err = find_app(context, effect.uid)
  if err or found then return found and app or nil, err end
  -- Names are unique, so that it may be asked twice.
  local response, problem = http.post("/apps", {idempotent = true,
    json = {name = app, org_slug = context.settings.organization, network = app}})
  if response then return app end
  if problem.status == 409 or problem.status == 422 then
    found, err = find_app(context, effect.uid)
    if found then return app end
    if err and err.foreign then return nil, err end
  end
  return explain("making the app " .. app, problem)
end

-- A shared IPv4 and an own IPv6 address: free of charge, and what APP.fly.dev answers on.
local function ensure_addresses(app)
  local response, err = http.get(app_path(app, "/ip_assignments"))
  if not response then return explain("reading the addresses of " .. app, err) end
  local missing = {shared_v4 = true, v6 = true}
  for _, assigned in ipairs(response.json().ips or {}) do
    if assigned.shared then missing.shared_v4 = nil end
    if assigned.ip:find(":", 1, true) and not assigned.ip:find("^fdaa:") then missing.v6 = nil end
  end
  for _, kind in ipairs{"shared_v4", "v6"} do
    if missing[kind] then
      local done, problem = http.post(app_path(app, "/ip_assignments"), {json = {type = kind}})
      if not done then return explain("giving " .. app .. " an address", problem) end
    end
  end
  return true
end

local function list_volumes(app)
  local response, err = http.get(app_path(app, "/volumes"), {accept = {404}})
  if not response then return explain("looking for the volumes of " .. app, err) end
  return response.status == 404 and {} or response.json()
end

local NOT_A_VOLUME = {destroyed = true, pending_destroy = true, scheduling_destroy = true, waiting_for_detach = true}

local function find_volume(app, name)
  local volumes, err = list_volumes(app)
  if not volumes then return nil, err end
  for _, volume in ipairs(volumes) do
    if volume.name == name and not NOT_A_VOLUME[volume.state] then return volume end
  end
  return false
end

local function fit_volume(context, app, volume, gigabytes)
  if volume.region ~= context.settings.region then
    return fail("Conflict", string.format(
      "the volume '%s' is in region %s, the provider's settings say %s: Fly.io moves no volume; copy its data or set the region back",
      from_volume_name(volume.name), volume.region, context.settings.region))
  end
  if volume.size_gb > gigabytes then
    return refuse("volumes", string.format("the volume '%s' has %d GiB: a Fly volume grows, but never shrinks", from_volume_name(volume.name), volume.size_gb))
  end
  if volume.size_gb == gigabytes then return volume end
  local response, err = http.put(app_path(app, "/volumes/", url.encode(volume.id), "/extend"), {json = {size_gb = gigabytes}})
  if not response then return explain("growing the volume " .. volume.name, err) end
  return response.json().volume
end

-- The volume that the spec wants, or false if it wants none.
local function ensure_volume(context, effect, app)
  local wanted = (effect.spec.volumes or {})[1]
  if not wanted then return false end
  local gigabytes, name = wanted.size / GIB, to_volume_name(wanted.name)
  local volume, err = find_volume(app, name)
  if err then return nil, err end
  if volume then return fit_volume(context, app, volume, gigabytes) end
  -- The size of the machine to come places the volume on a host that has room for it.
  local response, problem = http.post(app_path(app, "/volumes"), {json = {name = name, region = context.settings.region,
    size_gb = gigabytes, encrypted = true, require_unique_zone = false, compute = to_guest(context, effect.spec)}})
  if not response then return explain("making the volume " .. name, problem) end
  return response.json()
end

local function make_machine(context, effect, app, volume)
  local config, err = to_config(context, effect, volume or nil)
  if not config then return nil, err end
  local response, problem = http.post(app_path(app, "/machines"), {json = {name = MACHINE, region = context.settings.region, config = config}})
  if response then return true end
  return explain("making the machine in " .. app, problem)
end

-- Ending ----------------------------------------------------------------------------------------------------------

local RUNNING = {started = true, starting = true, restarting = true, replacing = true, updating = true, created = true}

-- Asks the app to end, and gives it its grace, before the machine goes.
local function end_gracefully(app, machine, effect, nonce)
  if machine.state ~= "started" then return end
  local stop = ((machine.config or {}).stop_config or {}).timeout
  local response = http.post(machine_path(app, machine, "/stop"), {headers = held(nonce), json = {signal = "SIGTERM", timeout = stop}})
  if not response then return end
  local grace = (from_duration(stop) or 10000) / 1000 + 2
  wait_for(app, machine, "stopped", math.min(grace, seconds_left(effect) / 2), machine.instance_id)
end

local function destroy_machine(app, machine, effect)
  local nonce, err = take_lease(app, machine, effect)
  if not nonce then
    if err.status == 404 then return true end
    return nil, err
  end
  end_gracefully(app, machine, effect, nonce)
  local response, problem = http.request{method = "DELETE", path = machine_path(app, machine), query = {force = "true"},
    headers = held(nonce), accept = {404}}
  if not response then return explain("destroying the machine of " .. app, problem) end
  local gone, why = wait_for(app, machine, "destroyed", seconds_left(effect))
  if why then return nil, why end
  if not gone then return fail("Timeout", "the machine of " .. app .. " is not gone yet", {retryable = true}) end
  return true
end

local function destroy_volumes(app)
  local volumes, err = list_volumes(app)
  if not volumes then return nil, err end
  for _, volume in ipairs(volumes) do
    if not NOT_A_VOLUME[volume.state] then
      local response, problem = http.delete(app_path(app, "/volumes/", url.encode(volume.id)), {accept = {404}})
      if not response then return explain("erasing the volume " .. volume.name, problem) end
    end
  end
  return true
end

-- An app that still holds something stays: kept volumes, or what somebody else put there.
local function delete_empty_app(app)
  local machines, err = list_machines(app)
  if not machines then return nil, err end
  local volumes, problem = list_volumes(app)
  if not volumes then return nil, problem end
  for _, machine in ipairs(machines) do
    if not GONE[machine.state] then return true end
  end
  for _, volume in ipairs(volumes) do
    if not NOT_A_VOLUME[volume.state] then return true end
  end
  local response, why = http.delete(app_path(app), {accept = {404}})
  if not response then return explain("deleting the app " .. app, why) end
  return true
end

-- Changing --------------------------------------------------------------------------------------------------------

local function mounted_volume(machine) return (((machine.config or {}).mounts or {})[1] or {}).volume end

-- A machine keeps its region and its volume for life.
local function must_be_replaced(context, machine, volume)
  return machine.region ~= context.settings.region or mounted_volume(machine) ~= (volume and volume.id or nil)
end

local function post_config(context, effect, app, machine, volume, nonce)
  local config, err = to_config(context, effect, volume or nil)
  if not config then return nil, err end
  local response, problem = http.post(machine_path(app, machine), {headers = held(nonce),
    json = {config = config, current_version = machine.instance_id}})
  if not response then return explain("updating the machine of " .. app, problem) end
  return response.json()
end

local function start_machine(app, machine, nonce)
  local response, err = http.post(machine_path(app, machine, "/start"), {headers = held(nonce)})
  if not response then return explain("starting the machine of " .. app, err) end
  return true
end

-- Starts it if nothing runs. Fly starts a machine by itself after it was made, and after an update if it ran before.
local function ensure_started(app, machine, effect, nonce, version)
  if RUNNING[machine.state] and not version then return true end
  local state, err = settle(app, machine, effect, version)
  if not state then return nil, err end
  if state == "started" then return true end
  return start_machine(app, machine, nonce)
end

local function update_in_place(context, effect, app, machine, volume)
  return with_lease(app, machine, effect, function(nonce)
    local ran = RUNNING[machine.state]
    local updated, err = post_config(context, effect, app, machine, volume, nonce)
    if not updated then return nil, err end
    if ran then return true end
    return ensure_started(app, updated, effect, nonce, updated.instance_id)
  end)
end

local function has_spec(machine, effect) return label_of(machine, "croft.spec") == effect.spec_digest end

-- Makes what is there run with the spec of the effect; done already if this intent did it.
local function bring_to(context, effect, app, machine)
  if has_spec(machine, effect) and label_of(machine, "croft.intent") == effect.intent then
    if RUNNING[machine.state] then return true end
    return with_lease(app, machine, effect, function(nonce) return ensure_started(app, machine, effect, nonce) end)
  end
  local volume, err = ensure_volume(context, effect, app)
  if err then return nil, err end
  if must_be_replaced(context, machine, volume) then
    local gone, problem = destroy_machine(app, machine, effect)
    if not gone then return nil, problem end
    return make_machine(context, effect, app, volume)
  end
  return update_in_place(context, effect, app, machine, volume)
end

-- The verbs -------------------------------------------------------------------------------------------------------

-- Nothing is remembered of how far an earlier try came: each step looks first.
local function create(context, effect)
  local machine, err = find_machine(context, effect.uid)
  if err then return nil, err end
  -- The limits of files are found out before anything is made.
  local files, too_large = to_files(context, effect)
  if not files then return nil, too_large end
  local app, problem = ensure_app(context, effect)
  if not app then return nil, problem end
  if effect.spec.http then
    local reachable, why = ensure_addresses(app)
    if not reachable then return nil, why end
  end
  if machine then return bring_to(context, effect, app, machine) end
  local volume, refused = ensure_volume(context, effect, app)
  if refused then return nil, refused end
  return make_machine(context, effect, app, volume)
end

local function update(context, effect)
  local machine, err = require_machine(context, effect)
  if not machine then return nil, err end
  local app = app_name(context, effect.uid)
  if effect.spec.http then
    local reachable, why = ensure_addresses(app)
    if not reachable then return nil, why end
  end
  return bring_to(context, effect, app, machine)
end

local function start(context, effect)
  local machine, err = require_machine(context, effect)
  if not machine then return nil, err end
  if RUNNING[machine.state] then return true end
  local app = app_name(context, effect.uid)
  return with_lease(app, machine, effect, function(nonce) return ensure_started(app, machine, effect, nonce) end)
end

local function stop(context, effect)
  local machine, err = require_machine(context, effect)
  if not machine then return nil, err end
  if machine.state == "stopped" or machine.state == "stopping" then return true end
  local app = app_name(context, effect.uid)
  return with_lease(app, machine, effect, function(nonce)
    local state, problem = settle(app, machine, effect)
    if not state then return nil, problem end
    if state == "stopped" then return true end
    local response, why = http.post(machine_path(app, machine, "/stop"), {headers = held(nonce),
      json = {signal = "SIGTERM", timeout = (machine.config.stop_config or {}).timeout}})
    if not response then return explain("stopping the machine of " .. app, why) end
    return true
  end)
end

local function destroy(context, effect)
  local app = app_name(context, effect.uid)
  local found, err = find_app(context, effect.uid)
  if err and err.foreign then return true end -- nothing of ours is there
  if err then return nil, err end
  if not found then return true end
  local machine, problem = find_machine(context, effect.uid)
  if problem then return nil, problem end
  if machine then
    local gone, why = destroy_machine(app, machine, effect)
    if not gone then return nil, why end
  end
  if effect.erase_data then
    local erased, why = destroy_volumes(app)
    if not erased then return nil, why end
  end
  return delete_empty_app(app)
end

-- Observing -------------------------------------------------------------------------------------------------------

local PHASES = {created = "Starting", creating = "Starting", starting = "Starting", started = "Running",
  restarting = "Starting", updating = "Starting", replacing = "Starting", stopping = "Stopping", stopped = "Stopped",
  suspending = "Stopping", suspended = "Asleep", failed = "Failed", launch_failed = "Failed", destroying = "Stopping"}

-- What was made of machines' details, by id, as they were read last; kept between observations. Losing it costs
-- requests, nothing else.
local remembered = {}

local function read_pages(path, name)
  return http.pages(path, {
    items = function(response) return response.json()[name] or {} end,
    next = function(response)
      local cursor = response.json().next_cursor
      if not cursor or cursor == "" then return nil end
      return path .. "?" .. url.query{cursor = cursor}
    end,
  })
end

-- Both lists of the organization, side by side.
local function read_lists(context)
  local org = "/orgs/" .. url.encode(context.settings.organization)
  local lists = await.all{function() return read_pages(org .. "/machines", "machines") end,
                          function() return read_pages(org .. "/volumes", "volumes") end}
  for _, list in ipairs(lists) do
    if not list.ok then return explain("listing the organization's machines and volumes", list.err) end
  end
  return lists[1].value, lists[2].value
end

local function is_listed_as_ours(context, machine)
  local uid = label_of(machine, "croft.uid")
  return uid and machine.name == MACHINE and machine.app_name == app_name(context, uid) and machine.state ~= "destroyed"
end

-- The lists may lag behind: what Croft changed lately is asked for by itself, whatever they say.
local LAG = 120000
local touched = {} -- uid → when

local function is_known(machine)
  local known = remembered[machine.id]
  return known and not touched[label_of(machine, "croft.uid")]
    and known.version == machine.version and known.updated_at == machine.updated_at
end

local function recall_touched()
  local recent = json.object{}
  for uid, at in pairs(memory.get("touched") or {}) do
    if time.now() - at < LAG then recent[uid] = at end
  end
  return recent
end

-- The machine of a uid that is not in the list yet, in the list's shape.
local function find_unlisted(context, uid)
  local machine, err = find_machine(context, uid)
  if not machine then return nil, err end
  machine.app_name, machine.version = app_name(context, uid), machine.instance_id
  return machine
end

-- A list together with what was made too lately to be in it.
local function add_unlisted(context, machines)
  local missing, calls = json.object{}, {}
  for uid in pairs(touched) do missing[uid] = true end
  for _, machine in ipairs(machines) do missing[label_of(machine, "croft.uid")] = nil end
  for uid in pairs(missing) do
    calls[#calls + 1] = function() return find_unlisted(context, uid) end
  end
  for _, result in ipairs(await.all(calls)) do
    if not result.ok then return nil, result.err end
    machines[#machines + 1] = result.value
  end
  return machines
end

-- Machines to read again: those that changed, and a few of the others, the longest unread first, because the lists
-- tell neither of checks nor of hosts that are gone.
local function choose_for_reading(machines)
  local chosen, others = {}, {}
  for _, machine in ipairs(machines) do
    local list = is_known(machine) and others or chosen
    list[#list + 1] = machine
  end
  table.sort(others, function(a, b) return remembered[a.id].read_at < remembered[b.id].read_at end)
  for i = 1, math.min(REFRESHED_AT_ONCE, #others) do chosen[#chosen + 1] = others[i] end
  return chosen
end

local function forget_all_but(machines)
  local listed = {}
  for _, machine in ipairs(machines) do listed[machine.id] = true end
  for id in pairs(remembered) do
    if not listed[id] then remembered[id] = nil end
  end
end

-- Fly has the latest event first.
local function last_exit(details)
  for _, event in ipairs(details.events or {}) do
    local request = type(event.request) == "table" and event.request or {}
    local exit = request.exit_event or (request.MonitorEvent or {}).exit_event
    if event.type == "exit" and exit then return exit, request.restart_count or 0 end
    if event.type == "launch" or event.type == "update" then return nil, 0 end
  end
  return nil, 0
end

local function started_at(details)
  for _, event in ipairs(details.events or {}) do
    if event.type == "start" and event.status == "started" then return event.timestamp end
  end
  return nil
end

local function add_health(observed, details)
  local seen = details.checks or {}
  if #seen == 0 then return end
  observed.health = "Passing"
  for _, check in ipairs(seen) do
    if check.status ~= "passing" then
      observed.health = check.status == "critical" and "Failing" or "Unknown"
      if check.status == "critical" then observed.message = check.name .. ": " .. (check.output or "") end
    end
  end
end

local function add_reason(observed, details)
  local exit, restarts = last_exit(details)
  observed.restarts = restarts
  if exit and not exit.requested_stop and (exit.oom_killed or (exit.exit_code or 0) ~= 0) then
    observed.reason = exit.oom_killed and "OutOfMemory" or "CrashLoop"
    observed.message = exit.oom_killed and "it used more memory than it has" or ("exit status " .. tostring(exit.exit_code))
  end
  if details.state == "failed" or details.state == "launch_failed" then
    observed.reason = observed.reason or "MachineFailed"
    observed.message = observed.message or "Fly.io could not start the machine; look at its events there"
  end
  if details.host_status and details.host_status ~= "ok" then
    observed.reason = "HostUnreachable"
    observed.message = "Fly.io does not reach the host that the machine is on"
    if details.host_status == "unreachable" then observed.phase = "Failed" end
  end
end

-- Details are read after the list, and again whenever the list shows a change: they are never the older of the two.
local function to_observed(machine, details)
  local source = details.config and details or machine
  local observed = {
    uid = label_of(machine, "croft.uid"), ref = label_of(source, "croft.ref"), intent = label_of(source, "croft.intent"),
    spec_digest = label_of(source, "croft.spec"), phase = PHASES[details.state] or "Created", health = "Unknown"}
  if details.config then
    observed.fields = to_fields(details.config)
    if observed.fields.http then observed.endpoint = "https://" .. machine.app_name .. ".fly.dev" end
  end
  if observed.phase == "Running" then
    observed.started_at = started_at(details)
    add_health(observed, details)
  end
  add_reason(observed, details)
  return observed
end

local function read_details(machines)
  local calls = {}
  for i, machine in ipairs(machines) do
    calls[i] = function()
      local response, err = http.get(machine_path(machine.app_name, machine), {accept = {404}})
      if not response then return nil, err end
      return response.status == 200 and response.json() or {state = "destroyed"}
    end
  end
  for i, result in ipairs(await.all(calls)) do
    local machine = machines[i]
    if result.ok then
      local seen = result.value.state ~= "destroyed" and to_observed(machine, result.value) or nil
      remembered[machine.id] = {version = machine.version, updated_at = machine.updated_at, read_at = time.now(),
        seen = seen, volume = result.value.config and mounted_volume(result.value)}
    else
      -- One machine that cannot be read hides no other; it is told of without its fields.
      log.warn("a machine cannot be read", {app = machine.app_name, why = result.err.message})
      remembered[machine.id] = nil
    end
  end
end

-- A machine that cannot be read is told of as the list shows it.
local function to_listed(machine)
  return {uid = label_of(machine, "croft.uid"), ref = label_of(machine, "croft.ref"), intent = label_of(machine, "croft.intent"),
    spec_digest = label_of(machine, "croft.spec"), phase = PHASES[machine.state] or "Created", health = "Unknown",
    reason = "DetailsMissing", message = "Fly.io lists the machine, but does not show it"}
end

-- A volume may have grown since its machine was read.
local function with_size(known, sizes)
  local gigabytes = known.volume and sizes[known.volume]
  if gigabytes and known.seen.fields then known.seen.fields.volumes[1].size = gigabytes * GIB end
  return known.seen
end

local function observe(context)
  local listed, volumes = read_lists(context)
  if not listed then return nil, volumes end
  local machines, sizes = {}, {}
  for _, machine in ipairs(listed) do
    if is_listed_as_ours(context, machine) then machines[#machines + 1] = machine end
  end
  for _, volume in ipairs(volumes) do sizes[volume.id] = volume.size_gb end
  touched = recall_touched()
  local added, err = add_unlisted(context, machines)
  if not added then return nil, err end
  remembered = memory.get("machines") or json.object{}
  forget_all_but(machines)
  read_details(choose_for_reading(machines))
  local all = json.array{}
  for _, machine in ipairs(machines) do
    local known = remembered[machine.id]
    local seen = known and known.seen and with_size(known, sizes)
    if seen or not known then all[#all + 1] = seen or to_listed(machine) end
  end
  memory.set("machines", remembered)
  memory.set("touched", touched)
  return all
end

-- Also an effect that fails half way may have changed something.
local function changing(verb)
  return function(context, effect)
    local done, err = verb(context, effect)
    local recent = recall_touched()
    recent[effect.uid] = time.now()
    memory.set("touched", recent)
    return done, err
  end
end

local function capabilities()
  return {workloads = true, volumes = true, logs = false, files = true, missing = json.array{
    {what = "pids", why = "a Fly machine is a machine of its own; Fly.io limits no processes in it"},
    {what = "no egress", why = "Fly.io's Machines API cannot keep a machine from the Internet"}}}
end

return {
  api = 1, title = "Fly.io Machines", settings = settings,
  server = {url = "https://api.machines.dev/v1", auth = "bearer"},
  -- Fly allows 1 request a second for each action and each machine (5 for reading one), bursts of 3. An account has many
  -- machines, but making an app is one action of them all, and takes five to seven requests with what belongs to it.
  rate = {perSecond = 5, concurrency = 8},
  capabilities = capabilities, normalize = normalize, observe = observe,
  create = changing(create), update = changing(update), start = changing(start), stop = changing(stop),
  destroy = changing(destroy),
}
