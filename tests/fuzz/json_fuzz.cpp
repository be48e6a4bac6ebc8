#include "tests/fuzz/json_fuzz.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>

#include "lua/engine/adapter_host.hpp"

namespace croft {

namespace {

void promise(bool is_kept) {
  if (!is_kept) std::abort();
}

constexpr std::string_view kScript = R"lua(
-- Whether a document that came back is the one that went: null in a map is nil.
local function is_same(went, came)
  if went == json.null or went == nil then return came == json.null or came == nil end
  if type(went) ~= "table" or type(came) ~= "table" then return went == came end
  for key, value in pairs(went) do
    if not is_same(value, came[key]) then return false end
  end
  for key in pairs(came) do
    if went[key] == nil then return false end
  end
  return true
end

local function there_and_back(document)
  local is_document, text = pcall(json.encode, document)
  if not is_document then return {why = text} end
  local back = json.decode(text)
  return {text = text, again = json.encode(back), is_same = is_same(document, back)}
end

local kMost = 4000  -- values of a document, so that none takes long

-- Makes a value of a program's bytes. `certain` is what encode() must say to it: true, false, or
-- nil where only encode() itself can tell.
local function build(program)
  local at, certain, shared, weights, open, count = 1, true, {}, {}, {}, 0
  local function byte()
    at = at + 1
    return program:byte(at) or 0
  end
  local function text()
    local length = byte() % 24
    at = at + length
    return program:sub(at - length + 1, at)
  end
  local function doubt() if certain then certain = nil end end
  local function refuse() certain = false end

