-- The global `pricing` of rules: how quantities become lines. Documented in lua/meta/pricing.lua.

local GIB = 1024 * 1024 * 1024

-- What a plan's meters count, of all that the tenant uses: how much, of which `per` make a unit.
local METERS = {
  activeHours = {
    unit = "hour", per = 3600,
    used = function(usage) return usage.active_seconds end,
    included = function(plan, period)
      local hours = plan.includes and plan.includes.activeHours
      return hours and hours * 3600 * period.months
    end,
  },
  storage = {
    unit = "GiB-month", per = GIB,
    used = function(usage, period) return usage.storage_bytes and usage.storage_bytes * period.months end,
    included = function(plan, period)
      local bytes = plan.includes and plan.includes.storage
      return bytes and bytes * period.months
    end,
  },
  egress = {
    unit = "GiB", per = GIB,
    used = function(usage) return usage.egress_bytes end,
    included = function(plan, period)
      local bytes = plan.includes and plan.includes.egress
      return bytes and bytes * period.months
    end,
  },
  requests = {
    unit = "million requests", per = 1000000,
    used = function(usage) return usage.requests end,
    included = function() return nil end,
  },
}

local MONTHS = {month = 1, year = 12}

local function meter_of(name, level)
  local meter = METERS[name]
  if not meter then error("there is no meter '" .. tostring(name) .. "'", level + 1) end
  return meter
end

-- The plan's own price: for the period, or for all hours that Instances ran if it is per hour.
local function base(plan, usage, period)
  local price = plan.price
  local months = MONTHS[price.per]
  local line = {text = "plan " .. plan.name, rate = price.amount, unit = price.per}
  line.quantity = months and period.months or usage.active_seconds or 0
  line.per = months or 3600
  return line
end

-- How much of a meter is used, past what the plan includes; and how much is within.
local function beyond(plan, usage, period, name)
  local meter = meter_of(name, 2)
  local used = meter.used(usage, period)
  if used == nil then return nil, nil end
  local included = math.min(used, meter.included(plan, period) or 0)
  return used - included, included
end

local function line(text, rate, quantity, meter, name)
  return {text = text, rate = rate, quantity = quantity, per = meter.per, unit = meter.unit, meter = name}
end

local charge_by = {}

function charge_by.unit(lines, rate, quantity, meter)
  lines[#lines + 1] = line(rate.meter, rate.amount, quantity, meter, rate.meter)
end

function charge_by.package(lines, rate, quantity, meter)
  local size = rate.size * meter.per
  lines[#lines + 1] = {
    text = rate.meter, rate = rate.amount, quantity = math.ceil(quantity / size), per = 1,
    unit = "package of " .. rate.size .. " " .. meter.unit, meter = rate.meter,
  }
end

local function add_flat(lines, rate, tier)
  if tier.flat then lines[#lines + 1] = {text = rate.meter .. ", tier", amount = tier.flat, meter = rate.meter} end
end

function charge_by.graduated(lines, rate, quantity, meter)
  local from = 0
  for _, tier in ipairs(rate.tiers) do
    local to = tier.upTo and math.min(quantity, tier.upTo * meter.per) or quantity
    if to <= from then return end
    local text = rate.meter .. (tier.upTo and ", up to " .. tier.upTo or ", the rest")
    lines[#lines + 1] = line(text, tier.amount, to - from, meter, rate.meter)
    add_flat(lines, rate, tier)
    from = to
  end
end

function charge_by.volume(lines, rate, quantity, meter)
  for _, tier in ipairs(rate.tiers) do
    if not tier.upTo or quantity <= tier.upTo * meter.per then
      lines[#lines + 1] = line(rate.meter, tier.amount, quantity, meter, rate.meter)
      return add_flat(lines, rate, tier)
    end
  end
end

-- Adds the lines that a quantity costs at a rate of the plan; none for nothing.
local function add_charge(lines, rate, quantity)
  if quantity and quantity > 0 then charge_by[rate.mode](lines, rate, quantity, meter_of(rate.meter, 2)) end
end

-- The plan's rate for a meter, or nil.
local function rate_of(plan, name)
  for _, rate in ipairs(plan.rates or {}) do
    if rate.meter == name then return rate end
  end
end

-- Adds what a meter costs past what is included, at the plan's rate; nothing if there is none.
local function add_overage(lines, plan, usage, period, name)
  local rate = rate_of(plan, name)
  if rate then add_charge(lines, rate, (beyond(plan, usage, period, name))) end
end

return {
  base = base,
  beyond = beyond,
  rate_of = rate_of,
  add_charge = add_charge,
  add_overage = add_overage,
  unit = function(name) return meter_of(name, 2).unit, meter_of(name, 2).per end,
}
