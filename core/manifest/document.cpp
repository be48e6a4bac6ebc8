#include "core/manifest/document.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "core/base/suggest.hpp"
#include "core/manifest/decode.hpp"
#include "core/resource/kinds.hpp"
#include "core/resource/ref.hpp"

namespace croft::manifest {

namespace {

using Type = yaml::Node::Type;

constexpr std::string_view kVersion = "croft/v1";
constexpr std::array<std::string_view, 4> kEnvelope{"apiVersion", "kind", "metadata", "spec"};

std::string_view spec_name(Kind kind) {
  switch (kind) {
    case Kind::Tenant:
      return "Tenant spec";
    case Kind::Plan:
      return "Plan spec";
    case Kind::Provider:
      return "Provider spec";
    case Kind::Source:
      return "Source spec";
    case Kind::Webhook:
      return "Webhook spec";
    case Kind::Instance:
      return "Instance spec";
    case Kind::Site:
      return "Site spec";
    case Kind::Stack:
      return "Stack spec";
    case Kind::Secret:
      return "Secret spec";
    case Kind::Service:
    case Kind::Volume:
    case Kind::Network:
      break;  // never declared
  }
  return "spec";
}

bool may_declare(SourceScope scope, Kind kind) {
  if (is_derived(kind)) return false;
  switch (scope) {
    case SourceScope::Platform:
      return scope_of(kind) != KindScope::Tenant;
    case SourceScope::Tenant:
      return scope_of(kind) != KindScope::Operator;
    case SourceScope::Solo:
      return scope_of(kind) != KindScope::Operator || kind == Kind::Provider;
  }
  return false;
}

std::vector<std::string_view> kinds_in(SourceScope scope) {
  std::vector<std::string_view> names;
  for (const Kind kind : all_kinds()) {
    if (may_declare(scope, kind)) names.push_back(to_string(kind));
  }
  return names;
}

// A file that declares a Secret may hold, by mistake, a value that is not sealed. Then nothing of
// its text is repeated, whatever is wrong with it, however it is written: if in doubt, no line is.
bool may_hold_secret(std::string_view text, const yaml::Tree& tree) {
  constexpr std::string_view kSecret = "Secret";
  if (text.find(kSecret) != std::string_view::npos) return true;
  const auto says_so = [&](const yaml::Node& node) { return node.text == kSecret; };
  if (std::ranges::any_of(tree.nodes, says_so)) return true;
  // Past the place where reading stopped, escapes may spell anything.
  return !tree.is_complete && text.find('\\') != std::string_view::npos;
}

// What a document is to us.
enum class Claim {
  Ours,      ///< apiVersion: croft/v1
  Mistaken,  ///< meant to be, and said wrongly
  Foreign,   ///< somebody else's
  Unmarked,  ///< says nothing of the sort
  Empty,
};

// Reads one file.
class FileReader {
 public:
  FileReader(const std::string& file, std::string_view text, const DocumentRules& rules,
             SpecPool& pool, Diagnostics& diagnostics)
      : rules_(rules),
        pool_(pool),
        tree_(yaml::read(text)),
        reporter_(file, text, diagnostics, !may_hold_secret(text, tree_)) {}

  ParsedFile read();

 private:
  struct Envelope {
    const yaml::Node* root = nullptr;
    const yaml::Node* kind_key = nullptr;
    const yaml::Node* kind = nullptr;
    const yaml::Node* metadata_key = nullptr;
    const yaml::Node* metadata = nullptr;
    const yaml::Node* spec_key = nullptr;
    const yaml::Node* spec = nullptr;
  };

