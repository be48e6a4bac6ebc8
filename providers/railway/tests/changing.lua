-- The verbs that change something, and logs, request by request. Railway has one address: what a request is for stands
-- in its query.

local railway = require "railway"

local GIB = 1024 * 1024 * 1024
local edges, deployment, service, project, projects, spec_with =
  railway.edges, railway.deployment, railway.service, railway.project, railway.lists, railway.spec

local function begin(t, more) railway.settings(t, railway.with({volumeLimit = "5GB"}, more)) end

-- A request with these words in its query, and its answer's data.
local function asks(words, data, variables)
  return {method = "POST", path = "", expect = variables and {variables = variables}, json = {data = data or json.object{ok = true}},
    match = function(request) return request.json.query:find(words, 1, true) ~= nil end}
end

local function refuses(words, message, extensions)
  local step = asks(words)
  step.json = {data = json.null, errors = {{message = message, extensions = extensions}}}
  return step
end

local function fails(words, status, message)
  local step = asks(words)
  step.status, step.json = status, {error = message}
  return step
end

local MADE = {projectCreate = {id = "p1", name = "croft-uid-web", environments = edges{id = "e1"}}}
local DONE = {["croft.intent"] = "intent-1", ["croft.spec"] = "digest"}

local WITH_VOLUME = spec_with{volumes = {{name = "data", path = "/data", size = GIB}}}

-- Variables of a Configure, seen by a function.
local function configures(look)
  local step = asks("mutation Configure")
  step.match = function(request)
    return request.json.query:find("mutation Configure", 1, true) and look(request.json.variables, request.json.query)
  end
  return step
end

