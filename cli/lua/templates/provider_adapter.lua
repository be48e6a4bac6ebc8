-- NAME: a provider for Croft. What there is to know: docs/adapters.md. Croft reads this file anew for each call.

local phases = {starting = "Starting", running = "Running", stopped = "Stopped", failed = "Failed"}

local function path_of(uid, verb)
  return "/apps/" .. url.encode(uid) .. (verb and "/" .. verb or "")
end

-- The app; nil if there is none; nil and the error if that is not known.
local function find(uid)
  local response, err = http.get(path_of(uid), {accept = {404}})
  if not response then return nil, err end
  if response.status == 404 then return nil end
  return response.json()
end

-- Everything that is ours, as it really runs: what differs from what was declared is repaired.
local function observe()
  return http.pages("/apps", {
    items = function(response)
      local list = {}
      for _, app in ipairs(response.json().items) do
        if app.labels["croft.uid"] then
          list[#list + 1] = {
            uid = app.labels["croft.uid"],
            ref = app.labels["croft.ref"],
            intent = app.labels["croft.intent"],
            spec_digest = app.labels["croft.spec"],
            phase = phases[app.state],
            fields = app.config,
            endpoint = app.state == "running" and app.url or nil,
          }
        end
      end
      return list
    end,
    next = function(response) return response.json().next end,
  })
end

-- What cannot be honoured is refused, never dropped.
local function normalize(_, resource)
  local spec = {}
  for field, value in pairs(resource.spec) do
    if field == "image" or field == "command" or field == "env" then
      spec[field] = value
    elseif field ~= "grace" and field ~= "resources" then
      return fail("Invalid", "it cannot honour '" .. field .. "'", {field = "spec." .. field})
    end
  end
  spec.env = spec.env or json.object{}
  return spec
end

-- Under the same intent, a thing is done once: a reply may have got lost.
local function create(context, effect)
  local app, err = find(effect.uid)
  if err then return nil, err end
  if app and app.labels["croft.intent"] == effect.intent then return end
  local _, problem = http.post("/apps", {json = {
    name = effect.uid, region = context.settings.region, labels = effect.labels, config = effect.spec,
  }})
  return nil, problem
end

local function update(_, effect)
  local _, problem = http.put(path_of(effect.uid), {json = {labels = effect.labels, config = effect.spec}})
  return nil, problem
end

local function start(_, effect)
  local _, problem = http.post(path_of(effect.uid, "start"), {json = {labels = effect.labels}, idempotent = true})
  return nil, problem
end

local function stop(_, effect)
  local _, problem = http.post(path_of(effect.uid, "stop"), {
    json = {labels = effect.labels}, idempotent = true, accept = {404},
  })
  return nil, problem
end

local function destroy(_, effect)
  local _, problem = http.delete(path_of(effect.uid), {accept = {404}})
  return nil, problem
end

return {
  api = 1,
  title = "NAME",
  settings = {
    region = {type = "text", default = "north", help = "where apps are"},
  },
  server = {url = "https://api.NAME.example/v1", auth = "bearer"},
  rate = {concurrency = 8},
  capabilities = function() return {workloads = true} end,
  normalize = normalize,
  observe = observe,
  create = create,
  update = update,
  start = start,
  stop = stop,
  destroy = destroy,
}
