-- Railway: one project for each Instance, with one service and at most one volume.
-- The facts about the API come from its GraphQL schema and from docs.railway.com; README.md names the pages.
--
--   api             how Railway speaks
--   spec            what of a spec it takes
--   configuration   from a spec to variables and settings of a service, and back
--   projects        what carries our labels
--   changes         what is changed, each in one request
--   observation     what is there
--   logs

local spec = require "spec"
local configuration = require "configuration"
local projects = require "projects"
local changes = require "changes"
local observation = require "observation"
local logs = require "logs"

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

local function create(context, effect)
  -- The limits of files are found out before anything is made.
  local variables, too_large = configuration.to_variables(context, effect)
  if not variables then return nil, too_large end
  local place, err = projects.find(context, effect)
  if err then return nil, err end
  if place and projects.is_done(place, effect) then return true end
  local ready, problem = changes.ensure_place(context, effect, place or nil)
  if not ready then return nil, problem end
  return changes.configure_and_deploy(context, effect, ready, variables)
end

local function update(context, effect)
  local variables, too_large = configuration.to_variables(context, effect)
  if not variables then return nil, too_large end
  local place, err = projects.require(context, effect)
  if not place then return nil, err end
  if projects.is_done(place, effect) then
    if projects.is_running(place) then return true end
    return changes.deploy(place)
  end
  local ready, problem = changes.ensure_place(context, effect, place)
  if not ready then return nil, problem end
  return changes.configure_and_deploy(context, effect, ready, variables)
end

local function start(context, effect)
  local place, err = projects.require(context, effect)
  if not place then return nil, err end
  if projects.is_running(place) then return true end
  if not place.service then return fail("NotFound", "it has no service at Railway") end
  return changes.deploy(place)
end

local function stop(context, effect)
  local place, err = projects.require(context, effect)
  if not place then return nil, err end
  return changes.stop(place)
end

local function destroy(context, effect)
  local places, err = projects.find_all(context, effect.uid)
  if not places then return nil, err end
  for _, place in ipairs(places) do
    local done, problem = true, nil
    if effect.erase_data or not place.volume then
      done, problem = changes.delete_project(place)
    elseif not place.labels.kept then
      done, problem = changes.put_away(place)
    end
    if not done then return nil, problem end
  end
  return true
end

local function capabilities()
  return {workloads = true, volumes = true, logs = true, files = true, missing = json.array{
    {what = "pids", why = "Railway limits no processes"},
    {what = "storage", why = "a volume is as large as the plan makes it"},
    {what = "no egress", why = "Railway's API cannot keep a service from the Internet"}}}
end

local changing = observation.changing

return {
  api = 1, title = "Railway", settings = settings,
  server = {url = "https://backboard.railway.com/graphql/v2", auth = "bearer"},
  rate = {perHour = 100, concurrency = 2}, -- the Free plan's; Provider.spec.rateLimit says what a better one allows
  capabilities = capabilities, normalize = spec.normalize, observe = observation.observe,
  create = changing(create), update = changing(update), start = changing(start), stop = changing(stop), destroy = changing(destroy), logs = logs,
}