return {
  -- Making

  ["makes a project and a service, and deploys when all is set"] = function(t)
    begin(t, {region = "europe-west4"})
    t.server{
      projects(), asks("projectCreate", MADE, {input = {name = "croft-uid-web", workspaceId = "w1", defaultEnvironmentName = "production"}}),
      asks("serviceCreate", {serviceCreate = {id = "s1"}}, {input = {projectId = "p1", environmentId = "e1", name = "app"}}),
      configures(function(sent, query)
        local labels = json.decode(sent.about.description)
        t.matches(labels, {["croft.uid"] = "uid-web", ["croft.intent"] = "intent-1", before = ""})
        t.matches(sent, {service = "s1", environment = "e1", project = "p1", variables = {replace = true, skipDeploys = true},
          instance = {source = {image = "web:1"}, numReplicas = 1, sleepApplication = false, restartPolicyType = "ON_FAILURE", region = "europe-west4", drainingSeconds = 10},
          limits = {vCPUs = 0.25}})
        t.matches(sent.variables.variables.CROFT_START, "exec './web'\n$")
        return query:find("serviceInstanceDeployV2", 1, true) > query:find("variableCollectionUpsert", 1, true)
      end),
    }
    t.call("create", {spec = {command = {"./web"}}})
  end,

  ["makes a volume and a domain for what asks for them"] = function(t)
    begin(t, {restart = "always"})
    t.server{
      projects(), asks("projectCreate", MADE), asks("serviceCreate", {serviceCreate = {id = "s1"}}),
      asks("volumeCreate", {volumeCreate = {id = "v1"}}, {input = {serviceId = "s1", mountPath = "/data"}}),
      configures(function(sent)
        t.matches(sent, {volume = "v1", mount = {mountPath = "/data", serviceId = "s1"}, volumeName = "data",
          domain = {targetPort = 3000, serviceId = "s1"}, instance = {healthcheckPath = "/healthz", healthcheckTimeout = 60, restartPolicyType = "ALWAYS"}})
        t.equal(sent.variables.variables.PORT, "3000")
        t.equal(json.decode(sent.about.description).volume, "data")
        return true
      end),
    }
    local spec = spec_with{http = {port = 3000}, health = {http = "/healthz"}, volumes = WITH_VOLUME.volumes}
    t.call("create", {spec = spec})
  end,

  ["sends files in the script, quoted, and links and modes"] = function(t)
    begin(t)
    t.server{projects(project{service = service{latestDeployment = json.null}}), configures(function(sent)
      local script = sent.variables.variables.CROFT_START
      for _, words in ipairs{"cd '/srv/app'", "mkdir -p '/srv/app/lib'", "<<'CROFT_END'\naGk=\nCROFT_END", "chmod 755 '/srv/app/lib/it'\\''s'", "ln -sfn 'lib' '/srv/app/more'", "exec './web' 'a b'"} do
        t.equal(script:find(words, 1, true) ~= nil, true)
      end
      return true
    end)}
    t.call("create", {spec = {command = {"./web", "a b"}, files = {path = "web"}}, files = {
      {path = "lib/it's", size = 2, content = "hi", executable = true}, {path = "more", size = 0, link = "lib"}}})
  end,

  ["refuses what does not fit into a variable before it makes anything"] = function(t)
    begin(t)
    local large = {spec = spec_with{files = {path = "web"}}, files = {{path = "a", size = 99999, content = ("x"):rep(99999)}}}
    for _, verb in ipairs{"create", "update"} do
      local err = t.fails("Invalid", verb, large)
      t.equal(err.field, "spec.files")
      t.matches(err.message, "put them into an image")
    end
  end,

  ["makes nothing twice under the same intent"] = function(t)
    begin(t)
    t.server{projects(project{labels = DONE})}
    t.call("create")
  end,

  ["goes on where an earlier try was interrupted"] = function(t)
    begin(t)
    t.server{projects(project{service = false}), asks("serviceCreate", {serviceCreate = {id = "s1"}}), asks("mutation Configure")}
    t.call("create")
    -- Its labels are written, nothing was deployed after them.
    t.server{projects(project{labels = {["croft.intent"] = "intent-1", before = "d1"}}), asks("mutation Configure")}
    t.call("create")
  end,

  ["says which step Railway refuses, though it answers 200"] = function(t)
    begin(t)
    t.server{refuses("query Observe", "Not Authorized")}
    t.matches(t.fails("Denied", "create").message, "^while listing the projects of the workspace: graphql: Not Authorized$")
    t.server{projects(), refuses("projectCreate", "You must be on a paid plan")}
    t.matches(t.fails("Invalid", "create").message, "while making the project: graphql: You must be on a paid plan")
    t.server{projects(), asks("projectCreate", MADE), refuses("serviceCreate", "Too many services")}
    t.matches(t.fails("Unavailable", "create").message, "making the service")
    t.server{projects(project()), refuses("volumeCreate", "Volume limit reached", {code = "BAD_USER_INPUT"})}
    t.matches(t.fails("Invalid", "create", {spec = WITH_VOLUME}).message, "making the volume: graphql: Volume limit reached")
    t.server{projects(project()), refuses("mutation Configure", "Problem processing request", {code = "INTERNAL_SERVER_ERROR"})}
    t.matches(t.fails("Unavailable", "create").message, "configuring and deploying the service")
  end,

  ["tries again later if the hour's requests are used up, or nobody answers"] = function(t)
    begin(t)
    local limited = fails("query Observe", 429, "rate limit")
    limited.reply_headers = {["retry-after"] = "1800"}
    t.server{limited}
    t.fails("Unavailable", "create")
    t.server{{method = "POST", path = "", error = "Timeout", message = "no reply"}}
    t.fails("Timeout", "create")
    t.server{fails("query Observe", 401, "bad token")}
    t.fails("Denied", "create")
    t.server{{method = "POST", path = "", body = "<html>"}}
    t.fails("Unavailable", "create")
  end,

  -- Updating

  ["updates in one request, and says in it what was deployed before"] = function(t)
    begin(t)
    local domain = {id = "dom1", domain = "web.up.railway.app", targetPort = 80}
    t.server{projects(project{service = service{domains = {serviceDomains = {domain}}}}), configures(function(sent)
      t.matches(json.decode(sent.about.description), {before = "d1", prev = {intent = "intent-0", spec = "old"}})
      t.matches(sent.domain, {serviceDomainId = "dom1", targetPort = 3000})
      return true
    end)}
    t.call("update", {spec = spec_with{http = {port = 3000}}})
  end,

  ["deletes a domain that is not wanted any more, and detaches a volume without erasing it"] = function(t)
    begin(t)
    local domain = {id = "dom1", domain = "web.up.railway.app", targetPort = 80}
    t.server{projects(project{service = service{domains = {serviceDomains = {domain}}}, volume = {volumeId = "v1", mountPath = "/data"}, labels = {volume = "data"}}),
      configures(function(sent, query)
        t.equal(sent.domain, "dom1")
        t.equal(sent.volume, "v1")
        t.equal(sent.mount.mountPath, nil)
        t.equal(json.decode(sent.about.description).volume, "data")
        return query:find("serviceDomainDelete", 1, true)
      end)}
    t.call("update", {spec = {command = {"./web"}}})
  end,

  ["keeps a volume that holds data under another name, or in another region"] = function(t)
    begin(t, {region = "europe-west4"})
    local volume = {volumeId = "v1", mountPath = "/data", region = "europe-west4", volume = {name = "old"}}
    t.server{projects(project{volume = volume, labels = {volume = "old"}})}
    local err = t.fails("Invalid", "update", {spec = WITH_VOLUME})
    t.equal(err.field, "spec.volumes")
    t.matches(err.message, "is 'old' and holds data")
    volume.region = "us-west1"
    t.server{projects(project{volume = volume})}
    t.matches(t.fails("Conflict", "update", {spec = WITH_VOLUME}).message, "is in region us%-west1, the provider's settings say europe%-west4")
    volume.region = "europe-west4"
    t.server{projects(project{volume = volume, labels = {volume = "data"}}), asks("mutation Configure")}
    t.call("update", {spec = WITH_VOLUME})
  end,

  ["does nothing that this intent did, but deploys what was stopped since"] = function(t)
    begin(t)
    t.server{projects(project{labels = DONE})}
    t.call("update")
    t.server{projects(project{labels = DONE, service = service{latestDeployment = deployment("d1", "REMOVED")}}), asks("mutation Deploy", nil, {service = "s1"})}
    t.call("update")
    t.server{projects(project{labels = DONE, service = service{latestDeployment = deployment("d1", "CRASHED")}}), refuses("mutation Deploy", "Service not found")}
    t.fails("NotFound", "update")
  end,

  ["updates nothing that is not there, or only kept for its data"] = function(t)
    begin(t)
    t.server{projects()}
    t.matches(t.fails("NotFound", "update").message, "no project at Railway")
    t.server{projects(project{labels = {kept = true}})}
    t.fails("NotFound", "update")
  end,

  -- Starting and stopping

  ["starts by deploying, unless it runs or is about to"] = function(t)
    begin(t)
    t.server{projects(project{service = service{latestDeployment = deployment("d1", "REMOVED")}}), asks("serviceInstanceDeployV2")}
    t.call("start")
    t.server{projects(project{service = service{latestDeployment = deployment("d1", "SUCCESS", true)}}), asks("serviceInstanceDeployV2")}
    t.call("start")
    for _, status in ipairs{"SUCCESS", "SLEEPING", "BUILDING"} do
      t.server{projects(project{service = service{latestDeployment = deployment("d1", status)}})}
      t.call("start")
    end
    t.server{projects(project{service = false})}
    t.matches(t.fails("NotFound", "start").message, "no service at Railway")
    t.server{projects()}
    t.fails("NotFound", "start")
  end,

  ["stops what is up by removing it, what is on its way by cancelling it"] = function(t)
    begin(t)
    local both = service{latestDeployment = deployment("d2", "BUILDING"), activeDeployments = {deployment("d1", "SUCCESS")}}
    local step = asks("mutation Stop")
    step.match = function(request)
      local query, sent = request.json.query, request.json.variables
      for i = 1, 2 do
        local verb = sent["end" .. i] == "d1" and "deploymentRemove" or "deploymentCancel"
        if not query:find("end" .. i .. ": " .. verb .. "(id: $end" .. i .. ")", 1, true) then return false end
      end
      return true
    end
    t.server{projects(project{service = both}), step}
    t.call("stop")
    t.server{projects(project{service = service{latestDeployment = deployment("d1", "REMOVED")}})}
    t.call("stop")
    t.server{projects(project()), refuses("mutation Stop", "Deployment not found")}
    t.matches(t.fails("NotFound", "stop").message, "while stopping the service")
    t.server{projects()}
    t.fails("NotFound", "stop")
  end,

  -- Destroying

  ["destroys every project of the resource"] = function(t)
    begin(t)
    t.server{projects(project{id = "p2", created = "2026-01-03T00:00:00Z"}, project()), asks("projectDelete", nil, {project = "p1"}), asks("projectDelete", nil, {project = "p2"})}
    t.call("destroy")
    t.server{projects()}
    t.call("destroy")
    t.server{projects(project()), refuses("projectDelete", "Project not found")}
    t.call("destroy")
    t.server{projects(project()), refuses("projectDelete", "Not Authorized")}
    t.matches(t.fails("Denied", "destroy").message, "deleting the project croft%-uid%-web")
    t.server{fails("query Observe", 503, "down")}
    t.fails("Unavailable", "destroy")
  end,

  ["keeps the volume and its project, and nothing of the app's secrets, if the data is kept"] = function(t)
    begin(t)
    local volume = {volumeId = "v1", mountPath = "/data"}
    local step = asks("mutation PutAway")
    step.match = function(request)
      local sent = request.json.variables
      t.equal(json.decode(sent.about.description), {["croft.uid"] = "uid-web", ["croft.ref"] = "test/Instance/web", before = "", kept = true, volume = "data"})
      t.matches(sent.variables, {replace = true, serviceId = "s1"})
      t.equal(sent.variables.variables, {})
      return sent.end1 == "d1"
    end
    t.server{projects(project{volume = volume, labels = {volume = "data"}}), step}
    t.call("destroy", {erase_data = false})
    t.server{projects(project{volume = volume, labels = {kept = true}})}
    t.call("destroy", {erase_data = false})
    t.server{projects(project()), asks("projectDelete")}
    t.call("destroy", {erase_data = false})
    t.server{projects(project{volume = volume, service = false}), refuses("mutation PutAway", "rate limit exceeded")}
    t.fails("Unavailable", "destroy", {erase_data = false})
  end,

  -- Logs

  ["gives the last lines of the latest deployment"] = function(t)
    begin(t)
    t.server{projects(project()), asks("query Logs", {deploymentLogs = {{timestamp = "t1", message = "one"}, {timestamp = "t1", message = "two"}}}, {deployment = "d1", limit = 5})}
    t.equal(t.call("logs", {last_lines = 5}), "one\ntwo\n")
    t.server{projects(project{service = service{latestDeployment = json.null}})}
    t.matches(t.fails("NotFound", "logs").message, "nothing was deployed yet")
    t.server{projects()}
    t.fails("NotFound", "logs")
    t.server{projects(project()), refuses("query Logs", "Deployment not found")}
    t.fails("NotFound", "logs")
  end,

  ["follows logs from the last line on, without doubling lines of one instant"] = function(t)
    begin(t)
    t.server{
      projects(project()),
      asks("query Logs", {deploymentLogs = {{timestamp = "t1", message = "one"}}}),
      asks("query Logs", {deploymentLogs = json.array{}}, {since = "t1", limit = 500}),
      asks("query Logs", {deploymentLogs = {{timestamp = "t1", message = "one"}, {timestamp = "t1", message = "two"}, {timestamp = "t2", message = "three"}}}, {since = "t1"}),
      refuses("query Logs", "rate limit exceeded"),
    }
    local before = t.clock.now()
    t.matches(t.fails("Unavailable", "logs", {follow = true}).message, "while reading the logs")
    t.equal(t.clock.now() - before, 30000)
  end,
}
