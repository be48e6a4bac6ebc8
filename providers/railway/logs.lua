-- Logs of the latest deployment.

local projects = require "projects"

local LOGS = [[
query Logs($deployment: String!, $limit: Int!, $since: DateTime) {
  deploymentLogs(deploymentId: $deployment, limit: $limit, startDate: $since) { timestamp message }
}]]

local function read_logs(deployment, limit, since)
  local data, err = graphql(LOGS, {deployment = deployment, limit = limit, since = since})
  if not data then return instance.explain("reading the logs", err) end
  return data.deploymentLogs
end

-- Sends what is later than the last line that was sent; lines of one instant are told apart by their text.
local function emit_new(lines, state, emit)
  local texts = {}
  for _, line in ipairs(lines) do
    local is_new = not state.since or line.timestamp > state.since or (line.timestamp == state.since and not state.seen[line.message])
    if is_new then
      if line.timestamp ~= state.since then state.since, state.seen = line.timestamp, {} end
      state.seen[line.message] = true
      texts[#texts + 1] = line.message
    end
  end
  if #texts == 0 then return true end
  return emit(table.concat(texts, "\n") .. "\n") ~= false
end

local function logs(context, request, emit)
  local place, err = projects.require(context, request)
  if not place then return nil, err end
  local deployment = projects.latest(place)
  if not deployment then return fail("NotFound", "nothing was deployed yet") end
  local state = {seen = {}}
  local function read_on()
    local lines, problem = read_logs(deployment.id, request.follow and state.since and 500 or request.last_lines, state.since)
    if not lines then return nil, problem end
    if not emit_new(lines, state, emit) or not request.follow then return true end
    return nil
  end
  local done, problem = read_on()
  if problem then return nil, problem end
  if done then return true end
  -- Each look costs one of the hour's requests.
  return poll(read_on, {every_ms = 15000, slow_after_ms = 120000, slow_every_ms = 60000})
end

return logs
