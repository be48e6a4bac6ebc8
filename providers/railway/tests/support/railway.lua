-- What tests of the adapter need of Railway: answers shaped like its own.

local LAUNCH = '/bin/sh -c "printenv CROFT_START > /tmp/croft-start && exec /bin/sh /tmp/croft-start"'

local function with(shown, fields)
  for name, value in pairs(fields or {}) do shown[name] = value end
  return shown
end

local function settings(t, more) t.settings(with({workspace = "w1", image = "web:1"}, more)) end

-- A spec with a command, and these fields.
local function spec(fields) return with({command = {"./web"}}, fields) end

local function edges(...)
  local list = json.array{}
  for i, node in ipairs{...} do list[i] = {node = node} end
  return {edges = list}
end

local function deployment(id, status, stopped)
  return {id = id, status = status, deploymentStopped = stopped or false, statusUpdatedAt = "2026-01-02T00:00:00Z"}
end

local function service(fields)
  return with({serviceId = "s1", startCommand = LAUNCH, drainingSeconds = 10, source = {image = "web:1"}, updatedAt = "u1",
    domains = {serviceDomains = json.array{}}, activeDeployments = json.array{}, latestDeployment = deployment("d1", "SUCCESS")}, fields)
end

-- Our project; `fields` has id, created, labels, description in their place, service (false: none) and volume.
local function project(fields)
  fields = fields or {}
  local labels = with({["croft.uid"] = "uid-web", ["croft.ref"] = "test/Instance/web", ["croft.intent"] = "intent-0", ["croft.spec"] = "old", before = ""}, fields.labels)
  local runs = fields.service ~= false and edges(fields.service or service()) or edges()
  return {id = fields.id or "p1", name = "croft-uid-web", createdAt = fields.created or "2026-01-01T00:00:00Z",
    description = fields.description or json.encode(json.object(labels)),
    environments = edges{id = "e1", serviceInstances = runs, volumeInstances = edges(fields.volume)}}
end

-- A request with these words in its query, and its answer. Railway has one address for all.
local function answers(words, body)
  return {method = "POST", path = "", json = body, match = function(request) return request.json.query:find(words, 1, true) ~= nil end}
end

-- The request for all projects, and these.
local function lists(...)
  local connection = edges(...)
  connection.pageInfo = {hasNextPage = false}
  return answers("query Observe", {data = {projects = connection}})
end

return {with = with, settings = settings, spec = spec, edges = edges, deployment = deployment, service = service, project = project, answers = answers,
  lists = lists}
