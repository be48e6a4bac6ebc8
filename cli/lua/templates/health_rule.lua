-- NAME: a health rule for Croft, in the place of a provider's own word. What there is to know: docs/plans.md.
local MOST_RESTARTS = 3

return {
  api = 1,
  -- One function for each kind that it judges; other kinds keep the provider's word.
  Instance = function(observed)
    if observed.restarts > MOST_RESTARTS then
      return "Failing", "restarted " .. observed.restarts .. " times"
    end
    return observed.health
  end,
}