  local value
  local function keep(made, before)
    shared[#shared + 1], weights[#weights + 1] = made, count - before
    return made
  end
  local function fill(made, depth, key_of)
    if depth > 63 then refuse() end
    local before = count
    open[#open + 1] = made
    for index = 1, byte() % 8 do
      local key = key_of(index)
      if key ~= nil and key == key and made[key] == nil then made[key] = value(depth + 1) end
    end
    open[#open] = nil
    return keep(made, before)
  end
  local function list(depth) return fill({}, depth, function(index) return index end) end
  local function ascii() return (text():gsub("[\128-\255]", "?")) end
  local function any_key()
    local kind = byte() % 6
    if kind == 0 then return byte() - 4 end
    if kind == 1 then return byte() / 2 end
    if kind == 2 then return byte() % 2 == 0 end
    if kind == 3 then return {} end
    return text()
  end
  local function number()
    local digits, power = 0, byte()
    for _ = 1, 7 do digits = digits * 256 + byte() end
    local made = digits * 2 ^ (power * 9 - 1150)
    if byte() % 2 == 0 then made = -made end
    if made ~= made or made == 1 / 0 or made == -1 / 0 then refuse() end
    if made == math.floor(made) and math.abs(made) > 2 ^ 53 then refuse() end
    return made
  end
  local odd = {1 / 0, -1 / 0, 0 / 0, 2 ^ 53, -2 ^ 53, 2 ^ 53 + 2, -2 ^ 60, 0.1, 5e-324, 1.7976931348623157e308, -0.0, 1 / 3}

  local makers = {
    function() return json.null end,
    function() return byte() % 2 == 0 end,
    function() return byte() - 128 end,
    number,
    function()
      local made = odd[byte() % #odd + 1]
      if not (made == 2 ^ 53 or made == -2 ^ 53 or math.abs(made) < 1) then refuse() end
      return made
    end,
    ascii,
    function() doubt() return text() end,
    function(depth)
      local made = list(depth)
      if made[1] == nil then refuse() end
      return made
    end,
    function(depth) return json.array(list(depth)) end,
    function(depth) return json.object(fill({}, depth, ascii)) end,
    function(depth) doubt() return fill({}, depth, any_key) end,
    function(depth) doubt() return json.array(fill({}, depth, any_key)) end,
    function(depth) doubt() return json.object(fill({}, depth, any_key)) end,
    function(depth)  -- with room for what is not there
      doubt()
      local made = {value(depth + 1), nil, value(depth + 1), nil, value(depth + 1)}
      return fill(made, depth, any_key)
    end,
    function(depth)
      doubt()
      local lie = function() return value end
      return setmetatable(list(depth), {__index = lie, __len = lie, __pairs = lie, __tostring = lie, __metatable = "json.array"})
    end,
    function() refuse() return byte() % 2 == 0 and byte or coroutine.create(byte) end,
    function()
      local made = open[byte() % math.max(#open, 1) + 1]
      if made then refuse() end
      return made or 1
    end,
    function()
      local which = byte() % math.max(#shared, 1) + 1
      if not shared[which] or count + weights[which] > kMost then return 1 end
      count = count + weights[which]
      doubt()  -- it may be what was refused above, or be too deep here
      return shared[which]
    end,
    function(depth)
      local made = value(depth)
      for _ = 1, byte() % 80 do made = json.array{made} end
      doubt()
      return made
    end,
  }
  function value(depth)
    count = count + 1
    if count > kMost then return 1 end
    if depth > 64 then refuse() return 1 end
    return makers[byte() % #makers + 1](depth)
  end
  return value(0), certain
end

return {
  texts = function(text)
    local document, err = json.decode(text)
    if err then return {refused = err.message} end
    return there_and_back(document)
  end,
  tables = function(program)
    local document, certain = build(program)
    local outcome = there_and_back(document)
    outcome.certain = certain
    return outcome
  end,
  good = function() return json.decode(json.encode{a = {1, "x", json.object{}}}) end,
}
)lua";

/// The VM of all the calls: none of them may spoil it for the next.
class Border {
 public:
  Border() {
    lua::HostServices services;
    services.name = "fuzz";
    services.clock = &clock_;
    const lua::Script script = lua::Script::compile("fuzz.lua", kScript).value();
    host_ = lua::AdapterHost::make(io_.get_executor(), script, std::move(services)).value();
  }

  Value call(std::string function, std::string_view bytes) {
    lua::AdapterCall order;
    order.function = std::move(function);
    order.arguments = {Value(bytes)};
    const Result<Value> outcome = host_->call_pure(std::move(order));
    promise(outcome.has_value());
    return *outcome;
  }

 private:
  asio::io_context io_;
  ManualClock clock_;
  std::unique_ptr<lua::AdapterHost> host_;
};

bool is_whole_beyond_exact(double number) {
  return number == std::trunc(number) && std::abs(number) > 9007199254740992.0;
}

/// What Lua makes of a document: false if numbers in it are not exact there.
bool make_comparable(Value& value) {
  if (value.is_real()) {
    if (is_whole_beyond_exact(value.as_real())) return false;
    if (value.as_real() == std::trunc(value.as_real()))
      value = Value(static_cast<std::int64_t>(value.as_real()));
  } else if (value.is_integer()) {
    if (std::abs(static_cast<double>(value.as_integer())) > 9007199254740992.0 ||
        value.as_integer() == 9007199254740993 || value.as_integer() == -9007199254740993)
      value = Value(std::to_string(value.as_integer()));
  } else if (value.is_list()) {
    for (Value& item : value.as_list()) {
      if (!make_comparable(item)) return false;
    }
  } else if (value.is_map()) {
    Value kept = Value::map();
    for (const Value::Entry& entry : value.as_map()) {
      Value copy = entry.value;
      if (!make_comparable(copy)) return false;
      if (!copy.is_null()) kept.set(entry.key, std::move(copy));
    }
    value = std::move(kept);
  }
  return true;
}

void check_words(const std::string& why) {
  static constexpr std::array<std::string_view, 9> kReasons = {
      "a number that is not finite",
      "a whole number beyond 2^53 is not exact: pass it as a text",
      "a text that is not UTF-8; use base64.encode",
      "a key that is not UTF-8",
      "an empty table is neither list nor map: use json.array{} or json.object{}",
      "a table is either a list (keys 1 to n, no holes) or a map (texts as keys)",
      "it is nested deeper than 64 levels",
      "a function is no document",
      "a thread is no document"};
  promise(why.find("json.encode: ") != std::string::npos);
  for (const std::string_view reason : kReasons) {
    if (why.ends_with(reason)) return;
  }
  promise(false);
}

/// Of what came back: the same document, but for nulls in maps; and its text is the canonical one.
void check_return(const Value& outcome) {
  const std::string text = outcome.text_or("text", "");
  promise(outcome.boolean_or("is_same", false));
  Result<Value> read = parse_json(text);
  promise(read && to_json(*read) == text);
  promise(make_comparable(*read));
  promise(outcome.text_or("again", "") == to_json(*read));
}

void check_text(const Value& outcome, std::string_view bytes) {
  Result<Value> expected = parse_json(bytes);
  promise(expected.has_value() == (outcome.find("refused") == nullptr));
  if (!expected) return;
  const bool is_exact = make_comparable(*expected);
  if (const Value* why = outcome.find("why")) {
    promise(!is_exact);
    return check_words(why->as_text());
  }
  check_return(outcome);
  if (is_exact) promise(*expected == parse_json(outcome.text_or("text", "")).value());
}

void check_table(const Value& outcome) {
  const Value* certain = outcome.find("certain");
  const Value* why = outcome.find("why");
  if (certain != nullptr && certain->is_boolean())
    promise(certain->as_boolean() == (why == nullptr));
  if (why != nullptr) return check_words(why->as_text());
  check_return(outcome);
}

}  // namespace

void fuzz_json(std::string_view bytes) {
  static Border border;
  if (bytes.starts_with('!')) {
    check_table(border.call("tables", bytes));
  } else {
    check_text(border.call("texts", bytes), bytes);
  }
  promise(to_json(border.call("good", "")) == R"({"a":[1,"x",{}]})");
}

}  // namespace croft