  Claim claim_of(const yaml::Node& root) const;
  const yaml::Node* key_like_version(const yaml::Node& root) const;
  void report_problems(const std::vector<Claim>& claims);
  void refuse_version(const yaml::Node& root);
  void refuse_unmarked(const yaml::Node& root, bool is_among_ours);
  void read_document(std::uint32_t index, ParsedFile& into);
  Envelope open_envelope(const yaml::Node& root);
  std::optional<Kind> read_kind(const Envelope& envelope);
  Value read_metadata(const Envelope& envelope, Kind kind);
  void check_name(const Envelope& envelope, Kind kind, const Value& metadata);
  Value read_spec(const Envelope& envelope, Kind kind);
  void missing(const yaml::Node& place, std::string_view name, std::string hint);
  std::shared_ptr<const Value> shared_part(const Value& metadata, std::string_view name);

  const DocumentRules& rules_;
  SpecPool& pool_;
  yaml::Tree tree_;
  Reporter reporter_;
};

ParsedFile FileReader::read() {
  std::vector<Claim> claims;
  for (const yaml::Tree::Document& document : tree_.documents)
    claims.push_back(claim_of(tree_.at(document.root)));
  report_problems(claims);
  const bool is_among_ours = std::ranges::find(claims, Claim::Ours) != claims.end();
  ParsedFile parsed;
  parsed.document_count = static_cast<std::uint32_t>(tree_.documents.size());
  for (std::uint32_t i = 0; i < claims.size(); ++i) {
    const yaml::Node& root = tree_.at(tree_.documents[i].root);
    if (claims[i] == Claim::Ours) read_document(i, parsed);
    if (claims[i] == Claim::Mistaken) refuse_version(root);
    if (claims[i] == Claim::Unmarked) refuse_unmarked(root, is_among_ours);
  }
  return parsed;
}

Claim FileReader::claim_of(const yaml::Node& root) const {
  if (root.type == Type::Null) return Claim::Empty;
  if (root.type != Type::Map) return Claim::Unmarked;
  const yaml::Node* version = tree_.find(root, "apiVersion");
  if (version == nullptr)
    return key_like_version(root) != nullptr ? Claim::Mistaken : Claim::Unmarked;
  if (version->type != Type::Scalar) return Claim::Foreign;
  if (version->text == kVersion) return Claim::Ours;
  std::string lowered = version->text;
  std::ranges::transform(lowered, lowered.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  const bool is_close = lowered == "croft" || lowered.starts_with("croft/") ||
                        (lowered.size() < 16 && edit_distance(lowered, kVersion) <= 2);
  return is_close ? Claim::Mistaken : Claim::Foreign;
}

// A key that was meant to be `apiVersion`, with a value that speaks of Croft.
const yaml::Node* FileReader::key_like_version(const yaml::Node& root) const {
  const auto items = tree_.items(root);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const yaml::Node& key = tree_.at(items[i]);
    const yaml::Node& value = tree_.at(items[i + 1]);
    if (key.type != Type::Scalar || value.type != Type::Scalar || !value.text.starts_with("croft"))
      continue;
    if (closest_word(key.text, std::span(kEnvelope).first(1))) return &key;
  }
  return nullptr;
}

void FileReader::report_problems(const std::vector<Claim>& claims) {
  for (const yaml::Problem& problem : tree_.problems) {
    const bool is_fatal = !tree_.is_complete && &problem == &tree_.problems.back();
    const Claim claim = problem.document < claims.size() ? claims[problem.document] : Claim::Ours;
    if (is_fatal || claim == Claim::Ours || claim == Claim::Mistaken) reporter_.problem(problem);
  }
}

void FileReader::refuse_version(const yaml::Node& root) {
  if (const yaml::Node* version = tree_.find(root, "apiVersion")) {
    reporter_.error(version->mark, version->length,
                    fmt::format("apiVersion '{}' is not known to this Croft", version->text),
                    fmt::format("write {}", kVersion));
  } else if (const yaml::Node* key = key_like_version(root)) {
    reporter_.error(key->mark, key->length, fmt::format("unknown field '{}'", key->text),
                    "did you mean 'apiVersion'?");
  }
}

void FileReader::refuse_unmarked(const yaml::Node& root, bool is_among_ours) {
  if (rules_.is_content) return;
  const yaml::Node* kind = tree_.find(root, "kind");
  const bool is_our_kind = kind != nullptr && kind->type == Type::Scalar &&
                           (kind_from(kind->text) || is_planned_kind(kind->text));
  const bool looks_ours = is_our_kind && (tree_.find(root, "metadata") != nullptr ||
                                          tree_.find(root, "spec") != nullptr);
  if (!looks_ours && !is_among_ours) return;
  reporter_.error(root.mark, std::max(root.length, 1U), "this document has no apiVersion",
                  fmt::format("write 'apiVersion: {}' in it if it is Croft's", kVersion));
}

void FileReader::read_document(std::uint32_t index, ParsedFile& into) {
  const std::size_t errors_before = reporter_.error_count();
  const Envelope envelope = open_envelope(tree_.at(tree_.documents[index].root));
  const auto kind = read_kind(envelope);
  if (!kind) return;
  const Value metadata = read_metadata(envelope, *kind);
  const Value spec = read_spec(envelope, *kind);
  if (reporter_.error_count() != errors_before) return;
  ParsedDocument parsed;
  parsed.kind = *kind;
  parsed.document = index;
  parsed.line = static_cast<std::int32_t>(envelope.kind_key->mark.line);
  parsed.name = metadata.text_or("name", "");
  parsed.spec = pool_.share(spec);
  parsed.labels = shared_part(metadata, "labels");
  parsed.annotations = shared_part(metadata, "annotations");
  into.documents.push_back(std::move(parsed));
}

FileReader::Envelope FileReader::open_envelope(const yaml::Node& root) {
  Envelope envelope;
  envelope.root = &root;
  const auto items = tree_.items(root);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const yaml::Node& key = tree_.at(items[i]);
    const yaml::Node& value = tree_.at(items[i + 1]);
    if (key.text == "kind") {
      envelope.kind_key = &key;
      envelope.kind = &value;
    } else if (key.text == "metadata") {
      envelope.metadata_key = &key;
      envelope.metadata = &value;
    } else if (key.text == "spec") {
      envelope.spec_key = &key;
      envelope.spec = &value;
    } else if (key.text != "apiVersion" && key.type == Type::Scalar) {
      std::string hint = key.text == "status" ? "status is never written to Git"
                                              : did_you_mean(key.text, kEnvelope);
      if (hint.empty()) hint = "a resource has apiVersion, kind, metadata and spec";
      reporter_.error(
          key.mark, std::max(key.length, 1U),
          fmt::format("unknown field '{}' beside kind and spec", key.text.substr(0, 60)),
          std::move(hint));
    }
  }
  return envelope;
}

std::optional<Kind> FileReader::read_kind(const Envelope& envelope) {
  if (envelope.kind == nullptr || envelope.kind->type != Type::Scalar) {
    missing(envelope.kind_key != nullptr ? *envelope.kind_key : *envelope.root, "kind",
            fmt::format("it is one of {}", fmt::join(kinds_in(rules_.scope), ", ")));
    return std::nullopt;
  }
  const yaml::Node& node = *envelope.kind;
  const auto kind = kind_from(node.text);
  if (kind && may_declare(rules_.scope, *kind)) return kind;
  if (kind && is_derived(*kind)) {
    reporter_.error(node.mark, node.length,
                    fmt::format("a {} is not declared by itself: it is part of a Stack", node.text),
                    "write it into the compose file that the Stack names");
  } else if (kind) {
    const bool is_operators = scope_of(*kind) == KindScope::Operator;
    reporter_.error(node.mark, node.length,
                    fmt::format("a {} belongs in {}", node.text,
                                is_operators ? "the platform repository" : "a tenant's repository"),
                    fmt::format("here may stand {}", fmt::join(kinds_in(rules_.scope), ", ")));
  } else if (is_planned_kind(node.text)) {
    reporter_.error(node.mark, node.length,
                    fmt::format("the kind '{}' arrives with a later version of Croft", node.text));
  } else {
    const auto names = kinds_in(rules_.scope);
    std::string hint = did_you_mean(node.text, names);
    if (hint.empty()) hint = fmt::format("there is {}", fmt::join(names, ", "));
    reporter_.error(node.mark, std::max(node.length, 1U),
                    fmt::format("unknown kind '{}'", node.text.substr(0, 60)), std::move(hint));
  }
  return std::nullopt;
}

Value FileReader::read_metadata(const Envelope& envelope, Kind kind) {
  if (envelope.metadata == nullptr) {
    missing(*envelope.kind_key, "metadata", "for example metadata: {name: blog}");
    return {};
  }
  Decoder decoder(tree_, reporter_);
  const std::size_t errors_before = reporter_.error_count();
  Value metadata =
      decoder.decode(metadata_of_resources(), *envelope.metadata,
                     {.where = "metadata", .path = "metadata", .key = envelope.metadata_key});
  if (reporter_.error_count() == errors_before) check_name(envelope, kind, metadata);
  return metadata;
}

void FileReader::check_name(const Envelope& envelope, Kind kind, const Value& metadata) {
  const std::string name = metadata.text_or("name", "");
  const yaml::Node& node = *tree_.find(*envelope.metadata, "name");
  const auto refuse = [&](std::string message, std::string hint = {}) {
    reporter_.error(node.mark, std::max(node.length, 1U), std::move(message), std::move(hint));
  };
  const std::string shown = name.substr(0, 80);
  if (kind == Kind::Tenant && !is_tenant_name(name)) {
    refuse(fmt::format("'{}' is not a name for a Tenant", shown),
           "lower-case letters and digits, a letter first, no dash, at most 32");
  } else if (kind == Kind::Tenant && is_reserved_name(name)) {
    refuse(fmt::format("the name '{}' is reserved", shown), "Croft's own hosts and routes use it");
  } else if (!is_resource_name(name)) {
    refuse(fmt::format("'{}' is not a name for a resource", shown),
           "lower-case letters and digits, single dashes inside, at most 63");
  } else if (scope_of(kind) == KindScope::Tenant &&
             rules_.tenant.size() + 1 + name.size() > kMaxHostLabel) {
    refuse(fmt::format("'{}-{}' is longer than the {} characters that a host's label may have",
                       rules_.tenant, shown, kMaxHostLabel),
           "choose a shorter name");
  }
}

Value FileReader::read_spec(const Envelope& envelope, Kind kind) {
  static const yaml::Node kNothing = yaml::Node::of(Type::Map, {});
  const bool is_missing = envelope.spec == nullptr;
  Decoder decoder(tree_, reporter_);
  const bool is_operators =
      scope_of(kind) == KindScope::Operator ||
      (scope_of(kind) == KindScope::Anybody && rules_.scope != SourceScope::Tenant);
  return decoder.decode(spec_of(kind), is_missing ? kNothing : *envelope.spec,
                        {.where = spec_name(kind),
                         .path = "",
                         .key = is_missing ? envelope.kind_key : envelope.spec_key,
                         .is_operators = is_operators});
}

void FileReader::missing(const yaml::Node& place, std::string_view name, std::string hint) {
  reporter_.error(place.mark, std::max(place.length, 1U), fmt::format("{} is missing", name),
                  std::move(hint));
}

std::shared_ptr<const Value> FileReader::shared_part(const Value& metadata, std::string_view name) {
  const Value* part = metadata.find(name);
  return part == nullptr || part->size() == 0 ? nullptr : pool_.share(*part);
}

}  // namespace

ParsedFile read_documents(const std::string& file, std::string_view text,
                          const DocumentRules& rules, SpecPool& pool, Diagnostics& diagnostics) {
  text = without_byte_order_mark(text);
  Diagnostics found;
  ParsedFile parsed;
  if (const auto problem = check_source_text(text)) {
    Reporter(file, text, found).problem(*problem);
  } else {
    parsed = FileReader(file, text, rules, pool, found).read();
  }
  found.sort();
  diagnostics.append(std::move(found));
  return parsed;
}

}  // namespace croft::manifest
