-- Observing: two lists for all machines, and the details of those that changed.

local api = require "api"
local configuration = require "configuration"
local lifecycle = require "lifecycle"

local GIB = 1024 * 1024 * 1024
local REFRESHED_AT_ONCE = 2 -- machines whose details an observation reads again although they did not change

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
    if not list.ok then return api.explain("listing the organization's machines and volumes", list.err) end
  end
  return lists[1].value, lists[2].value
end

local function is_listed_as_ours(context, machine)
  local uid = configuration.label_of(machine, "croft.uid")
  return uid and machine.name == lifecycle.NAME and machine.app_name == api.app_name(context, uid) and machine.state ~= "destroyed"
end

-- The lists may lag behind: what Croft changed lately is asked for by itself, whatever they say.
local LAG = 120000

local touched = {} -- uid → when

local function is_known(machine)
  local known = remembered[machine.id]
  return known and not touched[configuration.label_of(machine, "croft.uid")]
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
  local machine, err = lifecycle.find(context, uid)
  if not machine then return nil, err end
  machine.app_name, machine.version = api.app_name(context, uid), machine.instance_id
  return machine
end

-- A list together with what was made too lately to be in it.
local function add_unlisted(context, machines)
  local missing, calls = json.object{}, {}
  for uid in pairs(touched) do missing[uid] = true end
  for _, machine in ipairs(machines) do missing[configuration.label_of(machine, "croft.uid")] = nil end
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
    uid = configuration.label_of(machine, "croft.uid"), ref = configuration.label_of(source, "croft.ref"), intent = configuration.label_of(source, "croft.intent"),
    spec_digest = configuration.label_of(source, "croft.spec"), phase = PHASES[details.state] or "Created", health = "Unknown"}
  if details.config then
    observed.fields = configuration.to_fields(details.config)
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
      local response, err = http.get(api.machine_path(machine.app_name, machine), {accept = {404}})
      if not response then return nil, err end
      return response.status == 200 and response.json() or {state = "destroyed"}
    end
  end
  for i, result in ipairs(await.all(calls)) do
    local machine = machines[i]
    if result.ok then
      local seen = result.value.state ~= "destroyed" and to_observed(machine, result.value) or nil
      remembered[machine.id] = {version = machine.version, updated_at = machine.updated_at, read_at = time.now(),
        seen = seen, volume = result.value.config and configuration.mounted_volume(result.value)}
    else
      -- One machine that cannot be read hides no other; it is told of without its fields.
      log.warn("a machine cannot be read", {app = machine.app_name, why = result.err.message})
      remembered[machine.id] = nil
    end
  end
end

-- A machine that cannot be read is told of as the list shows it.
local function to_listed(machine)
  return {uid = configuration.label_of(machine, "croft.uid"), ref = configuration.label_of(machine, "croft.ref"), intent = configuration.label_of(machine, "croft.intent"),
    spec_digest = configuration.label_of(machine, "croft.spec"), phase = PHASES[machine.state] or "Created", health = "Unknown",
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
  instance.keep_only(remembered, machines)
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

return {observe = observe, changing = changing}
