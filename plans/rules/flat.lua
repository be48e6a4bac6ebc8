-- One price for all, by the month or the year, whatever runs: $20 a year and nothing else.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    return {pricing.base(plan, usage, period)}
  end,
}
