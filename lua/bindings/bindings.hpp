#pragma once
// Inside lua only: what adapters find beside the standard library.
//
//   arguments   reading what a script passes, with errors that say what was expected
//   json        documents: between Lua's tables, Value and JSON text
//   http        requests to the provider's server
//   text        log, time, base64, hash, hmac, url
//   memory      what calls leave for later ones
//   require     other files of the same script
//   extension   a module that the host brings itself: for tests of scripts
//   prelude     what is easier said in Lua: await.all, poll, fail, http.pages, graphql; and the
//               modules of lua/stdlib

#include <string>
#include <string_view>

#include "lua/engine/machine.hpp"

namespace croft::lua {

/// Places in the VM's registry.
enum RegistrySlot {
  kSlotMachine = 1,
  kSlotChunk,    ///< the script, compiled
  kSlotGlobals,  ///< what its environment falls back to
  kSlotList,     ///< metatable of lists
  kSlotMap,      ///< metatable of maps
  kSlotNull,     ///< json.null
  kSlotFiles,    ///< what may be required, compiled, by name
  // While the script's file runs:
  kSlotEnvironment,  ///< its environment
  kSlotRequired,     ///< what was required, by name; false: it is being read
  kLastSlot = kSlotRequired
};

/// Pushes the table of everything that scripts of adapters may use, and fills the registry's slots
/// from kSlotGlobals on. Call it protected, once a state.
void push_adapter_library(lua_State* state);

// Each pushes one table of functions: a module.
void push_json_module(lua_State* state);
void push_log_module(lua_State* state);
void push_time_module(lua_State* state);
void push_base64_module(lua_State* state);
void push_hash_module(lua_State* state);
void push_hmac_module(lua_State* state);
void push_url_module(lua_State* state);
void push_memory_module(lua_State* state);
/// Pushes the function `require`.
void push_require(lua_State* state);
/// What the prelude builds on: request, join, sleep, steady.
void push_host_functions(lua_State* state);

/// Pushes a document: lists and maps are marked as what they are, null is nil (json.null in a
/// list), whole numbers beyond 2^53 are decimal texts. Raises. Call it protected.
void push_document(lua_State* state, const Value& value);
/// Pushes the document that a JSON text is; false if it is none, with why on the stack. Raises.
bool push_json(lua_State* state, std::string_view text);
/// The document at an index: tables that are marked are what they are marked as, others lists if
/// their keys are 1 to n, else maps. Invalid with the path of what is none. Raises nothing.
Result<Value> read_document(lua_State* state, int index);
/// The same, but an empty table without a mark is Invalid.
Result<Value> read_marked_document(lua_State* state, int index);
/// The same, but functions and their like stand there as the words for them: for errors and logs.
Result<Value> read_loose_document(lua_State* state, int index);

/// Pushes nil and the table that describes the error to a script.
int push_failure(lua_State* state, const Error& error);

/// "a=1&b=2" of the table at an index. Throws Misuse that begins with `name`.
std::string query_of(lua_State* state, int index, std::string_view name);

/// Runs an extension's source and puts what it returns, read-only, into the table on top.
/// Call it protected.
void add_extension(lua_State* state, const HostExtension& extension);
/// Pushes the function `run` of its module.
void push_runner(lua_State* state, const HostExtension& extension);

/// The library's own source, run once a state with push_host_functions()'s table.
std::string_view prelude_source();

}  // namespace croft::lua
