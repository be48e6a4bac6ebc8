return {
  ["lists what is ours, page after page"] = function(t)
    local app = {
      labels = {["croft.uid"] = "uid-web", ["croft.ref"] = "test/Instance/web"},
      state = "running", url = "https://web.NAME.example", config = {image = "web:1"},
    }
    t.server{
      {path = "/apps", json = {items = {app, {labels = {team = "others"}}}, next = "/apps?page=2"}},
      {path = "/apps?page=2", json = {items = {}}},
    }
    local all = t.call("observe")
    t.equal(#all, 1)
    t.matches(all[1], {uid = "uid-web", phase = "Running", fields = {image = "web:1"}})
  end,

  ["creates an app"] = function(t)
    t.server{
      {path = "/apps/uid-web", status = 404},
      {method = "POST", path = "/apps", status = 201, expect = {name = "uid-web", region = "north"}},
    }
    t.call("create")
  end,

  ["creates it once under the same intent"] = function(t)
    t.server{{path = "/apps/uid-web", json = {labels = {["croft.intent"] = "intent-1"}}}}
    t.call("create", {intent = "intent-1"})
  end,

  ["updates what runs"] = function(t)
    t.server{{method = "PUT", path = "/apps/uid-web", expect = {config = {image = "web:2"}}}}
    t.call("update", {spec = {image = "web:2"}})
  end,

  ["refuses what it cannot honour"] = function(t)
    local err = t.fails("Invalid", "create", {spec = {image = "web:1", http = {port = 80}}})
    t.equal(err.field, "spec.http")
  end,

  ["destroys what is gone already"] = function(t)
    t.server{{method = "DELETE", path = "/apps/uid-web", status = 404}}
    t.call("destroy")
  end,
}
