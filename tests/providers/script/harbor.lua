-- An adapter for "Harbor", the vendor of these tests: boxes and volumes over a REST API.

local function config_of(spec)
  return {
    image = spec.image,
    command = spec.command,
    env = spec.env or json.object{},
    memory = spec.resources.memory,
    mounts = spec.volumes or json.array{},
  }
end

local function spec_of(config)
  return {
    image = config.image,
    command = config.command,
    env = config.env,
    resources = {memory = config.memory},
    volumes = config.mounts,
  }
end

local function path_of(uid, verb)
  return "/boxes/" .. url.encode(uid) .. (verb and "/" .. verb or "")
end

-- The box, nil if there is none, or nil and what went wrong.
local function find(uid)
  local response, err = http.get(path_of(uid), {accept = {404}})
  if not response then return nil, err end
  if response.status == 404 then return nil end
  return response.json()
end

local phases = {starting = "Starting", running = "Running", stopped = "Stopped", dead = "Failed"}

local function observed(box)
  return {
    uid = box.labels["croft.uid"],
    ref = box.labels["croft.ref"],
    intent = box.labels["croft.intent"],
    spec_digest = box.labels["croft.spec"],
    phase = phases[box.state],
    fields = spec_of(box.config),
    endpoint = box.state == "running" and box.url or nil,
    started_at = box.started_at,
  }
end

local function change_power(effect, verb)
  local box, err = find(effect.uid)
  if err then return nil, err end
  if not box then
    if verb == "stop" then return end
    return fail("NotFound", "there is no box of " .. effect.ref)
  end
  local _, problem = http.post(path_of(effect.uid, verb), {
    json = {labels = effect.labels}, idempotent = true,
  })
  if problem then return nil, problem end
end

return {
  api = 1,
  title = "Harbor",
  settings = {
    region = {type = "text", default = "north", choices = {"north", "south"}, help = "where boxes are"},
    memory = {type = "bytes", default = "256MiB", help = "of a box that does not say"},
  },
  server = {url = "https://harbor.example.com/v1", auth = "bearer"},
  rate = {concurrency = 16},

  capabilities = function() return {workloads = true, volumes = true, logs = true} end,

  normalize = function(context, resource)
    local known = {image = true, command = true, env = true, resources = true, volumes = true}
    local ours = {grace = true}  -- Harbor's own takes its place
    local spec = {}
    for field, value in pairs(resource.spec) do
      if not known[field] and not ours[field] then
        return fail("Invalid", "Harbor knows no '" .. field .. "'", {field = "spec." .. field})
      end
      spec[field] = value
    end
    if not spec.image and not spec.command then
      return fail("Invalid", "Harbor runs an image or a command", {field = "spec"})
    end
    local resources = {}
    for field, value in pairs(spec.resources or {}) do resources[field] = value end
    resources.memory = resources.memory or context.settings.memory
    spec.resources = resources
    return spec
  end,

  observe = function()
    return http.pages("/boxes", {
      items = function(response)
        local list = {}
        for _, box in ipairs(response.json().items) do
          if box.labels["croft.uid"] then list[#list + 1] = observed(box) end
        end
        return list
      end,
      next = function(response) return response.json().next end,
    })
  end,

  create = function(context, effect)
    local box, err = find(effect.uid)
    if err then return nil, err end
    if box and box.labels["croft.intent"] == effect.intent then return end
    for _, volume in ipairs(effect.spec.volumes or {}) do
      local _, problem = http.put("/volumes/" .. effect.uid .. "/" .. volume.name, {
        json = {size = volume.size},
      })
      if problem then return nil, problem end
    end
    local _, problem = http.post("/boxes", {
      json = {
        name = effect.uid,
        region = context.settings.region,
        labels = effect.labels,
        config = config_of(effect.spec),
      },
    })
    if problem then return nil, problem end
  end,

  update = function(_, effect)
    local box, err = find(effect.uid)
    if err then return nil, err end
    if not box then return fail("NotFound", "there is no box of " .. effect.ref) end
    if box.labels["croft.intent"] == effect.intent then return end
    local _, problem = http.patch(path_of(effect.uid), {
      json = {labels = effect.labels, config = config_of(effect.spec)},
    })
    if problem then return nil, problem end
  end,

  start = function(_, effect) return change_power(effect, "start") end,
  stop = function(_, effect) return change_power(effect, "stop") end,

  destroy = function(_, effect)
    local _, problem = http.delete(path_of(effect.uid), {accept = {404}})
    if problem then return nil, problem end
    if not effect.erase_data then return end
    local _, failed = http.delete("/volumes/" .. effect.uid, {accept = {404}})
    if failed then return nil, failed end
  end,

  logs = function(_, request, emit)
    local response, err = http.get(path_of(request.uid, "logs"), {
      query = {last = request.last_lines}, accept = {404},
    })
    if not response then return nil, err end
    if response.status == 200 then emit(response.body) end
  end,
}
