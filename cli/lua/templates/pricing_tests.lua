return {
  ["memory has its price"] = function(t)
    local quote = t.quote{resources = {{name = "web", memory_bytes = 2 * 1024 * 1024 * 1024}}}
    t.equal(quote.total, "16.00")
    t.matches(quote.lines[2], {resource = "Instance/web", amount = "7.00"})
  end,

  ["a Site costs nothing beside the plan"] = function(t)
    t.equal(t.quote{resources = {{kind = "Site", name = "blog"}}}.total, "9.00")
  end,

  ["two months cost twice as much"] = function(t)
    t.equal(t.quote{resources = json.array{}, months = 2}.total, "18.00")
  end,
}
