-- What happens in the form of PagerDuty's Events API v2: what fails opens an incident of the resource, what is well again
-- closes it. The routing key is part of the Webhook's URL or of a proxy's settings: a key has no place in a repository.

local ends = {["croft.resource.ready"] = true, ["croft.resource.repaired"] = true, ["croft.resource.destroyed"] = true}

return {
  api = 1,
  message = function(event)
    local what = event.subject .. ": " .. event.data.reason
    if event.data.message ~= "" then what = what .. ", " .. event.data.message end
    return {
      body = {
        event_action = ends[event.type] and "resolve" or "trigger",
        dedup_key = event.subject,
        payload = {
          summary = what,
          source = event.subject,
          severity = event.data.severity == "Warning" and "error" or "info",
          timestamp = event.time,
        },
      },
    }
  end,
}
