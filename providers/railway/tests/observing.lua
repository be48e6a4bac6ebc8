-- What an observation asks for, and what it makes of the answers.

local railway = require "railway"

local begin, edges, deployment, service, answers, lists =
  railway.settings, railway.edges, railway.deployment, railway.service, railway.answers, railway.lists

local SCRIPT = "exec './web'\n"

-- A project that runs what was ordered last.
local function project(fields)
  local shown = railway.with({}, fields)
  shown.labels = railway.with({["croft.intent"] = "intent-1", ["croft.spec"] = "digest"}, shown.labels)
  return railway.project(shown)
end

local function variables(fields, kept)
  local known = {command = {"./web"}, cpu = 250, memory = 128000000, start = hash.sha256(SCRIPT), has_env = false}
  for name, value in pairs(kept or {}) do known[name] = value end
  local all = {CROFT_START = SCRIPT, CROFT_KEPT = json.encode(json.object(known)), RAILWAY_SERVICE_ID = "s1"}
  for name, value in pairs(fields or {}) do all[name] = value end
  return all
end

local LIMITS = {containers = {cpu = 0.25, memoryBytes = 128000000}}

local function details(data) return answers("query Details", {data = data}) end

-- What is observed of one project, whose variables are these.
local function observe_one(t, shown, known, limits)
  begin(t)
  t.server{lists(shown), details{v1 = known or variables(), l1 = limits or LIMITS}}
  return t.call("observe")[1]
end

