-- The plan's price, and storage and outgoing traffic past what is included; computing is free.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines = {pricing.base(plan, usage, period)}
    pricing.add_overage(lines, plan, usage, period, "storage")
    pricing.add_overage(lines, plan, usage, period, "egress")
    return lines
  end,
}
