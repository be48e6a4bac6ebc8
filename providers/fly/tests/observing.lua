-- What an observation asks for, and what it makes of the answers.

local fly = require "fly"

local MACHINES, VOLUMES = "/orgs/my-org/machines", "/orgs/my-org/volumes"
local GIB = 1024 * 1024 * 1024
local begin = fly.settings

local LABELS = {["croft.uid"] = "uid-web", ["croft.ref"] = "test/Instance/web", ["croft.intent"] = "intent-1", ["croft.spec"] = "digest"}

-- A machine as the organization's list has it: without most of its configuration.
local function listed(fields)
  local shown = {id = "m1", name = "croft", app_name = "croft-uid-web", state = "started", version = "v1", updated_at = "t1",
    incomplete_config = {metadata = LABELS}}
  for name, value in pairs(fields or {}) do shown[name] = value end
  return shown
end

-- The same as it shows itself.
local function machine(fields)
  local shown = {id = "m1", name = "croft", state = "started", instance_id = "v1", updated_at = "t1", host_status = "ok", checks = json.array{},
    events = {{type = "start", status = "started", timestamp = 1700000000000}}, config = {metadata = LABELS, image = "web:1",
      init = {exec = {"/bin/sh", "-c", 'cd "$0" && exec "$@"', "/", "./web", "-v"}}, guest = {cpus = 2, memory_mb = 512},
      stop_config = {timeout = "1m30s"}, services = json.array{}, env = json.object{}}}
  for name, value in pairs(fields or {}) do shown[name] = value end
  return shown
end

local function with_config(fields)
  local shown = machine()
  for name, value in pairs(fields) do shown.config[name] = value end
  return shown
end

local function detail(shown, id) return {path = "/apps/croft-uid-web/machines/" .. (id or "m1"), json = shown} end

