-- What is changed at Railway, each in one request.

local api = require "api"
local configuration = require "configuration"
local projects = require "projects"

local SERVICE = "app"

local function make_project(context, effect)
  local batch = api.new_batch("MakeProject")
  -- No deployment exists yet, and none is named: the labels announce, nothing has happened.
  api.add_variable(batch, "input", "ProjectCreateInput!", {name = "croft-" .. effect.uid:lower(), description = projects.to_description(effect.labels),
    workspaceId = context.settings.workspace, defaultEnvironmentName = "production"})
  api.add_field(batch, "projectCreate(input: $input) { id name environments { edges { node { id } } } }")
  local data, err = api.send(batch, "making the project")
  if not data then return nil, err end
  local project = data.projectCreate
  return {id = project.id, name = project.name, labels = effect.labels, environment = api.nodes_of(project.environments)[1].id}
end

-- Without a source, so that nothing is deployed before all is set.
local function make_service(place)
  local batch = api.new_batch("MakeService")
  api.add_variable(batch, "input", "ServiceCreateInput!", {projectId = place.id, environmentId = place.environment, name = SERVICE})
  api.add_field(batch, "serviceCreate(input: $input) { id }")
  local data, err = api.send(batch, "making the service")
  if not data then return nil, err end
  place.service = {serviceId = data.serviceCreate.id, domains = {serviceDomains = {}}}
  return true
end

local function make_volume(context, place, wanted)
  local batch = api.new_batch("MakeVolume")
  local region = context.settings.region ~= "" and context.settings.region or nil
  api.add_variable(batch, "input", "VolumeCreateInput!", {projectId = place.id, environmentId = place.environment,
    serviceId = place.service.serviceId, mountPath = wanted.path, region = region})
  api.add_field(batch, "volumeCreate(input: $input) { id }")
  local data, err = api.send(batch, "making the volume")
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
    return instance.refuse("volumes", string.format("its volume at Railway is '%s' and holds data; a service has one volume, so that there can be none named '%s'", known, wanted.name))
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
  local before = (projects.latest(place) or {}).id
  local volume = ((effect.spec.volumes or {})[1] or {}).name or place.labels.volume
  api.add_variable(batch, "project", "String!", place.id)
  api.add_variable(batch, "about", "ProjectUpdateInput!", {description = projects.to_description(effect.labels, before, projects.done_of(place), {volume = volume})})
  api.add_field(batch, "projectUpdate(id: $project, input: $about) { id }")
end

-- What no longer has a path is detached, and keeps its data.
local function add_volume(batch, effect, place)
  if not place.volume then return end
  local wanted = (effect.spec.volumes or {})[1]
  local input = json.object{serviceId = json.null}
  if wanted then input = {serviceId = place.service.serviceId, mountPath = wanted.path} end
  api.add_variable(batch, "volume", "String!", place.volume.volumeId)
  api.add_variable(batch, "mount", "VolumeInstanceUpdateInput!", input)
  api.add_field(batch, "volumeInstanceUpdate(volumeId: $volume, environmentId: $environment, input: $mount)")
  if wanted then
    api.add_variable(batch, "volumeName", "String!", wanted.name)
    api.add_field(batch, "volumeUpdate(volumeId: $volume, input: {name: $volumeName}) { id }")
  end
end

local function add_domain(batch, effect, place)
  local domain, http = place.service.domains.serviceDomains[1], effect.spec.http
  if domain and not http then
    api.add_variable(batch, "domain", "String!", domain.id)
    api.add_field(batch, "serviceDomainDelete(id: $domain)")
  elseif http and not domain then
    api.add_variable(batch, "domain", "ServiceDomainCreateInput!", {serviceId = place.service.serviceId, environmentId = place.environment, targetPort = http.port})
    api.add_field(batch, "serviceDomainCreate(input: $domain) { id }")
  elseif http and domain.targetPort ~= http.port then
    api.add_variable(batch, "domain", "ServiceDomainUpdateInput!", {serviceId = place.service.serviceId, environmentId = place.environment,
      serviceDomainId = domain.id, domain = domain.domain, targetPort = http.port})
    api.add_field(batch, "serviceDomainUpdate(input: $domain)")
  end
end

