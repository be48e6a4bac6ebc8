-- Projects, and what they carry.
--
-- A project's description carries the labels. They are written together with a new configuration, before it is
-- deployed, and name the deployment that was the latest then: once there is a later one, what they say has happened.

local api = require "api"

local OBSERVE = [[
query Observe($workspace: String!, $after: String) {
  projects(workspaceId: $workspace, after: $after) {
    edges { node { id name description createdAt
      environments { edges { node { id
        serviceInstances { edges { node {
          serviceId startCommand healthcheckPath healthcheckTimeout drainingSeconds updatedAt source { image }
          domains { serviceDomains { id domain targetPort } }
          latestDeployment { id status statusUpdatedAt deploymentStopped }
          activeDeployments { id status }
        } } }
        volumeInstances { edges { node { volumeId mountPath sizeMB state serviceId region volume { name } } } }
      } } }
    } }
    pageInfo { hasNextPage endCursor }
  }
}]]

local function labels_in(project)
  local labels = api.decode_object(project.description)
  if labels and labels["croft.uid"] and labels["croft.ref"] then return labels end
  return nil
end

-- A project of ours, flat: its ids, its service, its volume, its labels.
local function to_place(project, labels)
  local environment = api.nodes_of(project.environments)[1] or {}
  return {id = project.id, name = project.name, created_at = project.createdAt, labels = labels,
    environment = environment.id, service = api.nodes_of(environment.serviceInstances)[1],
    volume = api.nodes_of(environment.volumeInstances)[1]}
end

-- Every place that carries our labels, the oldest first. What does not is never looked at again.
local function list_places(context)
  local places, after = {}, nil
  repeat
    local data, err = graphql(OBSERVE, {workspace = context.settings.workspace, after = after})
    if not data then return instance.explain("listing the projects of the workspace", err) end
    for _, project in ipairs(api.nodes_of(data.projects)) do
      local labels = labels_in(project)
      if labels then places[#places + 1] = to_place(project, labels) end
    end
    local page = data.projects.pageInfo
    after = page.hasNextPage and page.endCursor or nil
  until not after
  table.sort(places, function(a, b) return a.created_at < b.created_at or (a.created_at == b.created_at and a.id < b.id) end)
  return places
end

local function find_places(context, uid)
  local all, err = list_places(context)
  if not all then return nil, err end
  local found = {}
  for _, place in ipairs(all) do
    if place.labels["croft.uid"] == uid then found[#found + 1] = place end
  end
  return found
end

local function find_one(context, effect)
  local places, err = find_places(context, effect.uid)
  if not places then return nil, err end
  return places[1] or false
end

local function require_place(context, effect)
  local place, err = find_one(context, effect)
  if err then return nil, err end
  if not place or place.labels.kept then return fail("NotFound", "it has no project at Railway") end
  return place
end

local function latest(place) return (place.service or {}).latestDeployment end

-- What the labels announced has happened once there is a deployment later than the one they name.
local function has_happened(place)
  local deployment = latest(place)
  return deployment ~= nil and deployment.id ~= place.labels.before
end

-- Intent and spec of what was really deployed last.
local function done_of(place)
  if has_happened(place) then
    return {intent = place.labels["croft.intent"], spec = place.labels["croft.spec"]}
  end
  return place.labels.prev or {}
end

-- Already done by this intent, whose reply was lost.
local function is_done(place, effect)
  return not place.labels.kept and has_happened(place) and place.labels["croft.intent"] == effect.intent
end

local function to_description(labels, before, prev, more)
  local description = json.object{before = before or "", prev = prev and json.object(prev) or nil}
  for name, value in pairs(labels) do description[name] = value end
  for name, value in pairs(more or {}) do description[name] = value end
  return json.encode(description)
end

local ON_ITS_WAY = {INITIALIZING = true, QUEUED = true, WAITING = true, NEEDS_APPROVAL = true, BUILDING = true, DEPLOYING = true}

local function is_running(place)
  local deployment = latest(place)
  if not deployment then return false end
  return ON_ITS_WAY[deployment.status] or ((deployment.status == "SUCCESS" or deployment.status == "SLEEPING") and not deployment.deploymentStopped)
end

return {
  list = list_places, find_all = find_places, find = find_one, require = require_place, latest = latest,
  done_of = done_of, is_done = is_done, to_description = to_description, ON_ITS_WAY = ON_ITS_WAY,
  is_running = is_running,
}
