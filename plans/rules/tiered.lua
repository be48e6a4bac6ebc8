-- The plan's price, and every one of its rates in its own mode: unit, graduated, volume or package.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines = {pricing.base(plan, usage, period)}
    for _, rate in ipairs(plan.rates or {}) do
      pricing.add_overage(lines, plan, usage, period, rate.meter)
    end
    return lines
  end,
}
