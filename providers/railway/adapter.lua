-- Railway: one project for each Instance, with one service and at most one volume.
-- The facts about the API come from its GraphQL schema and from docs.railway.com; README.md names the pages.
--
-- A project's description carries the labels. They are written together with a new configuration, before it is
-- deployed, and name the deployment that was the latest then: once there is a later one, what they say has happened.

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024
local SERVICE = "app"
-- Railway documents 96 KB for its own functions, which travel the same way; Linux takes 128 KiB in one variable.
local SCRIPT_LIMIT = 96 * 1024
local READ_AT_ONCE = 25 -- services whose variables one request asks for

-- Railway takes no files and no argument list: a variable carries a script that writes the files and runs the command.
local LAUNCH = '/bin/sh -c "printenv CROFT_START > /tmp/croft-start && exec /bin/sh /tmp/croft-start"'

local settings = {
  workspace = {type = "text", required = true, help = "The id of the Railway workspace that projects are made in."},
  image = {type = "text", required = true,
    help = "The container image that apps run in; it needs /bin/sh, printenv, base64, mkdir and chmod, e.g. docker.io/library/python:3.12-slim."},
  region = {type = "text", default = "", help = "Where services and volumes are made, e.g. europe-west4-drams3a; Railway's choice if it is not given."},
  restart = {type = "text", default = "onFailure", choices = {"onFailure", "always"},
    help = "What Railway does when an app ends; 'always' is not part of the Free plan."},
  directory = {type = "text", default = "/srv/app", help = "Where an app finds its files."},
  observeEvery = {type = "duration", default = "60s",
    help = "How old an observation may be while nothing changes by Croft; requests are scarce (Free 100 an hour)."},
  volumeLimit = {type = "bytes", default = 500 * 1000 * 1000,
    help = "How large the plan makes a volume (Free 500 MB, Hobby 5 GB, Pro 50 GB); the API cannot choose a size."},
}

-- Small things ----------------------------------------------------------------------------------------------------

local function refuse(field, message) return fail("Invalid", message, {field = "spec." .. field}) end

-- Railway answers 200 with errors in the body when it refuses.
local function explain(doing, err)
  return fail(err.code, "while " .. doing .. ": " .. err.message, {retryable = err.retryable, status = err.status, errors = err.errors})
end

local function nodes_of(connection)
  local nodes = {}
  for i, edge in ipairs((connection or {}).edges or {}) do nodes[i] = edge.node end
  return nodes
end

local function decode_object(text)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

local function round_up(number, step) return math.ceil(number / step) * step end

-- Normalising -----------------------------------------------------------------------------------------------------

local KNOWN = {command = true, files = true, env = true, resources = true, http = true, health = true, volumes = true,
  grace = true, image = true, dependsOn = true, deletion = true, ignore = true, provider = true}

-- Railway replaces ${{...}} in variables by other variables, and has no way to write it literally.
local function has_reference(text) return type(text) == "string" and text:find("${{", 1, true) ~= nil end

local function check_env(spec)
  for name, value in pairs(spec.env or {}) do
    if name == "PORT" or name:find("^CROFT_") or name:find("^RAILWAY_") then
      return refuse("env", "env." .. name .. " is set by Croft or by Railway; use http.port for the port")
    end
    if has_reference(value) then
      return refuse("env", "env." .. name .. " holds '${{', which Railway would replace: it cannot be written there")
    end
  end
  return true
end

local function check_command(spec)
  if not spec.command or #spec.command == 0 then return refuse("command", "it has no command to run") end
  for _, word in ipairs(spec.command) do
    if has_reference(word) then return refuse("command", "the command holds '${{', which Railway would replace") end
  end
  return true
end

local function check_fields(resource)
  if resource.kind ~= "Instance" then return fail("Invalid", "Railway runs Instances, not " .. resource.kind .. "s") end
  for name in pairs(resource.spec) do
    if not KNOWN[name] then return refuse(name, "Railway cannot honour '" .. name .. "'") end
  end
  local fine, err = check_command(resource.spec)
  if not fine then return nil, err end
  return check_env(resource.spec)
end

local function normalize_resources(spec)
  local wanted = spec.resources or {}
  return {cpu = wanted.cpu or 250, memory = wanted.memory or 128 * MIB, pids = wanted.pids}
end

