#include "cli/output/changeset_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/output/changeset_words.hpp"
#include "cli/output/price_words.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kTextWidth = 100;
constexpr std::size_t kNameColumn = 34;
constexpr std::size_t kPathColumn = 30;

Colour colour_of(std::string_view sign) {
  switch (sign[0]) {
    case '+':
      return Colour::Green;
    case '-':
      return Colour::Red;
    case '=':
      return Colour::Grey;
    default:
      return Colour::Yellow;
  }
}

/// Two texts at the two ends of a line.
std::string spread(const std::string& left, const std::string& right, std::size_t width) {
  if (right.empty()) return left + "\n";
  const std::size_t used = display_width(left) + display_width(right);
  return left + std::string(used + 2 < width ? width - used : 2, ' ') + right + "\n";
}

/// The same, on two lines if one does not hold both.
std::string spread_or_wrap(const std::string& left, const std::string& right, std::size_t width) {
  const bool fits = display_width(left) + 2 + display_width(right) <= width;
  return fits || right.empty() ? spread(left, right, width)
                               : left + "\n" + spread("", right, width);
}

class TextWriter {
 public:
  TextWriter(const Changeset& changeset, const Terminal& terminal)
      : changeset_(changeset),
        terminal_(terminal),
        width_(terminal.width == 0 ? kTextWidth : std::min(terminal.width, kTextWidth)) {}

  std::string write() {
    header();
    measure();
    for (const Change& change : changeset_.changes) {
      if (is_worth_showing(change)) change_lines(change);
    }
    for (const RecordChange& change : changeset_.records) record_lines(change);
    shared_line();
    if (name_width_ > 0) out_ += "\n";
    for (const std::string& note : changeset_.notes) out_ += wrap_text("note: " + note, width_, 2);
    if (!changeset_.notes.empty()) out_ += "\n";
    footer();
    return std::move(out_);
  }

 private:
  void header() {
    std::string plan = changeset_.plan.empty() ? "" : "plan " + changeset_.plan;
    if (changeset_.price) plan += ", " + changeset_.price->after.currency + " a month";
    out_ += spread(terminal_.paint(Colour::Bold, printable(title_of(changeset_))), plan, width_);
    if (!changeset_.observed) {
      out_ += wrap_text(offline_words(changeset_), width_, 0);
    }
    out_ += "\n";
  }

  void measure() {
    for (const Change& change : changeset_.changes) {
      if (is_worth_showing(change)) measure_name(change.ref);
      measure_paths(change.fields);
    }
    for (const RecordChange& change : changeset_.records) {
      measure_name(change.ref);
      measure_paths(change.fields);
    }
    name_width_ = std::min(name_width_, kNameColumn);
  }

  void measure_name(const Ref& ref) {
    name_width_ = std::max(name_width_, display_width(local_name(ref)));
  }

  void measure_paths(const std::vector<FieldChange>& fields) {
    for (const FieldChange& field : fields)
      path_width_ = std::max(path_width_, std::min(display_width(field.path), kPathColumn));
  }

  void record_lines(const RecordChange& change) {
    const std::string head =
        fmt::format("{} {}", sign_of(change), pad_text(local_name(change.ref), name_width_));
    out_ += "  " + terminal_.paint(colour_of(sign_of(change)), head) + "  " +
            std::string(phrase_of(change)) + "\n";
    for (const FieldChange& field : change.fields)
      field_line(change.action == Action::Create, field);
  }

  void change_lines(const Change& change) {
    const std::string head =
        fmt::format("{} {}", sign_of(change), pad_text(local_name(change.ref), name_width_));
    const std::string left = "  " + terminal_.paint(colour_of(sign_of(change)), head) + "  " +
                             printable(phrase_of(change));
    const std::string warning = change.loses_data && change.erases_data ? "data is erased"
                                : change.loses_data                     ? "data at stake"
                                                                        : "";
    const std::string price =
        change.price && change.action != Action::Keep ? change_phrase(*change.price) : "";
    const std::string warned = terminal_.paint(Colour::Red, warning);
    const std::string right = warned + (warned.empty() || price.empty() ? "" : "  ") + price;
    const bool fits = display_width(left) + 2 + display_width(right) <= width_;
    // The price goes below first: the warning belongs to the words.
    out_ += fits || price.empty() ? spread(left, right, width_)
                                  : spread(left, warned, width_) + spread("", price, width_);
    const bool is_new = change.action == Action::Create || change.action == Action::Adopt;
    for (const FieldChange& field : change.fields) field_line(is_new, field);
  }

