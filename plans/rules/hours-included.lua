-- A monthly price that includes active hours of all Instances together; each hour past them at the plan's rate.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines = {pricing.base(plan, usage, period)}
    pricing.add_overage(lines, plan, usage, period, "activeHours")
    return lines
  end,
}
