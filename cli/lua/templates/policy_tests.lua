local health = {http = "/healthz"}

return {
  ["hobby has small apps"] = function(t)
    local hobby = {plan = "hobby"}
    t.matches(t.admit({spec = {resources = {memory = "1GiB"}, health = health}}, hobby), {deny = "apps of plan hobby have at most 512 MiB"})
    t.equal(t.admit({spec = {resources = {memory = "512MiB"}, health = health}}, hobby), {})
  end,

  ["other plans may have large ones"] = function(t)
    t.equal(t.admit({spec = {resources = {memory = "1GiB"}, health = health}}, {plan = "studio"}), {})
  end,

  ["an app without a health check is warned of"] = function(t)
    t.matches(t.admit().warn, "no health check")
  end,

  ["Sites are allowed"] = function(t)
    t.equal(t.admit{kind = "Site", name = "blog"}, {})
  end,
}
