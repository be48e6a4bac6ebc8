return {
  ["what restarts again and again is failing"] = function(t)
    t.equal(t.judge{restarts = 4}, {health = "Failing", message = "restarted 4 times"})
  end,

  ["else the provider's word holds"] = function(t)
    t.equal(t.judge{restarts = 3}, {health = "Passing"})
    t.equal(t.judge{health = "Unknown", phase = "Starting"}, {health = "Unknown"})
  end,

  ["Sites are left to the provider"] = function(t)
    t.equal(t.judge{kind = "Site", name = "blog"}, nil)
  end,
}
