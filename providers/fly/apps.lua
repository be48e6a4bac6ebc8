-- What a machine needs around it: its app, addresses, volumes.

local api = require "api"
local configuration = require "configuration"
local lifecycle = require "lifecycle"

local GIB = 1024 * 1024 * 1024

-- The app, if it is there and ours: a network of its own name is the label that an app can carry. False if it is not.
local function find_app(context, uid)
  local app = api.app_name(context, uid)
  local response, err = http.get(api.app_path(app), {accept = {404}})
  if not response then return api.explain("looking for the app " .. app, err) end
  if response.status == 404 then return false end
  local found = response.json()
  if found.network ~= app then return fail("Conflict", "the Fly app " .. app .. " was not made by Croft; it is left alone", {foreign = true}) end
  return found
end

-- Names are unique across Fly.io, and a reply may have been lost: whether the app is ours decides, not the answer.
local function ensure_app(context, effect)
  local app = api.app_name(context, effect.uid)
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
  return api.explain("making the app " .. app, problem)
end

-- A shared IPv4 and an own IPv6 address: free of charge, and what APP.fly.dev answers on.
local function ensure_addresses(app)
  local response, err = http.get(api.app_path(app, "/ip_assignments"))
  if not response then return api.explain("reading the addresses of " .. app, err) end
  local missing = {shared_v4 = true, v6 = true}
  for _, assigned in ipairs(response.json().ips or {}) do
    if assigned.shared then missing.shared_v4 = nil end
    if assigned.ip:find(":", 1, true) and not assigned.ip:find("^fdaa:") then missing.v6 = nil end
  end
  for _, kind in ipairs{"shared_v4", "v6"} do
    if missing[kind] then
      local done, problem = http.post(api.app_path(app, "/ip_assignments"), {json = {type = kind}})
      if not done then return api.explain("giving " .. app .. " an address", problem) end
    end
  end
  return true
end

local function list_volumes(app)
  local response, err = http.get(api.app_path(app, "/volumes"), {accept = {404}})
  if not response then return api.explain("looking for the volumes of " .. app, err) end
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
      api.from_volume_name(volume.name), volume.region, context.settings.region))
  end
  if volume.size_gb > gigabytes then
    return instance.refuse("volumes", string.format("the volume '%s' has %d GiB: a Fly volume grows, but never shrinks", api.from_volume_name(volume.name), volume.size_gb))
  end
  if volume.size_gb == gigabytes then return volume end
  local response, err = http.put(api.app_path(app, "/volumes/", url.encode(volume.id), "/extend"), {json = {size_gb = gigabytes}})
  if not response then return api.explain("growing the volume " .. volume.name, err) end
  return response.json().volume
end

-- The volume that the spec wants, or false if it wants none.
local function ensure_volume(context, effect, app)
  local wanted = (effect.spec.volumes or {})[1]
  if not wanted then return false end
  local gigabytes, name = wanted.size / GIB, api.to_volume_name(wanted.name)
  local volume, err = find_volume(app, name)
  if err then return nil, err end
  if volume then return fit_volume(context, app, volume, gigabytes) end
  -- The size of the machine to come places the volume on a host that has room for it.
  local response, problem = http.post(api.app_path(app, "/volumes"), {json = {name = name, region = context.settings.region,
    size_gb = gigabytes, encrypted = true, require_unique_zone = false, compute = configuration.to_guest(context, effect.spec)}})
  if not response then return api.explain("making the volume " .. name, problem) end
  return response.json()
end

local function destroy_volumes(app)
  local volumes, err = list_volumes(app)
  if not volumes then return nil, err end
  for _, volume in ipairs(volumes) do
    if not NOT_A_VOLUME[volume.state] then
      local response, problem = http.delete(api.app_path(app, "/volumes/", url.encode(volume.id)), {accept = {404}})
      if not response then return api.explain("erasing the volume " .. volume.name, problem) end
    end
  end
  return true
end

-- An app that still holds something stays: kept volumes, or what somebody else put there.
local function delete_empty_app(app)
  local machines, err = lifecycle.list(app)
  if not machines then return nil, err end
  local volumes, problem = list_volumes(app)
  if not volumes then return nil, problem end
  for _, machine in ipairs(machines) do
    if not lifecycle.GONE[machine.state] then return true end
  end
  for _, volume in ipairs(volumes) do
    if not NOT_A_VOLUME[volume.state] then return true end
  end
  local response, why = http.delete(api.app_path(app), {accept = {404}})
  if not response then return api.explain("deleting the app " .. app, why) end
  return true
end

return {
  find = find_app, ensure = ensure_app, ensure_addresses = ensure_addresses, ensure_volume = ensure_volume,
  destroy_volumes = destroy_volumes, delete_if_empty = delete_empty_app,
}
