-- Observing: one request for all projects, and one more for the variables of up to 25 services that were deployed since.

local api = require "api"
local configuration = require "configuration"
local projects = require "projects"

local READ_AT_ONCE = 25 -- services whose variables one request asks for

local PHASES = {INITIALIZING = "Starting", QUEUED = "Starting", WAITING = "Starting", NEEDS_APPROVAL = "Created", BUILDING = "Starting",
  DEPLOYING = "Starting", SUCCESS = "Running", SLEEPING = "Asleep", CRASHED = "Failed", FAILED = "Failed", SKIPPED = "Failed",
  REMOVING = "Stopping", REMOVED = "Stopped"}

local REASONS = {
  CRASHED = {"CrashLoop", "the app ended with an error, and Railway does not start it again"},
  FAILED = {"DeploymentFailed", "Railway could not changes.deploy it; look at the deployment's logs"},
  SKIPPED = {"DeploymentSkipped", "Railway skipped the deployment"},
  NEEDS_APPROVAL = {"NeedsApproval", "the deployment waits for an approval at Railway"},
  QUEUED = {"Queued", "Railway queues deployments just now"},
}

-- Variables and limits by project, as they were read last; kept between observations. They count from a deployment on,
-- so that they are read again when there is another one. Losing it costs a request, nothing else.
local remembered = {}

local function stamp_of(place) return ((projects.latest(place) or {}).id or "") .. " " .. (place.service.updatedAt or "") end

local function is_known(place)
  local known = remembered[place.id]
  return known and known.stamp == stamp_of(place)
end

-- One query with two fields for each service.
local function details_query(places)
  local types, fields, values = {}, {}, json.object{}
  for i, place in ipairs(places) do
    types[#types + 1] = string.format("$p%d: String!, $e%d: String!, $s%d: String!", i, i, i)
    fields[#fields + 1] = string.format("v%d: variables(projectId: $p%d, environmentId: $e%d, serviceId: $s%d, unrendered: true)", i, i, i, i)
    fields[#fields + 1] = string.format("l%d: serviceInstanceLimitOverride(environmentId: $e%d, serviceId: $s%d)", i, i, i)
    values["p" .. i], values["e" .. i], values["s" .. i] = place.id, place.environment, place.service.serviceId
  end
  return "query Details(" .. table.concat(types, ", ") .. ") {\n" .. table.concat(fields, "\n") .. "\n}", values
end

local function remember(places, data)
  for i, place in ipairs(places) do
    if data["v" .. i] then
      remembered[place.id] = {stamp = stamp_of(place), variables = data["v" .. i], limits = data["l" .. i]}
    end
  end
end

-- Those that an answer's errors do not name.
local function without_the_failed(places, errors)
  local failed, rest = {}, {}
  for _, err in ipairs(errors) do
    local index = tostring((err.path or {})[1]):match("^[vl](%d+)$")
    if index then failed[tonumber(index)] = true end
  end
  for i, place in ipairs(places) do
    if not failed[i] then rest[#rest + 1] = place end
  end
  return #rest < #places and rest or {}
end

-- What one service refuses must not hide the others: they are asked for once more, without it.
local function read_details(places)
  for tries = 1, 2 do
    if #places == 0 then return end
    local query, values = details_query(places)
    local data, err = graphql(query, values)
    if data then return remember(places, data) end
    log.warn("variables cannot be read", {why = err.message})
    if tries == 2 or not err.errors then return end
    places = without_the_failed(places, err.errors)
  end
end

local function read_changed(places)
  local chunk = {}
  for _, place in ipairs(places) do
    if place.service and projects.latest(place) and not is_known(place) then chunk[#chunk + 1] = place end
    if #chunk == READ_AT_ONCE then
      read_details(chunk)
      chunk = {}
    end
  end
  read_details(chunk)
end

local function add_reason(observed, place)
  local deployment = projects.latest(place)
  local reason = deployment and REASONS[deployment.status]
  if reason then observed.reason, observed.message = reason[1], reason[2] end
  if deployment and deployment.status == "FAILED" and #(place.service.activeDeployments or {}) > 0 then
    observed.message = observed.message .. "; what was deployed before still runs"
  end
end

local function phase_of(place)
  local deployment = projects.latest(place)
  if not deployment then return "Created" end
  -- An app that ended well stays SUCCESS, with all its instances stopped.
  if deployment.status == "SUCCESS" and deployment.deploymentStopped then return "Completed" end
  return PHASES[deployment.status] or "Created"
end

local function to_observed(place)
  -- A service that somebody deleted is gone with what was known of it.
  local done, details = projects.done_of(place), place.service and remembered[place.id]
  local observed = {uid = place.labels["croft.uid"], ref = place.labels["croft.ref"], intent = done.intent or "",
    spec_digest = done.spec or "", phase = phase_of(place), health = "Unknown"}
  local domain = place.service and place.service.domains.serviceDomains[1]
  if domain then observed.endpoint = "https://" .. domain.domain end
  if observed.phase == "Running" then observed.started_at = time.parse(projects.latest(place).statusUpdatedAt) end
  if details then
    observed.fields = configuration.to_fields(place, details)
  elseif projects.latest(place) then
    observed.reason, observed.message = "DetailsMissing", "Railway shows the service, but not its variables"
  end
  add_reason(observed, place)
  return observed
end

-- What is on its way is looked at more often.
local SOON = 10000

local MOVING = {Created = true, Starting = true, Stopping = true}

local function is_moving(observed)
  for _, one in ipairs(observed) do
    if MOVING[one.phase] then return true end
  end
  return false
end

-- The last observation, if it is young enough and Croft changed nothing since. Each tenant's pass asks for one, and
-- together they would use up the hour's requests.
local function recent(context)
  local last = memory.get("last")
  if not last then return nil end
  local limit = context.settings.observeEvery
  if is_moving(last.observed) then limit = math.min(limit, SOON) end
  return time.now() - last.at < limit and last.observed or nil
end

local function look(context)
  local places, err = projects.list(context)
  if not places then return nil, err end
  remembered = memory.get("services") or json.object{}
  instance.keep_only(remembered, places)
  local shown, seen = {}, {}
  for _, place in ipairs(places) do
    local uid = place.labels["croft.uid"]
    if seen[uid] then
      log.warn("there is a second project for one resource; the older counts, and destroying removes both", {project = place.name})
    elseif not place.labels.kept then
      shown[#shown + 1] = place
    end
    seen[uid] = true
  end
  read_changed(shown)
  local all = json.array{}
  for i, place in ipairs(shown) do all[i] = to_observed(place) end
  memory.set("services", remembered)
  return all
end

local function observe(context)
  local known = recent(context)
  if known then return known end
  local at, changes = time.now(), memory.get("changes")
  local all, err = look(context)
  if not all then return nil, err end
  -- What an effect changed while we looked may be in it or not.
  if memory.get("changes") == changes then memory.set("last", {at = at, observed = all}) end
  return all
end

-- An effect makes what was observed before it old, also if it fails half way.
local function changing(verb)
  return function(context, effect)
    local done, err = verb(context, effect)
    memory.set("last", nil)
    memory.set("changes", (memory.get("changes") or 0) + 1)
    return done, err
  end
end

return {observe = observe, changing = changing}