-- One observation of the machines, whose details come in any order.
local function observe(t, machines, details, volumes)
  local steps = {any_order = true,
    {path = MACHINES, json = {machines = json.array(machines)}}, {path = VOLUMES, json = {volumes = json.array(volumes or {})}}}
  for _, step in ipairs(details) do steps[#steps + 1] = step end
  t.server(steps)
  return t.call("observe")
end

local function observe_one(t, shown)
  begin(t)
  return observe(t, {listed{state = shown.state}}, {detail(shown)})[1]
end

return {
  ["tells what runs, shaped like the spec"] = function(t)
    local one = observe_one(t, machine())
    t.matches(one, {uid = "uid-web", ref = "test/Instance/web", intent = "intent-1", spec_digest = "digest", phase = "Running",
      health = "Unknown", started_at = 1700000000000})
    t.equal(one.fields, {command = {"./web", "-v"}, image = "web:1", resources = {cpu = 2000, memory = 512 * 1024 * 1024}, volumes = {}, grace = 90000})
  end,

  ["tells where a service is reached, and what checks it"] = function(t)
    local shown = with_config{services = {{internal_port = 3000}}, env = {PORT = "3000", A = "1"},
      checks = {health = {type = "http", path = "/healthz", port = 3000, interval = "10s", timeout = "1.5s", grace_period = "250ms"}}}
    shown.checks = {{name = "health", status = "passing"}}
    local one = observe_one(t, shown)
    t.equal(one.endpoint, "https://croft-uid-web.fly.dev")
    t.equal(one.health, "Passing")
    t.equal(one.fields.env, {A = "1"})
    t.equal(one.fields.http, {port = 3000})
    t.equal(one.fields.health, {http = "/healthz", interval = 10000, timeout = 1500, startWithin = 250})
  end,

  ["tells of checks by TCP, and of durations in nanoseconds"] = function(t)
    local one = observe_one(t, with_config{services = {{internal_port = 5432}},
      checks = {health = {type = "tcp", port = 5432, interval = 15000000000, timeout = "5s", grace_period = "1m"}}})
    t.equal(one.fields.health, {tcp = 5432, interval = 15000, timeout = 5000, startWithin = 60000})
  end,

  ["tells why a check fails"] = function(t)
    local one = observe_one(t, machine{checks = {{name = "health", status = "critical", output = "connection refused"}}})
    t.matches(one, {health = "Failing", message = "health: connection refused"})
    begin(t)
    one = observe_one(t, machine{checks = {{name = "health", status = "warning"}}})
    t.equal(one.health, "Unknown")
  end,

  ["tells a command that somebody changed as it is"] = function(t)
    t.equal(observe_one(t, with_config{init = {exec = {"/bin/bash"}}}).fields.command, {"/bin/bash"})
  end,

  ["has files only while they are those that Croft wrote"] = function(t)
    local files = {{guest_path = "/srv/app/a", mode = 420, raw_value = "aGk="}}
    local digest = hash.sha256("/srv/app/a\n420\naGk=")
    local function kept(of) return {["croft.uid"] = "uid-web", ["croft.ref"] = "test/Instance/web", ["croft.kept"] = json.encode(json.object{files = of, tree = {tree = "t1"}, pids = 64, has_env = true})} end
    local one = observe_one(t, with_config{files = files, metadata = kept(digest)})
    t.equal(one.fields.files, {tree = "t1"})
    t.equal(one.fields.resources.pids, 64)
    t.equal(one.fields.env, {})
    t.clock.advance(1)
    local changed = with_config{files = files, metadata = kept("another")}
    one = observe(t, {listed{version = "v2"}}, {detail(changed)})[1]
    t.equal(one.fields.files == nil or one.fields.files.tree ~= "t1", true)
  end,

  ["tells how an app ended"] = function(t)
    local function ended(exit, count)
      return machine{state = "stopped", events = {{type = "exit", request = {restart_count = count, exit_event = exit}}}}
    end
    t.matches(observe_one(t, ended({exit_code = 3}, 2)), {phase = "Stopped", reason = "CrashLoop", message = "exit status 3", restarts = 2})
    t.clock.advance(1)
    t.matches(observe(t, {listed{version = "v2"}}, {detail(ended({oom_killed = true}))})[1], {reason = "OutOfMemory"})
    local asked = observe(t, {listed{version = "v3"}}, {detail(ended({exit_code = 1, requested_stop = true}))})[1]
    t.equal(asked.reason, nil)
    local anew = machine{events = {{type = "launch"}, {type = "exit", request = {exit_event = {exit_code = 1}}}}}
    t.equal(observe(t, {listed{version = "v4"}}, {detail(anew)})[1].reason, nil)
  end,

  ["tells of machines that never started, and of hosts that are gone"] = function(t)
    t.matches(observe_one(t, machine{state = "failed"}), {phase = "Failed", reason = "MachineFailed"})
    t.clock.advance(1)
    t.matches(observe(t, {listed{version = "v2"}}, {detail(machine{host_status = "unreachable"})})[1], {phase = "Failed", reason = "HostUnreachable"})
    t.matches(observe(t, {listed{version = "v3"}}, {detail(machine{host_status = "unknown"})})[1], {phase = "Running", reason = "HostUnreachable"})
  end,

  ["leaves out what is not ours: no labels, another name, another app, a clone"] = function(t)
    begin(t)
    local all = observe(t, {listed{incomplete_config = json.object{}}, listed{name = "clone"}, listed{app_name = "other"}, listed{state = "destroyed"}}, {})
    t.equal(all, {})
  end,

  ["reads all pages of a list"] = function(t)
    begin(t)
    t.server{
      any_order = true,
      {path = MACHINES .. "?cursor=next", json = {machines = {listed()}}},
      {path = MACHINES, json = {machines = json.array{}, next_cursor = "next"}, match = function(request) return request.query.cursor == nil end},
      {path = VOLUMES, json = {next_cursor = ""}}, detail(machine()),
    }
    t.equal(#t.call("observe"), 1)
  end,

  ["reads a machine again if the list shows a change, else the longest unread"] = function(t)
    begin(t)
    local function of(id, version)
      local labels = {["croft.uid"] = "uid-" .. id, ["croft.ref"] = "test/Instance/" .. id}
      return listed{id = id, app_name = "croft-uid-" .. id, version = version or "v1", incomplete_config = {metadata = labels}}
    end
    local function read(id)
      return {path = "/apps/croft-uid-" .. id .. "/machines/" .. id, json = with_config{metadata = {["croft.uid"] = "uid-" .. id, ["croft.ref"] = "test/Instance/" .. id}}}
    end
    -- Of those that were read at the same time, either may come first.
    local asked
    local function maybe(id)
      local step = read(id)
      local shown = step.json
      step.json, step.times = nil, "any"
      step.reply = function()
        asked[id] = true
        return {json = shown}
      end
      return step
    end
    local function count()
      local all = 0
      for _ in pairs(asked) do all = all + 1 end
      return all
    end
    observe(t, {of("a"), of("b"), of("c"), of("d")}, {read("a"), read("b"), read("c"), read("d")})
    t.clock.advance(30000)
    asked = {}
    observe(t, {of("a"), of("b"), of("c"), of("d", "v2")}, {maybe("a"), maybe("b"), maybe("c"), read("d")})
    t.equal(count(), 2)
    local unread = not asked.a and "a" or not asked.b and "b" or "c"
    asked = {}
    t.clock.advance(30000)
    t.equal(#observe(t, {of("a"), of("b"), of("c")}, {maybe("a"), maybe("b"), maybe("c")}), 3)
    t.equal(count(), 2)
    t.equal(asked[unread], true)
  end,

  ["knows the size of a volume that grew without reading its machine again"] = function(t)
    begin(t)
    local shown = with_config{mounts = {{volume = "vol_1", name = "my_data", path = "/data", size_gb = 1}}}
    local all = observe(t, {listed()}, {detail(shown)}, {{id = "vol_1", size_gb = 3}})
    t.equal(all[1].fields.volumes, {{name = "my-data", path = "/data", size = 3 * GIB}})
  end,

  ["hides nothing because one machine cannot be read"] = function(t)
    begin(t)
    local all = observe(t, {listed()}, {{path = "/apps/croft-uid-web/machines/m1", status = 500}})
    t.matches(all[1], {uid = "uid-web", phase = "Running", reason = "DetailsMissing"})
    t.equal(all[1].fields, nil)
    t.equal(observe(t, {listed()}, {{path = "/apps/croft-uid-web/machines/m1", status = 404}}), {})
  end,

  ["knows nothing if a list cannot be read, and says so"] = function(t)
    begin(t)
    t.server{any_order = true, {path = MACHINES, status = 401, json = {error = "token expired"}}, {path = VOLUMES, json = json.object{}}}
    t.matches(t.fails("Denied", "observe").message, "listing the organization's machines and volumes: token expired")
    t.server{any_order = true, {path = MACHINES, json = json.object{}}, {path = VOLUMES, status = 429, reply_headers = {["retry-after"] = "5"}}}
    t.fails("Unavailable", "observe")
  end,

  ["asks by itself for what it changed lately, as long as the list may lag"] = function(t)
    begin(t)
    local APP = "/apps/croft-uid-web/machines"
    t.server{{path = APP, json = {machine()}}}
    t.call("start")
    t.equal(#observe(t, {}, {{path = APP, json = {machine()}}, detail(machine())}), 1)
    t.equal(#observe(t, {listed()}, {detail(machine())}), 1)
    t.server{any_order = true, {path = MACHINES, json = json.object{}}, {path = VOLUMES, json = json.object{}}, {path = APP, status = 500}}
    t.fails("Unavailable", "observe")
    t.clock.advance(120000)
    t.equal(#observe(t, {}, {}), 0)
  end,
}
