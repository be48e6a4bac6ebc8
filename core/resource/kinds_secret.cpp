#include "core/resource/kind_checks.hpp"
#include "core/resource/kinds.hpp"
#include "core/resource/secret_name.hpp"

// The kind of both: Secret.

namespace croft {

namespace {

constexpr std::string_view kSealed = "sealed:v1:";

/// Whether it opens is the server's to say. The text is never repeated: what is not sealed is the
/// secret itself.
std::optional<Error> check_sealed(const Value& value) {
  if (value.as_text().starts_with(kSealed)) return std::nullopt;
  return Error(ErrorCode::Invalid,
               "is not sealed, so that everybody who reads the repository knows it now: make "
               "another one, and seal that with `croft seal`");
}

std::vector<FieldProblem> check_secret_keys(const Value& map) {
  std::vector<FieldProblem> problems;
  for (const auto& [key, value] : map.as_map()) {
    if (!is_secret_key(key))
      problems.push_back({key, "is no name of a value: at most 253 printable characters, no '/'"});
  }
  return problems;
}

std::vector<FieldProblem> check_secret(const Value& spec) {
  const bool has_values = spec.find("values") != nullptr;
  const bool has_file = spec.find("file") != nullptr;
  if (has_values != has_file) return {};
  if (has_file) return {{"file", "stands beside 'values': a Secret has one of them"}};
  return {{"", "needs 'values' that are sealed, or a 'file' that SOPS encrypted"}};
}

}  // namespace

Field describe_secret() {
  return object_field(
             "spec", "",
             {map_field("values",
                        "Values by name, each as `croft seal` prints it. A sealed value opens only "
                        "for the tenant, the Secret and the name that it was sealed for.",
                        text_field("", "").between(1, 1 << 20).checked_by(check_sealed))
                  .between(1, 100)
                  .cross_checked_by(check_secret_keys)
                  .like("{value: \"sealed:v1:...\"}"),
              text_field("file",
                         "A file of the repository that SOPS encrypted (YAML or JSON), with the "
                         "recipient that `croft secret key` prints. Its values go by their path: "
                         "`password`, `db.password`.")
                  .checked_by(check_relative_path)
                  .like("secrets.enc.yaml")})
      .cross_checked_by(check_secret);
}

}  // namespace croft
