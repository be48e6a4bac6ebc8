-- The life of an app's one machine: finding it, its lease, its states, making, changing and ending it.

local api = require "api"
local configuration = require "configuration"

local MACHINE = "croft" -- every app's one machine has this name; Fly makes no second one of a name in an app
local GONE = {destroyed = true, destroying = true, launch_failed = true}
local RUNNING = {started = true, starting = true, restarting = true, replacing = true, updating = true, created = true}

-- Labels alone do not do: a machine that somebody cloned carries ours.
local function is_ours(machine, uid)
  return machine.name == MACHINE and configuration.label_of(machine, "croft.uid") == uid
end

-- Every machine of the app, or none if there is no app.
local function list_machines(app)
  local response, err = http.get(api.app_path(app, "/machines"), {accept = {404}})
  if not response then return api.explain("looking for the machine in " .. app, err) end
  if response.status == 404 then return {} end
  return response.json()
end

-- The machine of a resource, or false.
local function find_machine(context, uid)
  local machines, err = list_machines(api.app_name(context, uid))
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

-- Fly waits for a state itself, for at most 60 s. True, or false if it did not come in time or the machine is gone.
-- The version has a new name and an old one; for "stopped" one of them must be given.
local function wait_for(app, machine, state, seconds, version)
  local response, err = http.get(api.machine_path(app, machine, "/wait"), {
    query = {state = state, timeout = math.max(1, math.min(60, math.ceil(seconds))), version = version, instance_id = version},
    timeout_ms = 70000, accept = {404, 408}})
  if not response then return api.explain("waiting for the machine to be " .. state, err) end
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
  local response, err = http.get(api.machine_path(app, machine, "/lease"), {accept = {404}})
  if response and response.status == 200 then
    local lease = lease_in(response)
    if lease.description == description then return lease.nonce end
  end
  return api.explain("taking the lease of the machine", err or refusal)
end

local function take_lease(app, machine, effect)
  local description = "croft " .. effect.intent
  local ttl = math.ceil(seconds_left(effect))
  -- Specified in the body, and sent in the query by Fly's own client. If the reply is lost, we find our own lease.
  local response, err = http.post(api.machine_path(app, machine, "/lease"), {idempotent = true,
    query = {ttl = ttl}, json = {ttl = ttl, description = description}})
  if response then return lease_in(response).nonce end
  if err.status == 409 then return take_over_lease(app, machine, description, err) end
  return api.explain("taking the lease of the machine", err)
end

local function held(nonce) return {["fly-machine-lease-nonce"] = nonce} end

-- Nobody else changes the machine meanwhile. What the lease does not survive (a lost reply) ends with its time.
local function with_lease(app, machine, effect, work)
  local nonce, err = take_lease(app, machine, effect)
  if not nonce then return nil, err end
  local done, problem = work(nonce)
  local released, why = http.delete(api.machine_path(app, machine, "/lease"), {headers = held(nonce), accept = {404, 409}})
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
  local response, problem = http.get(api.machine_path(app, machine))
  if not response then return api.explain("reading the machine", problem) end
  return response.json().state
end

local function make_machine(context, effect, app, volume)
  local config, err = configuration.to_config(context, effect, volume or nil)
  if not config then return nil, err end
  local response, problem = http.post(api.app_path(app, "/machines"), {json = {name = MACHINE, region = context.settings.region, config = config}})
  if response then return true end
  return api.explain("making the machine in " .. app, problem)
end

-- Asks the app to end, and gives it its grace, before the machine goes.
local function end_gracefully(app, machine, effect, nonce)
  if machine.state ~= "started" then return end
  local stop = ((machine.config or {}).stop_config or {}).timeout
  local response = http.post(api.machine_path(app, machine, "/stop"), {headers = held(nonce), json = {signal = "SIGTERM", timeout = stop}})
  if not response then return end
  local grace = (api.from_duration(stop) or 10000) / 1000 + 2
  wait_for(app, machine, "stopped", math.min(grace, seconds_left(effect) / 2), machine.instance_id)
end

local function destroy_machine(app, machine, effect)
  local nonce, err = take_lease(app, machine, effect)
  if not nonce then
    if err.status == 404 then return true end
    return nil, err
  end
  end_gracefully(app, machine, effect, nonce)
  local response, problem = http.request{method = "DELETE", path = api.machine_path(app, machine), query = {force = "true"},
    headers = held(nonce), accept = {404}}
  if not response then return api.explain("destroying the machine of " .. app, problem) end
  local gone, why = wait_for(app, machine, "destroyed", seconds_left(effect))
  if why then return nil, why end
  if not gone then return fail("Timeout", "the machine of " .. app .. " is not gone yet", {retryable = true}) end
  return true
end

local function post_config(context, effect, app, machine, volume, nonce)
  local config, err = configuration.to_config(context, effect, volume or nil)
  if not config then return nil, err end
  local response, problem = http.post(api.machine_path(app, machine), {headers = held(nonce),
    json = {config = config, current_version = machine.instance_id}})
  if not response then return api.explain("updating the machine of " .. app, problem) end
  return response.json()
end

local function start_machine(app, machine, nonce)
  local response, err = http.post(api.machine_path(app, machine, "/start"), {headers = held(nonce)})
  if not response then return api.explain("starting the machine of " .. app, err) end
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

local function stop_machine(app, machine, effect)
  return with_lease(app, machine, effect, function(nonce)
    local state, err = settle(app, machine, effect)
    if not state then return nil, err end
    if state == "stopped" then return true end
    local response, problem = http.post(api.machine_path(app, machine, "/stop"), {headers = held(nonce),
      json = {signal = "SIGTERM", timeout = (machine.config.stop_config or {}).timeout}})
    if not response then return api.explain("stopping the machine of " .. app, problem) end
    return true
  end)
end

return {
  NAME = MACHINE, GONE = GONE, RUNNING = RUNNING, list = list_machines, find = find_machine,
  require = require_machine, with_lease = with_lease, make = make_machine, destroy = destroy_machine,
  ensure_started = ensure_started, update = update_in_place, stop = stop_machine,
}
