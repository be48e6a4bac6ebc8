-- The verbs that change something, request by request. "intent-1" and the digest are those of the effects below.

local fly = require "fly"

local APP = "/apps/croft-uid-web"
local MACHINE = APP .. "/machines/m1"
local LEASE = MACHINE .. "/lease"
local IMAGE = "web:1"
local GIB = 1024 * 1024 * 1024
local begin, spec_with = fly.settings, fly.spec

-- Our machine as Fly shows it; `labels` and the other fields take the place of what is here.
local function machine(fields, labels)
  local shown = {id = "m1", name = "croft", state = "started", region = "cdg", instance_id = "v1", config = {
    metadata = {["croft.uid"] = "uid-web", ["croft.intent"] = "intent-0", ["croft.spec"] = "old"},
    stop_config = {timeout = "10s"}}}
  for name, value in pairs(fields or {}) do shown[name] = value end
  for name, value in pairs(labels or {}) do shown.config.metadata[name] = value end
  return shown
end

local DONE = {["croft.intent"] = "intent-1", ["croft.spec"] = "digest"}
local HELD = {["fly-machine-lease-nonce"] = "nonce-1"}

local function machines(...) return {path = APP .. "/machines", json = json.array{...}} end
local function no_machines() return {path = APP .. "/machines", status = 404, json = {error = "App not found"}} end
local function app() return {path = APP, json = {name = "croft-uid-web", network = "croft-uid-web"}} end
local function no_app() return {path = APP, status = 404} end
local function volumes(...) return {path = APP .. "/volumes", json = json.array{...}} end
local function lease() return {method = "POST", path = LEASE, query = {ttl = "60"}, json = {nonce = "nonce-1"}} end
local function release() return {method = "DELETE", path = LEASE, headers = HELD} end
local function wait(state) return {path = MACHINE .. "/wait", query = {state = state}, json = {ok = true}} end
local function start() return {method = "POST", path = MACHINE .. "/start", headers = HELD, json = {}} end
local function stop() return {method = "POST", path = MACHINE .. "/stop", headers = HELD, expect = {signal = "SIGTERM", timeout = "10s"}, json = {}} end

local function volume(fields)
  local shown = {id = "vol_1", name = "my_data", state = "created", region = "cdg", size_gb = 1}
  for name, value in pairs(fields or {}) do shown[name] = value end
  return shown
end

local WITH_VOLUME = spec_with{volumes = {{name = "my-data", path = "/data", size = GIB}}}

