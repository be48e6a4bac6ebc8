-- Fly.io Machines: one Fly app for each Instance, with one machine, at most one volume and a network of its own.
-- The facts about the API come from its OpenAPI file and from fly.io/docs/machines; README.md names the pages.
--
--   api             how Fly is addressed, and how it speaks
--   spec            what of a spec it takes
--   configuration   from a spec to a machine's configuration, and back
--   lifecycle       the machine: finding it, its lease, its states
--   apps            what is around it: app, addresses, volumes
--   observation     what is there

local api = require "api"
local spec = require "spec"
local configuration = require "configuration"
local lifecycle = require "lifecycle"
local apps = require "apps"
local observation = require "observation"

local settings = {
  organization = {type = "text", required = true, help = "The slug of the Fly organization that everything is made in."},
  image = {type = "text", required = true,
    help = "The container image that apps run in; it needs /bin/sh and what their commands need, e.g. docker.io/library/python:3.12-slim."},
  region = {type = "text", default = "cdg", help = "Where machines and volumes are made, e.g. cdg, iad, syd."},
  cpuKind = {type = "text", default = "shared", choices = {"shared", "performance"},
    help = "shared processors can burst; performance ones are the app's own."},
  prefix = {type = "text", default = "croft", help = "How the names of Fly apps begin; names are unique across all of Fly.io."},
  directory = {type = "text", default = "/srv/app", help = "Where an app finds its files."},
  filesLimit = {type = "bytes", default = "1MiB", help = "The most that the files of one app may hold: they travel inside the machine's configuration."},
}

-- A machine keeps its region and its volume for life.
local function must_be_replaced(context, machine, volume)
  return machine.region ~= context.settings.region or configuration.mounted_volume(machine) ~= (volume and volume.id or nil)
end

local function has_spec(machine, effect) return configuration.label_of(machine, "croft.spec") == effect.spec_digest end

-- Makes what is there run with the spec of the effect; done already if this intent did it.
local function bring_to(context, effect, app, machine)
  if has_spec(machine, effect) and configuration.label_of(machine, "croft.intent") == effect.intent then
    if lifecycle.RUNNING[machine.state] then return true end
    return lifecycle.with_lease(app, machine, effect, function(nonce) return lifecycle.ensure_started(app, machine, effect, nonce) end)
  end
  local volume, err = apps.ensure_volume(context, effect, app)
  if err then return nil, err end
  if must_be_replaced(context, machine, volume) then
    local gone, problem = lifecycle.destroy(app, machine, effect)
    if not gone then return nil, problem end
    return lifecycle.make(context, effect, app, volume)
  end
  return lifecycle.update(context, effect, app, machine, volume)
end

-- Nothing is remembered of how far an earlier try came: each step looks first.
local function create(context, effect)
  local machine, err = lifecycle.find(context, effect.uid)
  if err then return nil, err end
  -- The limits of files are found out before anything is made.
  local files, too_large = configuration.to_files(context, effect)
  if not files then return nil, too_large end
  local app, problem = apps.ensure(context, effect)
  if not app then return nil, problem end
  if effect.spec.http then
    local reachable, why = apps.ensure_addresses(app)
    if not reachable then return nil, why end
  end
  if machine then return bring_to(context, effect, app, machine) end
  local volume, refused = apps.ensure_volume(context, effect, app)
  if refused then return nil, refused end
  return lifecycle.make(context, effect, app, volume)
end

local function update(context, effect)
  local machine, err = lifecycle.require(context, effect)
  if not machine then return nil, err end
  local app = api.app_name(context, effect.uid)
  if effect.spec.http then
    local reachable, why = apps.ensure_addresses(app)
    if not reachable then return nil, why end
  end
  return bring_to(context, effect, app, machine)
end

local function start(context, effect)
  local machine, err = lifecycle.require(context, effect)
  if not machine then return nil, err end
  if lifecycle.RUNNING[machine.state] then return true end
  local app = api.app_name(context, effect.uid)
  return lifecycle.with_lease(app, machine, effect, function(nonce) return lifecycle.ensure_started(app, machine, effect, nonce) end)
end

local function stop(context, effect)
  local machine, err = lifecycle.require(context, effect)
  if not machine then return nil, err end
  if machine.state == "stopped" or machine.state == "stopping" then return true end
  return lifecycle.stop(api.app_name(context, effect.uid), machine, effect)
end

local function destroy(context, effect)
  local app = api.app_name(context, effect.uid)
  local found, err = apps.find(context, effect.uid)
  if err and err.foreign then return true end -- nothing of ours is there
  if err then return nil, err end
  if not found then return true end
  local machine, problem = lifecycle.find(context, effect.uid)
  if problem then return nil, problem end
  if machine then
    local gone, why = lifecycle.destroy(app, machine, effect)
    if not gone then return nil, why end
  end
  if effect.erase_data then
    local erased, why = apps.destroy_volumes(app)
    if not erased then return nil, why end
  end
  return apps.delete_if_empty(app)
end

local function capabilities()
  return {workloads = true, volumes = true, logs = false, files = true, missing = json.array{
    {what = "pids", why = "a Fly machine is a machine of its own; Fly.io limits no processes in it"},
    {what = "no egress", why = "Fly.io's Machines API cannot keep a machine from the Internet"}}}
end

local changing = observation.changing

return {
  api = 1, title = "Fly.io Machines", settings = settings,
  server = {url = "https://api.machines.dev/v1", auth = "bearer"},
  -- Fly allows 1 request a second for each action and each machine (5 for reading one), bursts of 3. An account has many
  -- machines, but making an app is one action of them all, and takes five to seven requests with what belongs to it.
  rate = {perSecond = 5, concurrency = 8},
  capabilities = capabilities, normalize = spec.normalize, observe = observation.observe,
  create = changing(create), update = changing(update), start = changing(start), stop = changing(stop), destroy = changing(destroy),
}