local function normalize_http(spec)
  local http, health = spec.http, spec.health
  if not http and not health then return nil end
  http = http or {}
  return {port = http.port or 8080, hosts = http.hosts}
end

local function normalize_health(spec)
  local health = spec.health
  if not health then return nil end
  if not health.http then
    return refuse(health.tcp and "health.tcp" or "health.exec", "Railway checks services by HTTP only")
  end
  return {http = health.http, interval = health.interval or 10000, timeout = health.timeout or 5000,
    startWithin = round_up(health.startWithin or 60000, 1000)}
end

local function normalize_volumes(context, spec)
  if not spec.volumes then return nil end
  if #spec.volumes > 1 then
    return refuse("volumes", string.format("a Railway service has one volume, not %d", #spec.volumes))
  end
  local volumes = json.array{}
  for i, volume in ipairs(spec.volumes) do
    local size, limit = volume.size or GIB, context.settings.volumeLimit
    if size > limit then
      return refuse("volumes", string.format(
        "the volume '%s' is to hold %d bytes; the operator's Railway plan makes volumes of %d (settings.volumeLimit)", volume.name, size, limit))
    end
    volumes[i] = {name = volume.name, path = volume.path, size = size}
  end
  return volumes
end

local PARTS = {
  {"resources", function(_, spec) return normalize_resources(spec) end},
  {"http", function(_, spec) return normalize_http(spec) end},
  {"health", function(_, spec) return normalize_health(spec) end},
  {"volumes", normalize_volumes},
  {"grace", function(_, spec) return round_up(spec.grace or 10000, 1000) end},
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

-- The script that a service runs ----------------------------------------------------------------------------------

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function add_file(lines, file, directory)
  local parent = file.path:match("^(.*)/[^/]*$")
  if parent then lines[#lines + 1] = "mkdir -p " .. quote(directory .. "/" .. parent) end
  local path = quote(directory .. "/" .. file.path)
  if file.link then
    lines[#lines + 1] = "ln -sfn " .. quote(file.link) .. " " .. path
    return
  end
  lines[#lines + 1] = "base64 -d > " .. path .. " <<'CROFT_END'\n" .. base64.encode(file.content) .. "\nCROFT_END"
  if file.executable then lines[#lines + 1] = "chmod 755 " .. path end
end

local function to_script(context, effect)
  local lines, directory = {"set -e"}, context.settings.directory
  if effect.spec.files then
    lines[#lines + 1] = "mkdir -p " .. quote(directory) .. "\ncd " .. quote(directory)
    for _, file in ipairs(effect.files or {}) do add_file(lines, file, directory) end
  end
  local words = {}
  for i, word in ipairs(effect.spec.command) do words[i] = quote(word) end
  lines[#lines + 1] = "unset CROFT_START CROFT_KEPT"
  lines[#lines + 1] = "exec " .. table.concat(words, " ")
  local script = table.concat(lines, "\n") .. "\n"
  if #script > SCRIPT_LIMIT then
    return refuse("files", string.format("its files and command take %d bytes on the way to Railway, which takes %d: put them into an image", #script, SCRIPT_LIMIT))
  end
  return script
end

-- Variables of a service: the app's, and what carries the script and what Railway has no place for.
local function to_variables(context, effect)
  local script, err = to_script(context, effect)
  if not script then return nil, err end
  local spec, variables = effect.spec, json.object{}
  for name, value in pairs(spec.env or {}) do variables[name] = value end
  if spec.http then variables.PORT = tostring(spec.http.port) end
  local health = spec.health or {}
  variables.CROFT_START = script
  variables.CROFT_KEPT = json.encode(json.object{command = spec.command, tree = spec.files, pids = spec.resources.pids,
    cpu = spec.resources.cpu, memory = spec.resources.memory, interval = health.interval, timeout = health.timeout,
    size = ((spec.volumes or {})[1] or {}).size, has_env = spec.env ~= nil, start = hash.sha256(script)})
  return variables
end

-- Neither sleeps nor scales by itself: that is Croft's to decide.
local function to_instance_input(context, spec)
  local input = json.object{
    source = {image = spec.image}, startCommand = LAUNCH, numReplicas = 1, sleepApplication = false,
    restartPolicyType = context.settings.restart == "always" and "ALWAYS" or "ON_FAILURE",
    drainingSeconds = spec.grace / 1000, overlapSeconds = 0,
    healthcheckPath = spec.health and spec.health.http or json.null,
    healthcheckTimeout = spec.health and spec.health.startWithin / 1000 or json.null,
  }
  if context.settings.region ~= "" then input.region = context.settings.region end
  return input
end

-- A gigabyte has 10^9 or 2^30 bytes; counted as the smaller, a limit is never less than what was asked for.
local function to_limits(spec)
  return {memoryGB = spec.resources.memory / 1e9, vCPUs = spec.resources.cpu / 1000}
end

-- Projects, and what they carry ------------------------------------------------------------------------------------

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
  local labels = decode_object(project.description)
  if labels and labels["croft.uid"] and labels["croft.ref"] then return labels end
  return nil
end

-- A project of ours, flat: its ids, its service, its volume, its labels.
local function to_place(project, labels)
  local environment = nodes_of(project.environments)[1] or {}
  return {id = project.id, name = project.name, created_at = project.createdAt, labels = labels,
    environment = environment.id, service = nodes_of(environment.serviceInstances)[1],
    volume = nodes_of(environment.volumeInstances)[1]}
end

-- Every place that carries our labels, the oldest first. What does not is never looked at again.
local function list_places(context)
  local places, after = {}, nil
  repeat
    local data, err = graphql(OBSERVE, {workspace = context.settings.workspace, after = after})
    if not data then return explain("listing the projects of the workspace", err) end
    for _, project in ipairs(nodes_of(data.projects)) do
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

-- One request with several mutations ------------------------------------------------------------------------------

-- Requests are scarce (100 an hour on the Free plan), so that what belongs together travels together. The fields of a
-- mutation run one after the other, and the first that fails ends it: the deployment comes last.
local function new_batch(name) return {name = name, types = {}, values = json.object{}, fields = {}} end

local function add_variable(batch, name, kind, value)
  batch.types[#batch.types + 1] = "$" .. name .. ": " .. kind
  batch.values[name] = value
end

local function add_field(batch, text) batch.fields[#batch.fields + 1] = "  " .. text end

local function send(batch, doing)
  local head = "mutation " .. batch.name .. (#batch.types > 0 and "(" .. table.concat(batch.types, ", ") .. ")" or "")
  local data, err = graphql(head .. " {\n" .. table.concat(batch.fields, "\n") .. "\n}", batch.values)
  if not data then return explain(doing, err) end
  return data
end

-- Making ----------------------------------------------------------------------------------------------------------

local function make_project(context, effect)
  local batch = new_batch("MakeProject")
  -- No deployment exists yet, and none is named: the labels announce, nothing has happened.
  add_variable(batch, "input", "ProjectCreateInput!", {name = "croft-" .. effect.uid:lower(), description = to_description(effect.labels),
    workspaceId = context.settings.workspace, defaultEnvironmentName = "production"})
  add_field(batch, "projectCreate(input: $input) { id name environments { edges { node { id } } } }")
  local data, err = send(batch, "making the project")
  if not data then return nil, err end
  local project = data.projectCreate
  return {id = project.id, name = project.name, labels = effect.labels, environment = nodes_of(project.environments)[1].id}
end

-- Without a source, so that nothing is deployed before all is set.
local function make_service(place)
  local batch = new_batch("MakeService")
  add_variable(batch, "input", "ServiceCreateInput!", {projectId = place.id, environmentId = place.environment, name = SERVICE})
  add_field(batch, "serviceCreate(input: $input) { id }")
  local data, err = send(batch, "making the service")
  if not data then return nil, err end
  place.service = {serviceId = data.serviceCreate.id, domains = {serviceDomains = {}}}
  return true
end

local function make_volume(context, place, wanted)
  local batch = new_batch("MakeVolume")
  local region = context.settings.region ~= "" and context.settings.region or nil
  add_variable(batch, "input", "VolumeCreateInput!", {projectId = place.id, environmentId = place.environment,
    serviceId = place.service.serviceId, mountPath = wanted.path, region = region})
  add_field(batch, "volumeCreate(input: $input) { id }")
  local data, err = send(batch, "making the volume")
  if not data then return nil, err end
  place.volume = {volumeId = data.volumeCreate.id, is_new = true}
  return true
end

-- A volume got its name in a request of its own, after it was made: one that has none of ours was interrupted there.
local function check_volume(context, place, wanted)
  local volume = place.volume
  if not volume or volume.is_new then return true end
  local known = place.labels.volume
  if known and known ~= wanted.name then
    return refuse("volumes", string.format("its volume at Railway is '%s' and holds data; a service has one volume, so that there can be none named '%s'", known, wanted.name))
  end
  local region = context.settings.region
  if region ~= "" and volume.region and volume.region ~= region then
    return fail("Conflict", string.format(
      "the volume '%s' is in region %s, the provider's settings say %s: move it at Railway, or set the region back", wanted.name, volume.region, region))
  end
  return true
end

-- Project, service and volume are there afterwards, whoever made them.
local function ensure_place(context, effect, place)
  if not place then
    local made, err = make_project(context, effect)
    if not made then return nil, err end
    place = made
  end
  if not place.service then
    local made, err = make_service(place)
    if not made then return nil, err end
  end
  local wanted = (effect.spec.volumes or {})[1]
  if wanted then
    local fits, err = check_volume(context, place, wanted)
    if not fits then return nil, err end
    if not place.volume then
      local made, problem = make_volume(context, place, wanted)
      if not made then return nil, problem end
    end
  end
  return place
end

local function add_labels(batch, effect, place)
  local before = (latest(place) or {}).id
  local volume = ((effect.spec.volumes or {})[1] or {}).name or place.labels.volume
  add_variable(batch, "project", "String!", place.id)
  add_variable(batch, "about", "ProjectUpdateInput!", {description = to_description(effect.labels, before, done_of(place), {volume = volume})})
  add_field(batch, "projectUpdate(id: $project, input: $about) { id }")
end

-- What no longer has a path is detached, and keeps its data.
local function add_volume(batch, effect, place)
  if not place.volume then return end
  local wanted = (effect.spec.volumes or {})[1]
  local input = json.object{serviceId = json.null}
  if wanted then input = {serviceId = place.service.serviceId, mountPath = wanted.path} end
  add_variable(batch, "volume", "String!", place.volume.volumeId)
  add_variable(batch, "mount", "VolumeInstanceUpdateInput!", input)
  add_field(batch, "volumeInstanceUpdate(volumeId: $volume, environmentId: $environment, input: $mount)")
  if wanted then
    add_variable(batch, "volumeName", "String!", wanted.name)
    add_field(batch, "volumeUpdate(volumeId: $volume, input: {name: $volumeName}) { id }")
  end
end

local function add_domain(batch, effect, place)
  local domain, http = place.service.domains.serviceDomains[1], effect.spec.http
  if domain and not http then
    add_variable(batch, "domain", "String!", domain.id)
    add_field(batch, "serviceDomainDelete(id: $domain)")
  elseif http and not domain then
    add_variable(batch, "domain", "ServiceDomainCreateInput!", {serviceId = place.service.serviceId, environmentId = place.environment, targetPort = http.port})
    add_field(batch, "serviceDomainCreate(input: $domain) { id }")
  elseif http and domain.targetPort ~= http.port then
    add_variable(batch, "domain", "ServiceDomainUpdateInput!", {serviceId = place.service.serviceId, environmentId = place.environment,
      serviceDomainId = domain.id, domain = domain.domain, targetPort = http.port})
    add_field(batch, "serviceDomainUpdate(input: $domain)")
  end
end

local function add_configuration(context, batch, effect, place, variables)
  local ids = {projectId = place.id, environmentId = place.environment, serviceId = place.service.serviceId}
  local limits = to_limits(effect.spec)
  limits.environmentId, limits.serviceId = ids.environmentId, ids.serviceId
  add_variable(batch, "variables", "VariableCollectionUpsertInput!", {projectId = ids.projectId, environmentId = ids.environmentId,
    serviceId = ids.serviceId, variables = variables, replace = true, skipDeploys = true})
  add_variable(batch, "instance", "ServiceInstanceUpdateInput!", to_instance_input(context, effect.spec))
  add_variable(batch, "limits", "ServiceInstanceLimitsUpdateInput!", limits)
  add_field(batch, "variableCollectionUpsert(input: $variables)")
  add_field(batch, "serviceInstanceUpdate(serviceId: $service, environmentId: $environment, input: $instance)")
  add_field(batch, "serviceInstanceLimitsUpdate(input: $limits)")
end

local function add_ids(batch, place)
  add_variable(batch, "environment", "String!", place.environment)
  add_variable(batch, "service", "String!", place.service.serviceId)
end

local function add_deploy(batch) add_field(batch, "serviceInstanceDeployV2(serviceId: $service, environmentId: $environment)") end

local function configure_and_deploy(context, effect, place, variables)
  local batch = new_batch("Configure")
  add_ids(batch, place)
  add_labels(batch, effect, place)
  add_volume(batch, effect, place)
  add_domain(batch, effect, place)
  add_configuration(context, batch, effect, place, variables)
  add_deploy(batch)
  local data, err = send(batch, "configuring and deploying the service")
  if not data then return nil, err end
  return true
end

local function deploy(place)
  local batch = new_batch("Deploy")
  add_ids(batch, place)
  add_deploy(batch)
  local data, err = send(batch, "deploying the service")
  if not data then return nil, err end
  return true
end

-- Ending ----------------------------------------------------------------------------------------------------------

local REMOVABLE = {SUCCESS = true, SLEEPING = true, CRASHED = true, FAILED = true}

-- Ends everything that runs or is about to. A deployment on its way is cancelled, one that is up is removed. True if
-- there is something to end.
local function add_endings(batch, place)
  local ending = {}
  for _, deployment in ipairs((place.service or {}).activeDeployments or {}) do ending[deployment.id] = deployment.status end
  local last = latest(place)
  if last and (ON_ITS_WAY[last.status] or REMOVABLE[last.status]) then ending[last.id] = last.status end
  local count = 0
  for id, status in pairs(ending) do
    count = count + 1
    local name = "end" .. count
    add_variable(batch, name, "String!", id)
    add_field(batch, name .. ": " .. (ON_ITS_WAY[status] and "deploymentCancel" or "deploymentRemove") .. "(id: $" .. name .. ")")
  end
  return count > 0
end

local function delete_project(place)
  local batch = new_batch("DeleteProject")
  add_variable(batch, "project", "String!", place.id)
  add_field(batch, "projectDelete(id: $project)")
  local data, err = send(batch, "deleting the project " .. place.name)
  if not data and err.code ~= "NotFound" then return nil, err end
  return true
end

-- The volume waits in its project for a resource of the same uid: nothing runs there, and no secret of the app stays.
local function put_away(place)
  local batch = new_batch("PutAway")
  local labels = {["croft.uid"] = place.labels["croft.uid"], ["croft.ref"] = place.labels["croft.ref"]}
  add_variable(batch, "project", "String!", place.id)
  add_variable(batch, "about", "ProjectUpdateInput!", {description = to_description(labels, "", nil, {kept = true, volume = place.labels.volume})})
  add_field(batch, "projectUpdate(id: $project, input: $about) { id }")
  if place.service then
    add_variable(batch, "variables", "VariableCollectionUpsertInput!", {projectId = place.id, environmentId = place.environment,
      serviceId = place.service.serviceId, variables = json.object{}, replace = true, skipDeploys = true})
    add_field(batch, "variableCollectionUpsert(input: $variables)")
    add_endings(batch, place)
  end
  local data, err = send(batch, "stopping the service and keeping its volume")
  if not data then return nil, err end
  return true
end

-- The verbs -------------------------------------------------------------------------------------------------------

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

-- Already done by this intent, whose reply was lost.
local function is_done(place, effect)
  return not place.labels.kept and has_happened(place) and place.labels["croft.intent"] == effect.intent
end

local function create(context, effect)
  -- The limits of files are found out before anything is made.
  local variables, too_large = to_variables(context, effect)
  if not variables then return nil, too_large end
  local place, err = find_one(context, effect)
  if err then return nil, err end
  if place and is_done(place, effect) then return true end
  local ready, problem = ensure_place(context, effect, place or nil)
  if not ready then return nil, problem end
  return configure_and_deploy(context, effect, ready, variables)
end

local function update(context, effect)
  local variables, too_large = to_variables(context, effect)
  if not variables then return nil, too_large end
  local place, err = require_place(context, effect)
  if not place then return nil, err end
  if is_done(place, effect) then
    if is_running(place) then return true end
    return deploy(place)
  end
  local ready, problem = ensure_place(context, effect, place)
  if not ready then return nil, problem end
  return configure_and_deploy(context, effect, ready, variables)
end

local function start(context, effect)
  local place, err = require_place(context, effect)
  if not place then return nil, err end
  if is_running(place) then return true end
  if not place.service then return fail("NotFound", "it has no service at Railway") end
  return deploy(place)
end

local function stop(context, effect)
  local place, err = require_place(context, effect)
  if not place then return nil, err end
  local batch = new_batch("Stop")
  if not add_endings(batch, place) then return true end
  local data, problem = send(batch, "stopping the service")
  if not data then return nil, problem end
  return true
end

local function destroy(context, effect)
  local places, err = find_places(context, effect.uid)
  if not places then return nil, err end
  for _, place in ipairs(places) do
    local done, problem = true, nil
    if effect.erase_data or not place.volume then
      done, problem = delete_project(place)
    elseif not place.labels.kept then
      done, problem = put_away(place)
    end
    if not done then return nil, problem end
  end
  return true
end

-- Observing -------------------------------------------------------------------------------------------------------

local PHASES = {INITIALIZING = "Starting", QUEUED = "Starting", WAITING = "Starting", NEEDS_APPROVAL = "Created", BUILDING = "Starting",
  DEPLOYING = "Starting", SUCCESS = "Running", SLEEPING = "Asleep", CRASHED = "Failed", FAILED = "Failed", SKIPPED = "Failed",
  REMOVING = "Stopping", REMOVED = "Stopped"}

local REASONS = {
  CRASHED = {"CrashLoop", "the app ended with an error, and Railway does not start it again"},
  FAILED = {"DeploymentFailed", "Railway could not deploy it; look at the deployment's logs"},
  SKIPPED = {"DeploymentSkipped", "Railway skipped the deployment"},
  NEEDS_APPROVAL = {"NeedsApproval", "the deployment waits for an approval at Railway"},
  QUEUED = {"Queued", "Railway queues deployments just now"},
}

-- Variables and limits by project, as they were read last; kept between observations. They count from a deployment on,
-- so that they are read again when there is another one. Losing it costs a request, nothing else.
local remembered = {}

local function stamp_of(place) return ((latest(place) or {}).id or "") .. " " .. (place.service.updatedAt or "") end

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
    if place.service and latest(place) and not is_known(place) then chunk[#chunk + 1] = place end
    if #chunk == READ_AT_ONCE then
      read_details(chunk)
      chunk = {}
    end
  end
  read_details(chunk)
end

local function forget_all_but(places)
  local listed = {}
  for _, place in ipairs(places) do listed[place.id] = true end
  for id in pairs(remembered) do
    if not listed[id] then remembered[id] = nil end
  end
end

-- A command or script that somebody changed is no longer the one that we wrote.
local function from_command(service, variables, kept)
  if service.startCommand ~= LAUNCH then return json.array{service.startCommand or ""} end
  if hash.sha256(variables.CROFT_START or "") ~= kept.start then return json.array{"changed at Railway"} end
  return kept.command
end

local function from_env(variables, kept)
  local env, is_empty = json.object{}, true
  for name, value in pairs(variables) do
    if name ~= "PORT" and not name:find("^CROFT_") and not name:find("^RAILWAY_") then env[name], is_empty = value, false end
  end
  if is_empty and not kept.has_env then return nil end
  return env
end

-- Limits that are those we set are told as they were declared, which rounding to gigabytes does not give back.
local function from_limits(limits, kept)
  local containers = (limits or {}).containers or {}
  local cpu = math.floor((containers.cpu or 0) * 1000 + 0.5)
  local memory = containers.memoryBytes or 0
  local is_same_memory = math.abs(memory - (kept.memory or 0)) <= MIB or math.abs(memory / GIB * 1e9 - (kept.memory or 0)) <= MIB
  return {cpu = cpu, memory = is_same_memory and kept.memory or memory, pids = kept.pids}
end

-- A volume is as large as the plan makes it: what was declared is what it holds at least.
local function from_volume(place, kept)
  local volume = place.volume
  if not volume or not volume.serviceId then return json.array{} end
  local bytes = (volume.sizeMB or 0) * 1000 * 1000
  return json.array{{name = volume.volume.name, path = volume.mountPath, size = math.min(kept.size or bytes, bytes)}}
end

local function to_fields(place, details)
  local service, variables = place.service, details.variables
  local kept = decode_object(variables.CROFT_KEPT) or {}
  local port = tonumber(variables.PORT)
  local health = service.healthcheckPath and {http = service.healthcheckPath, interval = kept.interval, timeout = kept.timeout,
    startWithin = (service.healthcheckTimeout or 0) * 1000} or nil
  return {command = from_command(service, variables, kept), env = from_env(variables, kept), image = (service.source or {}).image,
    resources = from_limits(details.limits, kept), http = port and {port = port} or nil, health = health,
    volumes = from_volume(place, kept), grace = (service.drainingSeconds or 0) * 1000, files = kept.tree}
end

local function add_reason(observed, place)
  local deployment = latest(place)
  local reason = deployment and REASONS[deployment.status]
  if reason then observed.reason, observed.message = reason[1], reason[2] end
  if deployment and deployment.status == "FAILED" and #(place.service.activeDeployments or {}) > 0 then
    observed.message = observed.message .. "; what was deployed before still runs"
  end
end

local function phase_of(place)
  local deployment = latest(place)
  if not deployment then return "Created" end
  -- An app that ended well stays SUCCESS, with all its instances stopped.
  if deployment.status == "SUCCESS" and deployment.deploymentStopped then return "Completed" end
  return PHASES[deployment.status] or "Created"
end

local function to_observed(place)
  -- A service that somebody deleted is gone with what was known of it.
  local done, details = done_of(place), place.service and remembered[place.id]
  local observed = {uid = place.labels["croft.uid"], ref = place.labels["croft.ref"], intent = done.intent or "",
    spec_digest = done.spec or "", phase = phase_of(place), health = "Unknown"}
  local domain = place.service and place.service.domains.serviceDomains[1]
  if domain then observed.endpoint = "https://" .. domain.domain end
  if observed.phase == "Running" then observed.started_at = time.parse(latest(place).statusUpdatedAt) end
  if details then
    observed.fields = to_fields(place, details)
  elseif latest(place) then
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
  local places, err = list_places(context)
  if not places then return nil, err end
  remembered = memory.get("services") or json.object{}
  forget_all_but(places)
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

-- Logs ------------------------------------------------------------------------------------------------------------

local LOGS = [[
query Logs($deployment: String!, $limit: Int!, $since: DateTime) {
  deploymentLogs(deploymentId: $deployment, limit: $limit, startDate: $since) { timestamp message }
}]]

local function read_logs(deployment, limit, since)
  local data, err = graphql(LOGS, {deployment = deployment, limit = limit, since = since})
  if not data then return explain("reading the logs", err) end
  return data.deploymentLogs
end

-- Sends what is later than the last line that was sent; lines of one instant are told apart by their text.
local function emit_new(lines, state, emit)
  local texts = {}
  for _, line in ipairs(lines) do
    local is_new = not state.since or line.timestamp > state.since or (line.timestamp == state.since and not state.seen[line.message])
    if is_new then
      if line.timestamp ~= state.since then state.since, state.seen = line.timestamp, {} end
      state.seen[line.message] = true
      texts[#texts + 1] = line.message
    end
  end
  if #texts == 0 then return true end
  return emit(table.concat(texts, "\n") .. "\n") ~= false
end

local function logs(context, request, emit)
  local place, err = require_place(context, request)
  if not place then return nil, err end
  local deployment = latest(place)
  if not deployment then return fail("NotFound", "nothing was deployed yet") end
  local state = {seen = {}}
  local function read_on()
    local lines, problem = read_logs(deployment.id, request.follow and state.since and 500 or request.last_lines, state.since)
    if not lines then return nil, problem end
    if not emit_new(lines, state, emit) or not request.follow then return true end
    return nil
  end
  local done, problem = read_on()
  if problem then return nil, problem end
  if done then return true end
  -- Each look costs one of the hour's requests.
  return poll(read_on, {every_ms = 15000, slow_after_ms = 120000, slow_every_ms = 60000})
end

local function capabilities()
  return {workloads = true, volumes = true, logs = true, files = true, missing = json.array{
    {what = "pids", why = "Railway limits no processes"},
    {what = "storage", why = "a volume is as large as the plan makes it"},
    {what = "no egress", why = "Railway's API cannot keep a service from the Internet"}}}
end

return {
  api = 1, title = "Railway", settings = settings,
  server = {url = "https://backboard.railway.com/graphql/v2", auth = "bearer"},
  rate = {perHour = 100, concurrency = 2}, -- the Free plan's; Provider.spec.rateLimit says what a better one allows
  capabilities = capabilities, normalize = normalize, observe = observe,
  create = changing(create), update = changing(update), start = changing(start), stop = changing(stop),
  destroy = changing(destroy), logs = logs,
}
