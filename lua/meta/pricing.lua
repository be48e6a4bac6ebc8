---@meta
-- What a pricing rule gets, what it returns, and the global `pricing`. For editors and for docs/pricing.md; a test compares
-- it with what is really there.

---What a Plan says about money, under the names that it has in manifests.
---@class croft.Plan
---@field name string
---@field price {amount: string, currency: string, per: "hour"|"month"|"year"}
---@field includes? {activeHours?: integer, storage?: integer, egress?: integer} hours a month, bytes, bytes a month
---@field rates? croft.Rate[]
---@field quotas? table<string, integer>

---@class croft.Rate
---@field meter "activeHours"|"storage"|"egress"|"requests"
---@field mode "unit"|"graduated"|"volume"|"package"
---@field amount? string a decimal in major units; of modes unit and package
---@field size? integer units in a package
---@field tiers? {upTo?: integer, amount: string, flat?: string}[]

---Over the period. Nil where nothing was measured and nothing is assumed: never an invented zero.
---@class croft.Usage
---@field active_seconds? integer
---@field storage_bytes? integer the time average
---@field egress_bytes? integer
---@field requests? integer

---@class croft.Resource
---@field ref string "Instance/api"
---@field kind "Instance"|"Site"|"Service"|"Volume"
---@field name string
---@field provider string
---@field cpu_millis integer thousandths of a core
---@field memory_bytes integer
---@field storage_bytes integer of its volumes, or of a Site's files
---@field hosts integer of its own, beside TENANT-NAME.DOMAIN
---@field usage croft.Usage

---@class croft.Period
---@field months integer
---@field hours integer 730 a month
---@field seconds integer

---Either an amount, or a rate with a quantity: rate × quantity ÷ per, rounded once, half away from zero. A number that is
---no whole number is an error wherever money or quantities stand: floats are not exact.
---@class croft.Line
---@field text string
---@field resource? string its ref, if it is one's own
---@field meter? string
---@field amount? integer|string minor units, or a decimal in major units: 2000 and "20.00" are the same in USD
---@field rate? string a decimal in major units: "0.15"
---@field quantity? integer|string
---@field per? integer how much of the quantity makes a unit; 1 if not given
---@field unit? string

---@class croft.PricingRule
---@field api 1 the version of all this that the rule was written for
---@field price fun(plan: croft.Plan, resources: croft.Resource[], usage: croft.Usage, period: croft.Period): croft.Line[]|{lines: croft.Line[], notices?: string[]}

pricing = {}

---The plan's own price for the period; of a price per hour, for all hours that Instances ran.
---@param plan croft.Plan
---@param usage croft.Usage
---@param period croft.Period
---@return croft.Line
function pricing.base(plan, usage, period) end

---How much of a meter is used past what the plan includes, and how much is within. Nil if that is not known.
---@param plan croft.Plan
---@param usage croft.Usage
---@param period croft.Period
---@param meter string
---@return integer? past
---@return integer? within
function pricing.beyond(plan, usage, period, meter) end

---The plan's rate for a meter, or nil.
---@param plan croft.Plan
---@param meter string
---@return croft.Rate?
function pricing.rate_of(plan, meter) end

---Adds what a quantity costs at a rate, in the rate's mode. Nothing for nothing.
---@param lines croft.Line[]
---@param rate croft.Rate
---@param quantity integer? in the meter's smallest unit: seconds, bytes, requests
function pricing.add_charge(lines, rate, quantity) end

---Adds what a meter costs past what is included, at the plan's rate; nothing if the plan has none.
---@param lines croft.Line[]
---@param plan croft.Plan
---@param usage croft.Usage
---@param period croft.Period
---@param meter string
function pricing.add_overage(lines, plan, usage, period, meter) end

---What a meter counts in: the unit's name, and how much of the quantity makes one.
---@param meter string
---@return string unit
---@return integer per
function pricing.unit(meter) end
