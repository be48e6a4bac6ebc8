-- What of a spec Fly takes, and what the adapter chooses itself.

local fly = require "fly"

local MIB, GIB = 1024 * 1024, 1024 * 1024 * 1024
local begin = fly.settings

local function normal(t, fields) return t.call("normalize", {spec = fly.spec(fields)}) end

local function refused(t, field, words, fields)
  local err = t.fails("Invalid", "normalize", {spec = fly.spec(fields)})
  t.equal(err.field, "spec." .. field)
  t.matches(err.message, words)
end

return {
  ["chooses what was not said"] = function(t)
    begin(t)
    t.equal(normal(t, {}), {command = {"./web"}, image = "web:1", resources = {cpu = 1000, memory = 256 * MIB}, grace = 10000})
    t.equal(normal(t, {health = {http = "/"}}).http, {port = 8080})
    t.equal(normal(t, {health = {http = "/"}}).health, {http = "/", interval = 10000, timeout = 5000, startWithin = 60000})
    t.equal(normal(t, {image = "own:2"}).image, "own:2")
  end,

  ["rounds up to the sizes that Fly has"] = function(t)
    begin(t)
    local function size(cpu, memory) return normal(t, {resources = {cpu = cpu, memory = memory * MIB}}).resources end
    t.equal(size(250, 300), {cpu = 1000, memory = 512 * MIB})
    t.equal(size(1001, 256), {cpu = 2000, memory = 512 * MIB})
    t.equal(size(3000, 100), {cpu = 4000, memory = 1024 * MIB})
    t.equal(size(100, 2049), {cpu = 2000, memory = 2304 * MIB})
    refused(t, "resources", "the largest has 8 processors and 16384 MiB", {resources = {cpu = 9000}})
    begin(t, {cpuKind = "performance"})
    t.equal(size(250, 300), {cpu = 1000, memory = 2048 * MIB})
    t.equal(size(16000, 1), {cpu = 16000, memory = 32768 * MIB})
  end,

  ["makes whole gibibytes of volumes, one of them, not too large"] = function(t)
    begin(t)
    t.equal(normal(t, {volumes = {{name = "d", path = "/d", size = GIB + 1}}}).volumes, {{name = "d", path = "/d", size = 2 * GIB}})
    refused(t, "volumes", "mounts one volume, not 2", {volumes = {{name = "a", path = "/a"}, {name = "b", path = "/b"}}})
    refused(t, "volumes", "at most 500 GiB", {volumes = {{name = "a", path = "/a", size = 501 * GIB}}})
    refused(t, "volumes", "at most 30 characters", {volumes = {{name = ("a"):rep(31), path = "/a"}}})
  end,

  ["refuses what Fly cannot do, with the field"] = function(t)
    begin(t)
    refused(t, "template", "cannot honour 'template'", {template = "x"})
    refused(t, "health.exec", "not by a command", {health = {exec = {"./check"}}})
    refused(t, "health.tcp", "the app's only port is http.port, 80", {http = {port = 80}, health = {tcp = 81}})
    refused(t, "command", "no command to run", {command = json.array{}})
    refused(t, "env", "env.PORT is set by Croft", {env = {PORT = "1"}})
    refused(t, "env", "env.FLY_REGION is set", {env = {FLY_REGION = "cdg"}})
    refused(t, "env", "env.CROFT_X is set", {env = {CROFT_X = ""}})
    refused(t, "grace", "at most 300s to stop", {grace = 300001})
    t.matches(t.fails("Invalid", "normalize", {kind = "Site", spec = {}}).message, "runs Instances, not Sites")
  end,

  ["says what it can and cannot do"] = function(t)
    begin(t)
    local can = t.call("capabilities")
    t.matches(can, {workloads = true, volumes = true, files = true, logs = false})
    t.equal(#can.missing, 2)
  end,
}
