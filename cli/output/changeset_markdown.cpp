#include <algorithm>

#include <fmt/format.h>

#include "cli/output/changeset_text.hpp"
#include "cli/output/changeset_words.hpp"
#include "cli/output/price_words.hpp"

namespace croft::cli {

namespace {

/// Past this many fields, they are folded away.
constexpr std::size_t kFieldsShown = 6;

/// Text that cannot become markup of its own, also inside a table.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : printable(text)) {
    if (letter == '<') {
      out += "&lt;";
    } else if (letter == '\n') {
      out += ' ';
    } else {
      if (std::string_view("\\`*_[]|#@!~").find(letter) != std::string_view::npos) out += '\\';
      out += letter;
    }
  }
  return out;
}

/// Text as code; its back-ticks are what would end it.
std::string code(std::string_view text) {
  std::string out;
  for (const char letter : printable(text)) {
    if (letter == '|') out += '\\';
    out += letter == '`' ? '\'' : letter == '\n' ? ' ' : letter;
  }
  return "`" + (out.empty() ? " " : out) + "`";
}

std::string field_line(const FieldChange& field) {
  const auto side = [](const std::optional<std::string>& text) {
    return text ? code(field_text(*text)) : "*not set*";
  };
  if (!field.before) return fmt::format("- {}: {}\n", code(field.path), side(field.after));
  return fmt::format("- {}: {} → {}\n", code(field.path), side(field.before), side(field.after));
}

std::string fields_of(const Ref& ref, const std::vector<FieldChange>& fields) {
  if (fields.empty()) return "";
  std::string lines;
  for (const FieldChange& field : fields) lines += field_line(field);
  const std::string name = code(local_name(ref));
  if (fields.size() <= kFieldsShown) return fmt::format("\n{}\n{}", name, lines);
  return fmt::format("\n<details><summary>{}: {} fields</summary>\n\n{}\n</details>\n",
                     escaped(local_name(ref)), fields.size(), lines);
}

}  // namespace

namespace {

std::string refusals_of(const Changeset& changeset) {
  if (changeset.refusals.empty()) return "";
  std::string out = "\n> **Refused**: nothing of this is applied.\n";
  for (const Problem& refusal : changeset.refusals)
    out += fmt::format("> - {}\n", escaped(refusal_phrase(refusal)));
  return out;
}

/// Before, after and what it changes by, of a change; nothing for a side that is not there.
std::string price_cells(const Change& change) {
  if (!change.price) return " | | |";
  const bool is_new = change.action == Action::Create;
  const bool is_gone = change.action == Action::Destroy;
  return fmt::format(" {} | {} | {} |", is_new ? "" : format_amount(change.price->before),
                     is_gone ? "" : format_amount(change.price->after),
                     signed_amount(change.price->delta));
}

/// A line a change, with columns for money if it is priced.
std::string table_of(const Changeset& changeset) {
  const bool has_lines = std::ranges::any_of(changeset.changes, is_worth_showing);
  if (!has_lines && changeset.records.empty()) return "";
  const bool is_priced = changeset.price.has_value();
  std::string out = "\n| | resource | what |";
  if (is_priced)
    out += fmt::format(" {} a month before | after | change |", changeset.price->after.currency);
  out += is_priced ? "\n|---|---|---|--:|--:|--:|\n" : "\n|---|---|---|\n";
  for (const Change& change : changeset.changes) {
    if (!is_worth_showing(change)) continue;
    const std::string warning = change.loses_data ? " **data at stake**" : "";
    out += fmt::format("| {} | {} | {}{} |", code(sign_of(change)), code(local_name(change.ref)),
                       escaped(phrase_of(change)), warning);
    if (is_priced) out += price_cells(change);
    out += "\n";
  }
  for (const RecordChange& change : changeset.records) {
    out += fmt::format("| {} | {} | {} |{}\n", code(sign_of(change)), code(local_name(change.ref)),
                       phrase_of(change), is_priced ? " | | |" : "");
  }
  if (is_priced && changeset.price->shared.minor != 0)
    out += fmt::format("| | | what included and shared amounts absorb | | | {} |\n",
                       signed_amount(changeset.price->shared));
  return out;
}

std::string plan_lines_of(const Changeset& changeset) {
  std::string out;
  if (changeset.price) {
    out += fmt::format("\n**{}**\n", total_phrase(*changeset.price));
    const std::string basis = basis_phrase(*changeset.price);
    if (!basis.empty()) out += fmt::format("\n{}\n", escaped(basis));
    for (const std::string& notice : changeset.price->notices)
      out += fmt::format("\n> {}\n", escaped(notice));
    for (const std::string& what : changeset.price->unpriced)
      out += fmt::format("\nNot priced: {}\n", escaped(what));
  }
  if (!changeset.unpriced.empty())
    out += fmt::format("\nNot priced: {}\n", escaped(changeset.unpriced));
  const std::string quotas = quota_phrase(changeset.quotas);
  if (!quotas.empty()) out += fmt::format("\n{}\n", escaped(quotas));
  return out;
}

}  // namespace

std::string changeset_markdown(const Changeset& changeset) {
  std::string out = fmt::format("### Croft: {}\n\n**{}**\n", escaped(title_of(changeset)),
                                count_phrase(changeset));
  if (!changeset.plan.empty()) out += fmt::format("\nPlan {}.\n", code(changeset.plan));
  if (!changeset.observed) out += fmt::format("\n*{}*\n", offline_words(changeset));
  if (changeset.guard) {
    out += fmt::format("\n> **Guarded ({})**: {}\n", changeset.guard->reason,
                       escaped(changeset.guard->message));
  }
  out += refusals_of(changeset);
  out += table_of(changeset);
  for (const Change& change : changeset.changes) {
    if (is_worth_showing(change)) out += fields_of(change.ref, change.fields);
  }
  for (const RecordChange& change : changeset.records) out += fields_of(change.ref, change.fields);
  if (!changeset.notes.empty()) out += "\n";
  for (const std::string& note : changeset.notes) out += fmt::format("> {}\n", escaped(note));
  out += plan_lines_of(changeset);
  if (!changeset.digest.empty()) out += fmt::format("\nDigest {}\n", code(changeset.digest));
  return out;
}

}  // namespace croft::cli
