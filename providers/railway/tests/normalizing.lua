-- What of a spec Railway takes, and what the adapter chooses itself.

local railway = require "railway"

local MIB = 1024 * 1024
local begin, with_command = railway.settings, railway.spec

local function normal(t, fields) return t.call("normalize", {spec = with_command(fields)}) end

local function refused(t, field, words, fields)
  local err = t.fails("Invalid", "normalize", {spec = with_command(fields)})
  t.equal(err.field, "spec." .. field)
  t.matches(err.message, words)
end

return {
  ["chooses what was not said"] = function(t)
    begin(t)
    t.equal(normal(t, {}), {command = {"./web"}, image = "web:1", resources = {cpu = 250, memory = 128 * MIB}, grace = 10000})
    local listening = normal(t, {health = {http = "/", startWithin = 1500}, grace = 100})
    t.equal(listening.http, {port = 8080})
    t.equal(listening.health, {http = "/", interval = 10000, timeout = 5000, startWithin = 2000})
    t.equal(listening.grace, 1000)
    t.equal(normal(t, {image = "own:2"}).image, "own:2")
  end,

  ["takes one volume, no larger than the plan makes them"] = function(t)
    begin(t)
    t.equal(normal(t, {volumes = {{name = "d", path = "/d", size = 1000}}}).volumes, {{name = "d", path = "/d", size = 1000}})
    refused(t, "volumes", "makes volumes of 500000000", {volumes = {{name = "d", path = "/d"}}})
    refused(t, "volumes", "one volume, not 2", {volumes = {{name = "a", path = "/a"}, {name = "b", path = "/b"}}})
  end,

  ["refuses what Railway cannot do, with the field"] = function(t)
    begin(t)
    refused(t, "template", "cannot honour 'template'", {template = "x"})
    refused(t, "health.tcp", "by HTTP only", {health = {tcp = 80}})
    refused(t, "health.exec", "by HTTP only", {health = {exec = {"./check"}}})
    refused(t, "command", "no command to run", {command = json.array{}})
    refused(t, "command", "would replace", {command = {"echo", "${{shared.A}}"}})
    refused(t, "env", "would replace", {env = {A = "${{shared.A}}"}})
    refused(t, "env", "env.PORT is set by Croft", {env = {PORT = "1"}})
    refused(t, "env", "env.RAILWAY_X is set", {env = {RAILWAY_X = "1"}})
    refused(t, "env", "env.CROFT_X is set", {env = {CROFT_X = "1"}})
    t.matches(t.fails("Invalid", "normalize", {kind = "Site", spec = {}}).message, "runs Instances, not Sites")
  end,

  ["says what it can and cannot do"] = function(t)
    begin(t)
    local can = t.call("capabilities")
    t.matches(can, {workloads = true, volumes = true, logs = true})
    t.equal(#can.missing, 3)
  end,
}