local function add_configuration(context, batch, effect, place, variables)
  local ids = {projectId = place.id, environmentId = place.environment, serviceId = place.service.serviceId}
  local limits = configuration.to_limits(effect.spec)
  limits.environmentId, limits.serviceId = ids.environmentId, ids.serviceId
  api.add_variable(batch, "variables", "VariableCollectionUpsertInput!", {projectId = ids.projectId, environmentId = ids.environmentId,
    serviceId = ids.serviceId, variables = variables, replace = true, skipDeploys = true})
  api.add_variable(batch, "instance", "ServiceInstanceUpdateInput!", configuration.to_instance_input(context, effect.spec))
  api.add_variable(batch, "limits", "ServiceInstanceLimitsUpdateInput!", limits)
  api.add_field(batch, "variableCollectionUpsert(input: $variables)")
  api.add_field(batch, "serviceInstanceUpdate(serviceId: $service, environmentId: $environment, input: $instance)")
  api.add_field(batch, "serviceInstanceLimitsUpdate(input: $limits)")
end

local function add_ids(batch, place)
  api.add_variable(batch, "environment", "String!", place.environment)
  api.add_variable(batch, "service", "String!", place.service.serviceId)
end

local function add_deploy(batch) api.add_field(batch, "serviceInstanceDeployV2(serviceId: $service, environmentId: $environment)") end

local function configure_and_deploy(context, effect, place, variables)
  local batch = api.new_batch("Configure")
  add_ids(batch, place)
  add_labels(batch, effect, place)
  add_volume(batch, effect, place)
  add_domain(batch, effect, place)
  add_configuration(context, batch, effect, place, variables)
  add_deploy(batch)
  local data, err = api.send(batch, "configuring and deploying the service")
  if not data then return nil, err end
  return true
end

local function deploy(place)
  local batch = api.new_batch("Deploy")
  add_ids(batch, place)
  add_deploy(batch)
  local data, err = api.send(batch, "deploying the service")
  if not data then return nil, err end
  return true
end

local REMOVABLE = {SUCCESS = true, SLEEPING = true, CRASHED = true, FAILED = true}

-- Ends everything that runs or is about to. A deployment on its way is cancelled, one that is up is removed. True if
-- there is something to end.
local function add_endings(batch, place)
  local ending = {}
  for _, deployment in ipairs((place.service or {}).activeDeployments or {}) do ending[deployment.id] = deployment.status end
  local last = projects.latest(place)
  if last and (projects.ON_ITS_WAY[last.status] or REMOVABLE[last.status]) then ending[last.id] = last.status end
  local count = 0
  for id, status in pairs(ending) do
    count = count + 1
    local name = "end" .. count
    api.add_variable(batch, name, "String!", id)
    api.add_field(batch, name .. ": " .. (projects.ON_ITS_WAY[status] and "deploymentCancel" or "deploymentRemove") .. "(id: $" .. name .. ")")
  end
  return count > 0
end

local function stop_service(place)
  local batch = api.new_batch("Stop")
  if not add_endings(batch, place) then return true end
  local data, err = api.send(batch, "stopping the service")
  if not data then return nil, err end
  return true
end

local function delete_project(place)
  local batch = api.new_batch("DeleteProject")
  api.add_variable(batch, "project", "String!", place.id)
  api.add_field(batch, "projectDelete(id: $project)")
  local data, err = api.send(batch, "deleting the project " .. place.name)
  if not data and err.code ~= "NotFound" then return nil, err end
  return true
end

-- The volume waits in its project for a resource of the same uid: nothing runs there, and no secret of the app stays.
local function put_away(place)
  local batch = api.new_batch("PutAway")
  local labels = {["croft.uid"] = place.labels["croft.uid"], ["croft.ref"] = place.labels["croft.ref"]}
  api.add_variable(batch, "project", "String!", place.id)
  api.add_variable(batch, "about", "ProjectUpdateInput!", {description = projects.to_description(labels, "", nil, {kept = true, volume = place.labels.volume})})
  api.add_field(batch, "projectUpdate(id: $project, input: $about) { id }")
  if place.service then
    api.add_variable(batch, "variables", "VariableCollectionUpsertInput!", {projectId = place.id, environmentId = place.environment,
      serviceId = place.service.serviceId, variables = json.object{}, replace = true, skipDeploys = true})
    api.add_field(batch, "variableCollectionUpsert(input: $variables)")
    add_endings(batch, place)
  end
  local data, err = api.send(batch, "stopping the service and keeping its volume")
  if not data then return nil, err end
  return true
end

return {
  ensure_place = ensure_place, configure_and_deploy = configure_and_deploy, deploy = deploy, stop = stop_service,
  delete_project = delete_project, put_away = put_away,
}