return {
  -- Making

  ["makes an app, then its machine"] = function(t)
    begin(t)
    t.server{
      no_machines(), no_app(),
      {method = "POST", path = "/apps", status = 201,
       expect = {name = "croft-uid-web", org_slug = "my-org", network = "croft-uid-web"}},
      {method = "POST", path = APP .. "/machines", json = machine(), expect = {name = "croft", region = "cdg", config = {
        image = IMAGE, guest = {cpu_kind = "shared", cpus = 1, memory_mb = 256}, restart = {policy = "always"},
        init = {exec = {"/bin/sh", "-c", 'cd "$0" && exec "$@"', "/", "./web"}},
        metadata = {["croft.uid"] = "uid-web", ["croft.intent"] = "intent-1", ["croft.ref"] = "test/Instance/web"}}}},
    }
    t.call("create", {spec = {command = {"./web"}}})
  end,

  ["gives an app with a port two addresses, a service and a check"] = function(t)
    begin(t)
    t.server{
      no_machines(), app(),
      {path = APP .. "/ip_assignments", json = {ips = {{ip = "fdaa:0:1::3"}}}},
      {method = "POST", path = APP .. "/ip_assignments", expect = {type = "shared_v4"}, json = {}},
      {method = "POST", path = APP .. "/ip_assignments", expect = {type = "v6"}, json = {}},
      {method = "POST", path = APP .. "/machines", json = machine(), expect = {config = {
        env = {PORT = "3000", A = "1"},
        services = {{internal_port = 3000, autostart = false, autostop = "off"}},
        checks = {health = {type = "http", path = "/healthz", port = 3000, interval = "10s", timeout = "1500ms", grace_period = "60s"}}}}},
    }
    t.call("create", {spec = spec_with{env = {A = "1"}, http = {port = 3000}, health = {http = "/healthz", timeout = 1500}}})
  end,

  ["makes no address that is there, and checks by TCP without a path"] = function(t)
    begin(t)
    t.server{
      no_machines(), app(),
      {path = APP .. "/ip_assignments", json = {ips = {{ip = "66.241.124.1", shared = true}, {ip = "2a09:8280:1::1"}}}},
      {method = "POST", path = APP .. "/machines", json = machine(), match = function(request)
        local check = request.json.config.checks.health
        return check.type == "tcp" and check.port == 5432 and check.path == nil
      end},
    }
    t.call("create", {spec = spec_with{health = {tcp = 5432}}})
  end,

  ["makes a volume where the machine will be, and mounts it"] = function(t)
    begin(t)
    t.server{
      no_machines(), app(), {path = APP .. "/volumes", status = 404},
      {method = "POST", path = APP .. "/volumes", json = volume(), expect = {name = "my_data", region = "cdg", size_gb = 1,
        encrypted = true, compute = {cpus = 1, memory_mb = 256}}},
      {method = "POST", path = APP .. "/machines", json = machine(), expect = {config = {mounts = {{volume = "vol_1", path = "/data"}}}}},
    }
    t.call("create", {spec = WITH_VOLUME})
  end,

  ["writes the files below the directory, with their modes"] = function(t)
    begin(t, {directory = "/app"})
    t.server{
      no_machines(), app(),
      {method = "POST", path = APP .. "/machines", json = machine(), expect = {config = {
        init = {exec = {"/bin/sh", "-c", 'cd "$0" && exec "$@"', "/app", "./web"}},
        files = {{guest_path = "/app/web", raw_value = "aGk=", mode = 493}, {guest_path = "/app/lib/a", raw_value = "", mode = 420}}}}},
    }
    t.call("create", {spec = spec_with{files = {path = "web"}}, files = {
      {path = "web", size = 2, content = "hi", executable = true}, {path = "lib/a", size = 0, content = ""}}})
  end,

  ["refuses a link and what is too large before it makes anything"] = function(t)
    begin(t, {filesLimit = "10B"})
    for message, file in pairs{["'a' is a link"] = {path = "a", size = 0, link = "b"}, ["more than 10 bytes"] = {path = "a", size = 11, content = ""}} do
      t.server{no_machines()}
      local err = t.fails("Invalid", "create", {spec = spec_with{files = {path = "web"}}, files = {file}})
      t.equal(err.field, "spec.files")
      t.matches(err.message, message)
    end
  end,

  ["makes nothing twice under the same intent"] = function(t)
    begin(t)
    t.server{machines(machine(nil, DONE)), app()}
    t.call("create", {spec_digest = "digest"})
  end,

  ["starts what an earlier try made and left stopped"] = function(t)
    begin(t)
    t.server{machines(machine({state = "stopped"}, DONE)), app(), lease(), start(), release()}
    t.call("create", {spec_digest = "digest"})
  end,

  ["finds its app if the reply that it was made got lost"] = function(t)
    begin(t)
    t.server{
      no_machines(), no_app(),
      {method = "POST", path = "/apps", status = 422, json = {error = "Name has already been taken"}},
      app(), {method = "POST", path = APP .. "/machines", json = machine()},
    }
    t.call("create")
  end,

  ["leaves an app alone that somebody else has under that name"] = function(t)
    begin(t)
    local foreign = {path = APP, json = {network = "default"}}
    t.server{no_machines(), foreign}
    t.matches(t.fails("Conflict", "create").message, "was not made by Croft")
    t.server{no_machines(), no_app(), {method = "POST", path = "/apps", status = 409, json = {error = "taken"}}, foreign}
    t.matches(t.fails("Conflict", "create").message, "was not made by Croft")
  end,

  ["says why Fly makes no app, volume, address or machine"] = function(t)
    begin(t)
    t.server{no_machines(), no_app(), {method = "POST", path = "/apps", status = 422, json = {error = "org_slug is unknown"}}, no_app()}
    t.matches(t.fails("Invalid", "create").message, "^while making the app croft%-uid%-web: org_slug is unknown$")
    t.server{no_machines(), {path = APP, status = 401, json = {error = "unauthorized"}}}
    t.matches(t.fails("Denied", "create").message, "looking for the app")
    t.server{no_machines(), app(), {path = APP .. "/ip_assignments", status = 500}}
    t.fails("Unavailable", "create", {spec = spec_with{http = {port = 80}}})
    t.server{no_machines(), app(), {path = APP .. "/ip_assignments", json = {}}, {method = "POST", path = APP .. "/ip_assignments", status = 422, json = {error = "no address left"}}}
    t.matches(t.fails("Invalid", "create", {spec = spec_with{http = {port = 80}}}).message, "no address left")
    t.server{no_machines(), app(), volumes(), {method = "POST", path = APP .. "/volumes", status = 422, json = {error = "quota"}}}
    t.matches(t.fails("Invalid", "create", {spec = WITH_VOLUME}).message, "making the volume my_data: quota")
    t.server{no_machines(), app(), {path = APP .. "/volumes", error = "Timeout", message = "no reply"}}
    t.fails("Timeout", "create", {spec = WITH_VOLUME})
    t.server{no_machines(), app(), {method = "POST", path = APP .. "/machines", status = 422, json = "odd"}}
    t.matches(t.fails("Invalid", "create").message, "making the machine")
  end,

  ["tries again later where Fly has no capacity, though it says 422"] = function(t)
    begin(t)
    t.server{no_machines(), app(), {method = "POST", path = APP .. "/machines", status = 422,
      json = {error = "could not reserve resource for machine", status = "insufficient_capacity"}}}
    t.matches(t.fails("Unavailable", "create").message, "no capacity there")
  end,

  ["tries again later if Fly asks for patience"] = function(t)
    begin(t)
    t.server{{path = APP .. "/machines", status = 429, reply_headers = {["retry-after"] = "30"}, json = {error = "rate limit exceeded"}}}
    t.matches(t.fails("Unavailable", "create").message, "rate limit exceeded")
  end,

  -- Updating

  ["updates a machine under its lease, if it is still the one that was seen"] = function(t)
    begin(t)
    t.server{
      machines(machine()), lease(),
      {method = "POST", path = MACHINE, headers = HELD, json = machine{instance_id = "v2"}, expect = {
        current_version = "v1", config = {init = {exec = {"/bin/sh", "-c", 'cd "$0" && exec "$@"', "/", "./new"}}, metadata = {["croft.intent"] = "intent-1"}}}},
      release(),
    }
    t.call("update", {spec = {command = {"./new"}}})
  end,

  ["gives a machine that is to listen its addresses first"] = function(t)
    begin(t)
    t.server{
      machines(machine(nil, DONE)),
      {path = APP .. "/ip_assignments", json = {ips = {{ip = "66.241.124.1", shared = true}, {ip = "2a09:8280:1::1"}}}},
    }
    t.call("update", {spec = spec_with{http = {port = 80}}, spec_digest = "digest"})
    t.server{machines(machine()), {path = APP .. "/ip_assignments", status = 503}}
    t.fails("Unavailable", "update", {spec = spec_with{http = {port = 80}}})
  end,

  ["starts a stopped machine again after its update, once Fly is done with it"] = function(t)
    begin(t)
    t.server{
      machines(machine{state = "stopped"}), lease(),
      {method = "POST", path = MACHINE, json = machine{state = "replacing", instance_id = "v2"}},
      {path = MACHINE .. "/wait", query = {state = "settled", version = "v2"}, json = {ok = true}},
      {path = MACHINE, json = machine{state = "stopped"}}, start(), release(),
    }
    t.call("update")
    t.server{
      machines(machine{state = "stopped"}), lease(),
      {method = "POST", path = MACHINE, json = machine{state = "replacing", instance_id = "v2"}},
      wait("settled"), {path = MACHINE, json = machine()}, release(),
    }
    t.call("update")
  end,

  ["tries again if the machine changed meanwhile, or somebody has its lease"] = function(t)
    begin(t)
    t.server{machines(machine()), lease(), {method = "POST", path = MACHINE, status = 412, json = {error = "version mismatch"}}, release()}
    t.matches(t.fails("Conflict", "update").message, "updating the machine of croft%-uid%-web: version mismatch")
    t.server{machines(machine()), {method = "POST", path = LEASE, status = 409, json = {error = "held by flyctl until 12:00"}},
      {path = LEASE, json = {description = "flyctl", nonce = "other"}}}
    t.matches(t.fails("Conflict", "update").message, "held by flyctl until 12:00")
  end,

  ["knows its own lease by the description if the reply got lost"] = function(t)
    begin(t)
    t.server{
      machines(machine()), {method = "POST", path = LEASE, status = 409, json = {error = "held"}},
      {path = LEASE, json = {data = {description = "croft intent-1", nonce = "nonce-1"}}},
      {method = "POST", path = MACHINE, headers = HELD, json = machine()}, release(),
    }
    t.call("update")
    t.server{machines(machine()), {method = "POST", path = LEASE, status = 500, json = {error = "oops"}}}
    t.matches(t.fails("Unavailable", "update").message, "taking the lease of the machine: oops")
  end,

  ["minds no lease that cannot be given back: it ends by itself"] = function(t)
    begin(t)
    t.server{machines(machine()), lease(), {method = "POST", path = MACHINE, json = machine()}, {method = "DELETE", path = LEASE, error = "Timeout"}}
    t.call("update")
  end,

  ["replaces a machine whose volume or region is another, after its grace"] = function(t)
    begin(t)
    t.server{
      machines(machine()), volumes(volume{state = "pending_destroy", id = "vol_0"}, volume()), lease(), stop(), wait("stopped"),
      {method = "DELETE", path = MACHINE, query = {force = "true"}, headers = HELD}, wait("destroyed"),
      {method = "POST", path = APP .. "/machines", json = machine(), expect = {config = {mounts = {{volume = "vol_1"}}}}},
    }
    t.call("update", {spec = WITH_VOLUME})
    begin(t, {region = "iad"})
    t.server{
      machines(machine{state = "stopped"}), lease(), {method = "DELETE", path = MACHINE, status = 404},
      {path = MACHINE .. "/wait", status = 404}, {method = "POST", path = APP .. "/machines", json = machine(), expect = {region = "iad"}},
    }
    t.call("update")
  end,

  ["makes no second machine while the first is not gone"] = function(t)
    begin(t, {region = "iad"})
    t.server{machines(machine()), lease(), {method = "POST", path = MACHINE .. "/stop", status = 500}, {method = "DELETE", path = MACHINE},
      {path = MACHINE .. "/wait", status = 408}}
    t.matches(t.fails("Timeout", "update").message, "is not gone yet")
    t.server{machines(machine{state = "stopped"}), lease(), {method = "DELETE", path = MACHINE, status = 409, json = {error = "busy"}}}
    t.matches(t.fails("Conflict", "update").message, "destroying the machine of croft%-uid%-web: busy")
    t.server{machines(machine{state = "stopped"}), lease(), {method = "DELETE", path = MACHINE}, {path = MACHINE .. "/wait", status = 502}}
    t.fails("Unavailable", "update")
  end,

  ["grows a volume, never shrinks or moves one"] = function(t)
    begin(t)
    local mounted = machine()
    mounted.config.mounts = {{volume = "vol_1"}}
    local two = spec_with{volumes = {{name = "my-data", path = "/data", size = 2 * GIB}}}
    local extend = APP .. "/volumes/vol_1/extend"
    t.server{
      machines(mounted), volumes(volume()), {method = "PUT", path = extend, expect = {size_gb = 2}, json = {volume = volume{size_gb = 2}}},
      lease(), {method = "POST", path = MACHINE, json = machine()}, release(),
    }
    t.call("update", {spec = two})
    t.server{machines(mounted), volumes(volume()), {method = "PUT", path = extend, status = 422, json = {error = "no room"}}}
    t.matches(t.fails("Invalid", "update", {spec = two}).message, "growing the volume my_data: no room")
    t.server{machines(mounted), volumes(volume{size_gb = 5})}
    t.matches(t.fails("Invalid", "update", {spec = two}).message, "'my%-data' has 5 GiB: a Fly volume grows, but never shrinks")
    t.server{machines(mounted), volumes(volume{region = "iad"})}
    t.matches(t.fails("Conflict", "update", {spec = two}).message, "is in region iad, the provider's settings say cdg")
  end,

  ["updates nothing that is not there, nor a clone of it"] = function(t)
    begin(t)
    t.server{no_machines()}
    t.fails("NotFound", "update")
    t.server{machines(machine{name = "clone"}, machine{state = "destroyed"})}
    t.fails("NotFound", "update")
  end,

  -- Starting and stopping

  ["starts what is stopped, and nothing else"] = function(t)
    begin(t)
    t.server{machines(machine{state = "stopped"}), lease(), start(), release()}
    t.call("start")
    t.server{machines(machine())}
    t.call("start")
    t.server{no_machines()}
    t.fails("NotFound", "start")
    t.server{machines(machine{state = "stopped"}), lease(), {method = "POST", path = MACHINE .. "/start", status = 403, json = {error = "trial over"}}, release()}
    t.matches(t.fails("Denied", "start").message, "starting the machine of croft%-uid%-web: trial over")
  end,

  ["waits until a machine between two states is in one of them"] = function(t)
    begin(t)
    t.server{machines(machine{state = "stopping"}), lease(), wait("settled"), {path = MACHINE, json = machine{state = "stopped"}}, start(), release()}
    t.call("start")
    t.server{machines(machine{state = "stopping"}), lease(), {path = MACHINE .. "/wait", status = 408}, release()}
    t.matches(t.fails("Timeout", "start").message, "the machine stays stopping")
    t.server{machines(machine{state = "stopping"}), lease(), {path = MACHINE .. "/wait", status = 500}, release()}
    t.fails("Unavailable", "start")
    t.server{machines(machine{state = "stopping"}), lease(), wait("settled"), {path = MACHINE, status = 404}, release()}
    t.fails("NotFound", "start")
  end,

  ["stops with the grace of the machine, once"] = function(t)
    begin(t)
    t.server{machines(machine()), lease(), stop(), release()}
    t.call("stop")
    t.server{machines(machine{state = "stopped"})}
    t.call("stop")
    t.server{machines(machine{state = "starting"}), lease(), wait("settled"), {path = MACHINE, json = machine{state = "stopped"}}, release()}
    t.call("stop")
  end,

  ["says why a machine does not stop"] = function(t)
    begin(t)
    t.server{machines(machine()), lease(), {method = "POST", path = MACHINE .. "/stop", status = 409, json = {error = "machine is replacing"}}, release()}
    t.matches(t.fails("Conflict", "stop").message, "stopping the machine of croft%-uid%-web: machine is replacing")
    t.server{machines(machine{state = "starting"}), lease(), {path = MACHINE .. "/wait", status = 500}, release()}
    t.fails("Unavailable", "stop")
    t.server{no_machines()}
    t.fails("NotFound", "stop")
  end,

  -- Destroying

  ["destroys machine, volumes and app"] = function(t)
    begin(t)
    t.server{
      app(), machines(machine()), lease(), stop(), wait("stopped"), {method = "DELETE", path = MACHINE}, wait("destroyed"),
      volumes(volume(), volume{id = "vol_0", state = "destroyed"}), {method = "DELETE", path = APP .. "/volumes/vol_1"},
      machines(machine{state = "destroyed"}), volumes(), {method = "DELETE", path = APP, status = 202},
    }
    t.call("destroy")
  end,

  ["keeps a volume, and with it the app, if the data is kept"] = function(t)
    begin(t)
    t.server{app(), no_machines(), no_machines(), volumes(volume())}
    t.call("destroy", {erase_data = false})
  end,

  ["leaves an app in which somebody else has a machine"] = function(t)
    begin(t)
    t.server{app(), machines(machine{name = "clone"}), volumes(), machines(machine{name = "clone"}), volumes()}
    t.call("destroy")
  end,

  ["has nothing to do where nothing of ours is"] = function(t)
    begin(t)
    t.server{no_app()}
    t.call("destroy")
    t.server{{path = APP, json = {network = "default"}}}
    t.call("destroy")
    t.server{app(), machines(machine()), {method = "POST", path = LEASE, status = 404}, volumes(), no_machines(), volumes(), {method = "DELETE", path = APP, status = 404}}
    t.call("destroy")
  end,

  ["says which part is not gone"] = function(t)
    begin(t)
    t.server{{path = APP, status = 503}}
    t.fails("Unavailable", "destroy")
    t.server{app(), {path = APP .. "/machines", status = 503}}
    t.fails("Unavailable", "destroy")
    t.server{app(), machines(machine()), {method = "POST", path = LEASE, status = 409, json = {error = "held"}}, {path = LEASE, status = 404}}
    t.fails("Conflict", "destroy")
    t.server{app(), no_machines(), volumes(volume()), {method = "DELETE", path = APP .. "/volumes/vol_1", status = 412, json = {error = "attached"}}}
    t.matches(t.fails("Conflict", "destroy").message, "erasing the volume my_data: attached")
    t.server{app(), no_machines(), {path = APP .. "/volumes", status = 500}}
    t.fails("Unavailable", "destroy")
    t.server{app(), no_machines(), volumes(), {path = APP .. "/machines", status = 500}}
    t.fails("Unavailable", "destroy")
    t.server{app(), no_machines(), volumes(), no_machines(), {path = APP .. "/volumes", status = 500}}
    t.fails("Unavailable", "destroy")
    t.server{app(), no_machines(), volumes(), no_machines(), volumes(), {method = "DELETE", path = APP, status = 422, json = {error = "app is suspended"}}}
    t.matches(t.fails("Invalid", "destroy").message, "deleting the app croft%-uid%-web: app is suspended")
  end,
}
