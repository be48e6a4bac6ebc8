-- NAME: a pricing rule for Croft. What there is to know: docs/pricing.md. Money is whole numbers or decimal texts.
return {
  api = 1,
  price = function(plan, resources, usage, period)
    local lines = {pricing.base(plan, usage, period)}
    for _, resource in ipairs(resources) do
      if resource.kind == "Instance" then
        lines[#lines + 1] = {
          text = "memory", resource = resource.ref, unit = "GiB",
          rate = "3.50", quantity = resource.memory_bytes * period.months, per = 1024 * 1024 * 1024,
        }
      end
    end
    return lines
  end,
}