  /// What the lines above do not add up to.
  void shared_line() {
    if (!changeset_.price || changeset_.price->shared.minor == 0) return;
    out_ += spread("    what included and shared amounts absorb",
                   signed_amount(changeset_.price->shared), width_);
  }

  void plan_lines(const std::string& digest) {
    if (changeset_.price) {
      const std::string basis = printable(basis_phrase(*changeset_.price));
      const bool fits = display_width(basis) + 2 + display_width(digest) <= width_;
      out_ += fits ? spread(basis, digest, width_)
                   : wrap_text(basis, width_, 0) + spread("", digest, width_);
    }
    const std::string quotas = quota_phrase(changeset_.quotas);
    if (!quotas.empty()) out_ += wrap_text(printable(quotas), width_, 0);
    if (!changeset_.unpriced.empty())
      out_ += wrap_text("Not priced: " + printable(changeset_.unpriced), width_, 0);
    if (!changeset_.price) return;
    for (const std::string& notice : changeset_.price->notices)
      out_ += wrap_text("Price: " + printable(notice), width_, 0);
    for (const std::string& what : changeset_.price->unpriced)
      out_ += wrap_text("Not priced: " + printable(what), width_, 0);
  }

  void refusal_lines() {
    out_ += terminal_.paint(Colour::Red, "Refused") + ": nothing of this is applied.\n";
    for (const Problem& refusal : changeset_.refusals)
      out_ += wrap_text(printable(refusal_phrase(refusal)), width_, 2);
  }

  void field_line(bool is_new, const FieldChange& field) {
    std::string text = "      " + pad_text(printable(field.path), path_width_) + "   ";
    const std::string before = printable(field_text(field.before.value_or("(not set)")));
    const std::string after = printable(field_text(field.after.value_or("(not set)")));
    text += is_new && !field.before ? after : before + " → " + after;
    std::ranges::replace(text, '\n', ' ');
    out_ += (terminal_.width == 0 ? text : truncate_text(text, terminal_.width)) + "\n";
  }

  void footer() {
    const std::string digest =
        changeset_.digest.empty() ? "" : "digest " + short_digest(changeset_);
    const std::string count = terminal_.paint(Colour::Bold, count_phrase(changeset_));
    const std::string end = changeset_.price ? total_phrase(*changeset_.price) : digest;
    out_ += spread_or_wrap(count, end, width_);
    plan_lines(digest);
    if (!changeset_.refusals.empty()) return refusal_lines();
    const std::string tenant = changeset_.tenant.empty() ? "" : " -t " + changeset_.tenant;
    if (changeset_.guard) {
      const std::string text =
          fmt::format("Guarded ({}): {}", changeset_.guard->reason, changeset_.guard->message);
      out_ += wrap_text(terminal_.paint(Colour::Red, printable(text)), width_, 0);
      if (changeset_.observed) {
        const bool waits = is_pushed(changeset_);
        out_ += fmt::format("Accept exactly this{}: croft prune ack {}\n",
                            waits ? "" : ", once it is pushed", short_digest(changeset_));
        out_ += "or push it in a commit with the trailer 'Croft-Prune: yes'\n";
      }
    } else if (changeset_.observed && has_changes(changeset_)) {
      out_ += fmt::format("Accept exactly this: croft reconcile --expect {}{}\n",
                          short_digest(changeset_), tenant);
    }
  }

  const Changeset& changeset_;
  const Terminal& terminal_;
  std::size_t width_;
  std::size_t name_width_ = 0;
  std::size_t path_width_ = 0;
  std::string out_;
};

}  // namespace

std::string changeset_text(const Changeset& changeset, const Terminal& terminal) {
  return TextWriter(changeset, terminal).write();
}

}  // namespace croft::cli
