#include "core/store/rows.hpp"

#include <array>
#include <utility>

namespace croft {

namespace {

template <typename Word>
using Names = std::pair<Word, std::string_view>;

constexpr std::array<Names<InventoryState>, 2> kInventoryStates{
    {{InventoryState::Owned, "Owned"}, {InventoryState::Retained, "Retained"}}};

constexpr std::array<Names<IntentState>, 3> kIntentStates{
    {{IntentState::Open, "Open"}, {IntentState::Done, "Done"}, {IntentState::Failed, "Failed"}}};

constexpr std::array<Names<DeliveryState>, 3> kDeliveryStates{
    {{DeliveryState::Pending, "Pending"},
     {DeliveryState::Delivered, "Delivered"},
     {DeliveryState::Failed, "Failed"}}};

// In lower case: they are what people type and what stands in URLs.
constexpr std::array<Names<DirectiveVerb>, 4> kDirectiveVerbs{
    {{DirectiveVerb::Stop, "stop"},
     {DirectiveVerb::Start, "start"},
     {DirectiveVerb::Restart, "restart"},
     {DirectiveVerb::Suspend, "suspend"}}};

template <typename Word, std::size_t size>
std::string_view name_of(const std::array<Names<Word>, size>& names, Word word) {
  for (const auto& [known, name] : names) {
    if (known == word) return name;
  }
  return {};
}

template <typename Word, std::size_t size>
std::optional<Word> word_of(const std::array<Names<Word>, size>& names, std::string_view wanted) {
  for (const auto& [word, name] : names) {
    if (name == wanted) return word;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(InventoryState state) { return name_of(kInventoryStates, state); }
std::optional<InventoryState> inventory_state_from(std::string_view name) {
  return word_of(kInventoryStates, name);
}

std::string_view to_string(IntentState state) { return name_of(kIntentStates, state); }
std::optional<IntentState> intent_state_from(std::string_view name) {
  return word_of(kIntentStates, name);
}

std::string_view to_string(DirectiveVerb verb) { return name_of(kDirectiveVerbs, verb); }
std::optional<DirectiveVerb> directive_verb_from(std::string_view name) {
  return word_of(kDirectiveVerbs, name);
}

std::string_view to_string(DeliveryState state) { return name_of(kDeliveryStates, state); }
std::optional<DeliveryState> delivery_state_from(std::string_view name) {
  return word_of(kDeliveryStates, name);
}

}  // namespace croft
