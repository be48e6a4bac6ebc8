-- A price per hour that an Instance runs: $5 an hour. What stands still costs nothing.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines = {}
    for _, resource in ipairs(resources) do
      local seconds = resource.usage.active_seconds
      if seconds and seconds > 0 then
        lines[#lines + 1] = {
          text = "active hours", resource = resource.ref, meter = "activeHours",
          rate = plan.price.amount, quantity = seconds, per = 3600, unit = "hour",
        }
      end
    end
    return lines
  end,
}