return {
  ["tells what runs, shaped like the spec"] = function(t)
    local one = observe_one(t, project())
    t.matches(one, {uid = "uid-web", ref = "test/Instance/web", intent = "intent-1", spec_digest = "digest", phase = "Running", health = "Unknown",
      started_at = 1767312000000})
    t.equal(one.fields, {command = {"./web"}, image = "web:1", resources = {cpu = 250, memory = 128000000}, volumes = {}, grace = 10000})
  end,

  ["tells of domain, port, health, env and volume"] = function(t)
    local shown = project{
      service = service{domains = {serviceDomains = {{id = "dom1", domain = "web.up.railway.app", targetPort = 3000}}}, healthcheckPath = "/healthz", healthcheckTimeout = 60},
      volume = {volumeId = "v1", mountPath = "/data", sizeMB = 500, serviceId = "s1", volume = {name = "data"}}}
    local one = observe_one(t, shown, variables({PORT = "3000", A = "1"}, {interval = 10000, timeout = 5000, size = 400000000}))
    t.equal(one.endpoint, "https://web.up.railway.app")
    t.matches(one.fields, {env = {A = "1"}, http = {port = 3000}, health = {http = "/healthz", interval = 10000, timeout = 5000, startWithin = 60000},
      volumes = {{name = "data", path = "/data", size = 400000000}}})
  end,

  ["tells an empty env only if one was declared"] = function(t)
    t.equal(observe_one(t, project(), variables(nil, {has_env = true})).fields.env, {})
  end,

  ["tells what somebody changed: start command, script, limits"] = function(t)
    t.equal(observe_one(t, project{service = service{startCommand = "npm start"}}).fields.command, {"npm start"})
    t.clock.advance(60000)
    t.server{lists(project{service = service{updatedAt = "u2"}}), details{v1 = variables{CROFT_START = "rm -rf /"}, l1 = {containers = {cpu = 2, memoryBytes = 1000}}}}
    local fields = t.call("observe")[1].fields
    t.equal(fields.command, {"changed at Railway"})
    t.matches(fields.resources, {cpu = 2000, memory = 1000})
  end,

  ["tells the limit that was declared if Railway counts a gigabyte as 2^30 bytes"] = function(t)
    t.equal(observe_one(t, project(), nil, {containers = {cpu = 0.25, memoryBytes = 137438953}}).fields.resources.memory, 128000000)
  end,

  ["tells of what was announced and did not happen as of what was before"] = function(t)
    local one = observe_one(t, project{labels = {before = "d1", prev = {intent = "intent-0", spec = "old"}}})
    t.matches(one, {intent = "intent-0", spec_digest = "old"})
  end,

  ["has a phase for every state of a deployment, and a reason for the bad ones"] = function(t)
    local expected = {SLEEPING = {"Asleep"}, CRASHED = {"Failed", "CrashLoop"}, FAILED = {"Failed", "DeploymentFailed"}, SKIPPED = {"Failed", "DeploymentSkipped"},
      NEEDS_APPROVAL = {"Created", "NeedsApproval"}, QUEUED = {"Starting", "Queued"}, REMOVED = {"Stopped"}, REMOVING = {"Stopping"}, UNHEARD_OF = {"Created"}}
    begin(t, {observeEvery = "0s"})
    for status, what in pairs(expected) do
      t.server{lists(project{service = service{latestDeployment = deployment(status, status)}}), details{v1 = variables(), l1 = LIMITS}}
      local one = t.call("observe")[1]
      t.equal({one.phase, one.reason}, what)
    end
    t.server{lists(project{service = service{latestDeployment = deployment("d9", "SUCCESS", true)}}), details{v1 = variables(), l1 = LIMITS}}
    t.equal(t.call("observe")[1].phase, "Completed")
    t.server{lists(project{service = service{latestDeployment = deployment("d10", "FAILED"), activeDeployments = {deployment("d9", "SUCCESS")}}}), details{v1 = variables(), l1 = LIMITS}}
    t.matches(t.call("observe")[1].message, "what was deployed before still runs")
  end,

  ["tells of a project whose service somebody deleted, without what the service ran"] = function(t)
    begin(t, {observeEvery = "0s"})
    t.server{lists(project()), details{v1 = variables(), l1 = LIMITS}}
    t.call("observe")
    t.server{lists(project{service = false})}
    local one = t.call("observe")[1]
    t.equal(one.phase, "Created")
    t.equal(one.fields, nil)
  end,

  ["leaves out projects without our labels, kept ones, and a second one of a resource"] = function(t)
    begin(t)
    t.server{
      lists(project{description = "a blog"}, project{description = "{}"}, project{id = "p9", created = "2026-02-01T00:00:00Z"}, project(),
        project{id = "p3", labels = {["croft.uid"] = "uid-old", kept = true}}),
      {method = "POST", path = "", expect = {variables = {p1 = "p1"}}, json = {data = {v1 = variables(), l1 = LIMITS}}},
    }
    t.equal(#t.call("observe"), 1)
  end,

  ["reads all pages of the workspace"] = function(t)
    begin(t)
    local first = edges(project{description = "a blog"})
    first.pageInfo = {hasNextPage = true, endCursor = "c1"}
    local second = lists(project{service = false})
    second.expect = {variables = {workspace = "w1", after = "c1"}}
    t.server{answers("query Observe", {data = {projects = first}}), second}
    t.equal(#t.call("observe"), 1)
  end,

  ["asks for variables of 25 services at once, and only after a deployment"] = function(t)
    begin(t, {observeEvery = "0s"})
    local all, data = {}, {{}, {}}
    for i = 1, 26 do
      all[i] = project{id = string.format("p%02d", i), labels = {["croft.uid"] = "uid-" .. i}}
      local chunk, place = i <= 25 and 1 or 2, i <= 25 and i or 1
      data[chunk]["v" .. place], data[chunk]["l" .. place] = variables(), LIMITS
    end
    t.server{lists(unpack(all)), details(data[1]), details(data[2])}
    t.equal(#t.call("observe"), 26)
    t.server{lists(unpack(all))}
    t.equal(#t.call("observe"), 26)
    t.server{lists(project{id = "p01", labels = {["croft.uid"] = "uid-1"}, service = service{latestDeployment = deployment("d2", "SUCCESS")}}), details{v1 = variables(), l1 = LIMITS}}
    t.equal(#t.call("observe"), 1)
  end,

  ["hides nothing because the variables of one service cannot be read"] = function(t)
    begin(t)
    local both = lists(project(), project{id = "p2", created = "2026-01-02T00:00:00Z", labels = {["croft.uid"] = "uid-b"}})
    t.server{both, answers("query Details", {data = json.null, errors = {{message = "Not Authorized", path = {"v1"}}}}),
      {method = "POST", path = "", expect = {variables = {p1 = "p2"}}, json = {data = {v1 = variables(), l1 = LIMITS}}}}
    local all = t.call("observe")
    t.matches(all[1], {uid = "uid-web", phase = "Running", reason = "DetailsMissing"})
    t.equal(all[1].fields, nil)
    t.equal(all[2].fields.command, {"./web"})
  end,

  ["tries variables no third time"] = function(t)
    begin(t, {observeEvery = "0s"})
    local nobody = answers("query Details", {errors = {{message = "Problem processing request", path = {"other"}}}})
    t.server{lists(project()), nobody}
    t.equal(t.call("observe")[1].reason, "DetailsMissing")
    local refusal = answers("query Details", {errors = {{message = "no", path = {"l2"}}}})
    local other = project{id = "p2", created = "2026-01-02T00:00:00Z", labels = {["croft.uid"] = "uid-b"}}
    t.server{lists(project(), other), refusal, {method = "POST", path = "", status = 429}}
    t.equal(#t.call("observe"), 2)
  end,

  ["asks nobody while the last observation is young and nothing changed"] = function(t)
    begin(t)
    t.server{lists(project()), details{v1 = variables(), l1 = LIMITS}}
    t.call("observe")
    t.clock.advance(59999)
    t.equal(#t.call("observe"), 1)
    t.clock.advance(1)
    t.server{lists(project())}
    t.call("observe")
    t.server{lists(project())}
    t.call("start")
    t.server{lists(project())}
    t.call("observe")
  end,

  ["looks sooner at what is on its way"] = function(t)
    begin(t)
    local building = project{service = service{latestDeployment = deployment("d1", "BUILDING")}}
    t.server{lists(building), details{v1 = variables(), l1 = LIMITS}}
    t.call("observe")
    t.clock.advance(9999)
    t.call("observe")
    t.clock.advance(1)
    t.server{lists(project())}
    t.equal(t.call("observe")[1].phase, "Running")
  end,

  ["knows nothing if the workspace cannot be read, and says so"] = function(t)
    begin(t)
    t.server{answers("query Observe", {errors = {{message = "Workspace not found"}}})}
    t.matches(t.fails("NotFound", "observe").message, "while listing the projects of the workspace: graphql: Workspace not found")
    t.server{{method = "POST", path = "", status = 429, reply_headers = {["retry-after"] = "60"}}}
    t.fails("Unavailable", "observe")
  end,
}
