-- What tests of the adapter need of Fly.io.

local function with(shown, fields)
  for name, value in pairs(fields or {}) do shown[name] = value end
  return shown
end

return {
  with = with,
  settings = function(t, more) t.settings(with({organization = "my-org", image = "web:1"}, more)) end,
  -- A spec with a command, and these fields.
  spec = function(fields) return with({command = {"./web"}}, fields) end,
}
