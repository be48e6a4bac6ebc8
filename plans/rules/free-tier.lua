-- Nothing costs anything; what goes past the included amounts is said, and is what quotas and governors stop.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines, notices = {{text = "plan " .. plan.name, amount = 0}}, {}
    for _, meter in ipairs({"activeHours", "storage", "egress"}) do
      local past, within = pricing.beyond(plan, usage, period, meter)
      local is_capped = plan.includes and plan.includes[meter]
      if is_capped and past and past > 0 then
        local unit, per = pricing.unit(meter)
        notices[#notices + 1] = string.format("%s: %d %s past the free %d", meter, math.ceil(past / per), unit,
                                              math.floor(within / per))
      end
    end
    return {lines = lines, notices = notices}
  end,
}
