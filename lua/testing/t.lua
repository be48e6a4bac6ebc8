-- What tests of scripts find as `t`. Run once for each test, in a VM of its own; `ask` is the host's.
-- lua/meta/test.lua says what is here.
local ask = ...

local t = {clock = {}}
local fixture  -- what t.server was given last

-- Showing values

local function show(value, depth)
  depth = depth or 0
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  if depth > 6 then return "{...}" end
  local parts, count = {}, #value
  for key, item in pairs(value) do
    local text = show(item, depth + 1)
    if type(key) == "number" and key <= count then
      parts[#parts + 1] = text
    elseif type(key) == "string" and key:find("^[%a_][%w_]*$") then
      parts[#parts + 1] = key .. " = " .. text
    else
      parts[#parts + 1] = "[" .. show(key) .. "] = " .. text
    end
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- "FILE:LINE: " of the function that many calls above the one that asks.
local function place(level)
  local _, text = pcall(error, "", level + 3)
  return text
end

-- Comparing

local function step_to(path, key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return path .. "." .. key end
  return path .. "[" .. show(key) .. "]"
end

-- Where the two differ and how, or nil. A part is what has at least the fields that are expected.
local function difference(got, expected, is_part, path)
  if type(got) ~= "table" or type(expected) ~= "table" then
    if got == expected then return nil end
    return (path ~= "" and "at " .. path .. ": " or "") .. "expected " .. show(expected) .. ", got " .. show(got)
  end
  for key, value in pairs(expected) do
    local found = difference(got[key], value, is_part, step_to(path, key))
    if found then return found end
  end
  if is_part then return nil end
  for key, value in pairs(got) do
    if expected[key] == nil then
      return "at " .. step_to(path, key) .. ": expected nothing, got " .. show(value)
    end
  end
  return nil
end

function t.equal(got, expected)
  local found = difference(got, expected, false, "")
  if found then error(found, 2) end
end

function t.matches(got, expected)
  if type(got) == "string" and type(expected) == "string" then
    if not got:find(expected) then
      error("expected a text like " .. show(expected) .. ", got " .. show(got), 2)
    end
    return
  end
  local found = difference(got, expected, true, "")
  if found then error(found, 2) end
end

-- The server

local step_fields = {
  method = "string", path = "string", path_matches = "string", query = "table", headers = "table",
  expect = "table", match = "function", times = "any", status = "number", json = "any",
  body = "string", reply_headers = "table", reply = "function", error = "string", message = "string",
}

local function describe_step(step)
  local text = step.method .. " " .. (step.path or (step.path_matches and "like " .. step.path_matches) or "of any path")
  if step.query then text = text .. " query " .. show(step.query) end
  if step.headers then text = text .. " headers " .. show(step.headers) end
  if step.expect then text = text .. " with " .. show(step.expect) end
  return text
end

local function describe_request(request)
  local text = request.method .. " " .. request.path
  if request.json ~= nil then return text .. " with " .. show(request.json) end
  if request.body ~= "" then return text .. " with the body " .. show(request.body) end
  return text
end

local function read_step(given, index)
  if type(given) ~= "table" then
    error("t.server: [" .. index .. "] must be a table like {path = \"/apps\", json = {...}}", 3)
  end
  local step = {count = 0}
  for key, value in pairs(given) do
    local kind = step_fields[key]
    if not kind then error("t.server: [" .. index .. "] has an unknown field '" .. tostring(key) .. "'", 3) end
    if kind ~= "any" and type(value) ~= kind then
      error("t.server: [" .. index .. "]." .. key .. " must be a " .. kind .. ", got " .. type(value), 3)
    end
    step[key] = value
  end
  step.method = step.method or "GET"
  step.times = step.times or 1
  if step.times ~= "any" and type(step.times) ~= "number" then
    error("t.server: [" .. index .. "].times must be a number or \"any\"", 3)
  end
  return step
end

local function is_open(step) return step.times == "any" or step.count < step.times end

-- Why a request is not the one that a step is for, or nil.
local function mismatch(step, request)
  if step.method ~= request.method then return "the method differs" end
  local plain = request.path:match("^[^?]*")
  if step.path and step.path ~= request.path and step.path ~= plain then return "the path differs" end
  if step.path_matches and not request.path:find(step.path_matches) then return "the path differs" end
  local found = step.query and difference(request.query, step.query, true, "query")
    or step.headers and difference(request.headers, step.headers, true, "headers")
    or step.expect and difference(request.json, step.expect, true, "json")
  if found then return found end
  if step.match and not step.match(request) then return "its function `match` refuses it" end
  return nil
end

-- The step that is for a request; or nil, the step that should have come, and why it is not it.
local function step_for(request)
  local expected, why
  for _, step in ipairs(fixture and fixture.steps or {}) do
    if is_open(step) then
      local reason = mismatch(step, request)
      if not reason then return step end
      if not expected then expected, why = step, reason end
      local may_be_later = fixture.any_order or step.times == "any"
      if not may_be_later then break end
    end
  end
  return nil, expected, why
end

local function refuse(request, expected, why)
  local lines = {(request.at ~= "" and request.at .. ": " or "") .. "unexpected request: " .. describe_request(request)}
  if not fixture then
    lines[2] = "    expected: none, t.server{...} was not called"
  elseif not expected then
    lines[2] = "    expected: none any more, by " .. fixture.place
  else
    lines[2] = "    expected: " .. describe_step(expected) .. ", by " .. fixture.place
    lines[3] = "    " .. why
  end
  error(table.concat(lines, "\n"), 0)
end

local function answer(request)
  local step, expected, why = step_for(request)
  if not step then refuse(request, expected, why) end
  step.count = step.count + 1
  local reply = step
  if step.reply then
    reply = step.reply(request)
    if type(reply) ~= "table" then error(fixture.place .. ": `reply` of " .. describe_step(step) .. " returned no table", 0) end
  end
  return json.object{
    id = request.id, status = reply.status or 200, json = reply.json, body = reply.body,
    headers = reply.reply_headers or (reply ~= step and reply.headers) or nil,
    error = reply.error, message = reply.message,
  }
end

-- Nothing that was expected may be missing.
local function finish()
  for _, step in ipairs(fixture and fixture.steps or {}) do
    if step.times ~= "any" and step.count < step.times then
      local times = step.times > 1 and " (" .. step.count .. " of " .. step.times .. " came)" or ""
      error(fixture.place .. ": a request never came: " .. describe_step(step) .. times, 0)
    end
  end
end

function t.server(steps)
  if type(steps) ~= "table" then error("t.server: a list of requests and their answers", 2) end
  finish()
  local place_of_call = place(1):gsub(": $", "")
  local fresh = {place = place_of_call, steps = {}, any_order = steps.any_order}
  for key in pairs(steps) do
    if type(key) == "string" and key ~= "any_order" then
      error("t.server: there is no option '" .. key .. "'; requests are tables in a list", 2)
    end
  end
  for index, step in ipairs(steps) do fresh.steps[index] = read_step(step, index) end
  fixture = fresh
end

-- Running what is tested

local function run(what, value, level)
  local event, err = ask(what, value)
  while event and event.request do event, err = ask("reply", answer(event.request)) end
  if not event then error(err.message .. (err.hint and " (" .. err.hint .. ")" or ""), level + 1) end
  return event
end

local of_rules = {quote = true, admit = true, judge = true}

local function order_of(verb, value)
  if of_rules[verb] then return verb, value or json.object{} end
  return "call", json.object{verb = verb, effect = value}
end

local function words_of(err)
  return err.code .. ": " .. (err.field and err.field .. ": " or "") .. err.message .. (err.hint and " (" .. err.hint .. ")" or "")
end

-- The script's own mistakes stand where they were made, what it refused at the line of the test.
local function raise(verb, err, level)
  if err.is_placed then error(err.message, 0) end
  error(verb .. " failed: " .. words_of(err), level + 1)
end

local function perform(verb, value, level)
  local what, order = order_of(verb, value)
  local event = run(what, order, level + 1)
  if event.err then raise(verb, event.err, level + 1) end
  return event.value
end

function t.call(verb, effect)
  local value = perform(verb, effect, 2)
  return value
end

function t.quote(case)
  local value = perform("quote", case, 2)
  return value
end

function t.admit(resource, tenant)
  local verdict = perform("admit", {resource = resource, tenant = tenant}, 2)
  return verdict
end

function t.judge(observed)
  local verdict = perform("judge", observed, 2)
  return verdict
end

function t.fails(code, verb, value)
  local what, order = order_of(verb, value)
  local event = run(what, order, 2)
  if not event.err then
    error("expected " .. tostring(verb) .. " to fail with " .. tostring(code) .. ", but it succeeded", 2)
  end
  if event.err.code ~= code then
    if event.err.is_placed then error(event.err.message, 0) end
    error("expected " .. tostring(verb) .. " to fail with " .. tostring(code) .. ", got " .. words_of(event.err), 2)
  end
  return event.err
end

function t.settings(settings)
  local done, err = ask("settings", settings)
  if done == nil then error("t.settings: " .. err.message .. (err.hint and " (" .. err.hint .. ")" or ""), 2) end
end

function t.clock.advance(ms)
  if type(ms) ~= "number" or ms < 0 then error("t.clock.advance: how many milliseconds", 2) end
  local now, err = ask("advance", ms)
  if now == nil then error(err.message, 2) end
  return now
end

function t.clock.now()
  local now, err = ask("advance", 0)
  if now == nil then error(err.message, 2) end
  return now
end

function t.run(test)
  test(t)
  finish()
end

return t
