#include <algorithm>
#include <array>
#include <cerrno>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/client/client.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/table.hpp"
#include "cli/output/yaml.hpp"
#include "cli/secret/reseal.hpp"
#include "core/base/files.hpp"
#include "core/resource/ref.hpp"
#include "core/resource/secret_name.hpp"
#include "core/secret/seal.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kLargestValue = 700'000;  // sealed, it fits a manifest

/// Whose secret it is: a tenant's, or with --platform the operator's ("").
Result<std::string> owner(const Invocation& invocation) {
  const std::string tenant = invocation.arguments.text("tenant");
  if (tenant.empty() != invocation.arguments.has("platform"))
    return fail(
        Error(ErrorCode::Invalid, tenant.empty() ? "whose secret is it?" : "a secret has one owner")
            .with_hint("say -t TENANT (home in solo mode), or --platform for the "
                       "operator's own"));
  if (!tenant.empty() && !is_tenant_name(tenant))
    return fail(ErrorCode::Invalid, fmt::format("'{}' is not a tenant's name", tenant));
  return tenant;
}

Result<std::vector<SealingKey>> ask_keys(const Client& client, const std::string& tenant) {
  const std::string query = tenant.empty() ? "" : "?tenant=" + percent_encode(tenant);
  TRY_ASSIGN(const Value answer, client.get("/v1/sealing-keys" + query));
  TRY_ASSIGN(std::vector<SealingKey> keys,
             list_from_form<SealingKey>(answer, "keys", sealing_key_from_form));
  if (keys.empty()) return fail(ErrorCode::Internal, "the server has no sealing key");
  return keys;
}

/// The public key: as given, from a file, or asked for.
Result<std::string> key_to_seal_with(const Invocation& invocation) {
  std::string text = invocation.arguments.text("with");
  if (text.empty()) {
    TRY_ASSIGN(const Client client, Client::from(invocation));
    TRY_ASSIGN(const std::vector<SealingKey> keys, ask_keys(client, ""));
    text = keys.front().key;
  } else if (!text.starts_with("croft-seal-1")) {
    TRY_ASSIGN(text, while_doing(read_file(text, 4096), "reading the sealing key"));
    while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
  }
  return secret::parse_seal_key(text);
}

Result<std::string> read_value(bool is_exact) {
  std::string value;
  std::array<char, 65'536> piece;
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "reading the value"));
    if (count == 0) break;
    value.append(piece.data(), static_cast<std::size_t>(count));
    if (value.size() > kLargestValue)
      return fail(ErrorCode::Invalid,
                  fmt::format("the value is longer than {} bytes", kLargestValue));
  }
  if (!is_exact && value.ends_with('\n')) value.pop_back();
  if (value.empty())
    return fail(Error(ErrorCode::Invalid, "there is no value on standard input")
                    .with_hint("croft seal api-token -t alice < token.txt"));
  return value;
}

Result<int> seal(const Invocation& invocation) {
  const std::string text = invocation.arguments.text("NAME");
  secret::SealScope scope;
  TRY_ASSIGN(scope.tenant, owner(invocation));
  SecretName name = parse_secret_name(text);
  if (!is_resource_name(name.name) || (text.find('/') != std::string::npos && name.key.empty()))
    return fail(Error(ErrorCode::Invalid, fmt::format("'{}' names no value of a Secret", text))
                    .with_hint("write NAME, or NAME/KEY if it holds several: tls/key"));
  scope.name = name.name;
  scope.key = name.key.empty() ? std::string(kDefaultSecretKey) : name.key;
  TRY_ASSIGN(const std::string key, key_to_seal_with(invocation));
  if (::isatty(STDIN_FILENO) != 0)
    invocation.terminal.err << "Type the value, then Enter and Ctrl-D:\n";
  TRY_ASSIGN(std::string value, read_value(invocation.arguments.has("exact")));
  const std::string sealed = secret::seal(key, scope, value);
  secret::wipe(value);
  if (invocation.output() == "yaml") {
    invocation.terminal.out << fmt::format(
        "apiVersion: croft/v1\nkind: Secret\nmetadata: {{name: {}}}\nspec:\n  values:\n"
        "    {}: \"{}\"\n",
        scope.name, scope.key, sealed);
  } else {
    invocation.terminal.out << sealed << '\n';
  }
  return 0;
}

Result<int> show_key(const Invocation& invocation) {
  const bool is_for_sops = invocation.arguments.has("sops");
  std::string tenant;
  if (is_for_sops) {
    TRY_ASSIGN(tenant, owner(invocation));
  }
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const std::vector<SealingKey> keys, ask_keys(client, tenant));
  invocation.terminal.out << (is_for_sops ? keys.front().recipient : keys.front().key) << '\n';
  return 0;
}

Result<int> print_keys(const Invocation& invocation, const std::vector<SealingKey>& keys) {
  Table table({{"ID", 8}, {"SEALS"}, {"KEY", 12}});
  for (const SealingKey& key : keys)
    table.add({{key.id}, {key.is_newest ? "yes" : "no, only opens"}, {key.key}});
  table.print(invocation.terminal);
  return 0;
}

Result<int> list_keys(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  const std::string tenant = invocation.arguments.text("tenant");
  if (const std::string format = invocation.output(); format != "table") {
    const std::string query = tenant.empty() ? "" : "?tenant=" + percent_encode(tenant);
    TRY_ASSIGN(const Value answer, client.get("/v1/sealing-keys" + query));
    invocation.terminal.out << to_machine_text(answer, format);
    return 0;
  }
  TRY_ASSIGN(const std::vector<SealingKey> keys, ask_keys(client, tenant));
  return print_keys(invocation, keys);
}

Result<int> rotate(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  TRY_ASSIGN(const Value answer, client.post("/v1/sealing-keys", Value()));
  TRY_ASSIGN(const std::vector<SealingKey> keys,
             list_from_form<SealingKey>(answer, "keys", sealing_key_from_form));
  invocation.terminal.err << "Values are sealed to a new key now; older ones go on opening. Next: "
                             "croft secret reseal DIRECTORY, commit, and croft secret retire ID\n";
  return print_keys(invocation, keys);
}

Result<int> retire(const Invocation& invocation) {
  TRY_ASSIGN(const Client client, Client::from(invocation));
  const std::string id = invocation.arguments.text("ID");
  TRY(client.remove("/v1/sealing-keys/" + percent_encode(id)));
  invocation.terminal.out << fmt::format("the sealing key {} is retired\n", id);
  return 0;
}

Result<int> reseal(const Invocation& invocation) {
  TRY_ASSIGN(const std::string tenant, owner(invocation));
  TRY_ASSIGN(const Client client, Client::from(invocation));
  const auto ask = [&](const SealedValue& value) -> Result<std::string> {
    const Value body = Value::map({{"tenant", value.tenant},
                                   {"name", value.name},
                                   {"key", value.key},
                                   {"sealed", value.sealed}});
    TRY_ASSIGN(const Value answer, client.post("/v1/reseal", body));
    return answer.text_or("sealed", "");
  };
  TRY_ASSIGN(const ResealReport report,
             reseal_directory(invocation.arguments.text("DIRECTORY"), tenant, ask));
  for (const Resealed& one : report.changed)
    invocation.terminal.out << fmt::format("{}: {}/{} sealed anew\n", one.file, one.name, one.key);
  for (const std::string& file : report.sops_files) {
    TRY_ASSIGN(const std::vector<SealingKey> keys, ask_keys(client, tenant));
    invocation.terminal.out << fmt::format(
        "{}: SOPS' own; run: sops --rotate --in-place --add-age {} {}\n", file,
        keys.front().recipient, file);
  }
  invocation.terminal.out << fmt::format("{} sealed anew, {} were already.\n",
                                         report.changed.size(), report.unchanged);
  return 0;
}

Parameter platform_option() {
  return {.name = "platform", .help = "The operator's own, in the platform repository."};
}

Command seal_command() {
  Command command;
  command.name = "seal";
  command.summary = "Seal a value so that it can be committed";
  command.description =
      "Reads a value from standard input and prints it sealed to the server's public key: for the "
      "`values` of a Secret. It opens only for that tenant, that Secret and that key. With --with "
      "it asks no server. A line feed at the end is not part of the value.";
  command.group = "Order";
  command.outputs = {"text", "yaml"};
  command.positionals = {{.name = "NAME",
                          .help = "The Secret; NAME/KEY if it holds several values.",
                          .required = true}};
  command.options = {{.name = "with",
                      .value = "KEY",
                      .help = "The server's key, croft-seal-1..., or a file that holds it.",
                      .environment = "CROFT_SEAL_KEY",
                      .fallback = "asks the server",
                      .completes = Completes::Files},
                     platform_option(),
                     {.name = "exact", .help = "Takes a line feed at the end as it is."}};
  command.examples = {"croft seal api-token -t alice < token.txt",
                      "croft seal tls/key -t alice --with croft.pub -o yaml < tls.key"};
  command.run = seal;
  return command;
}

Command key_command() {
  Command command;
  command.name = "key";
  command.summary = "Print the public key that values are sealed to";
  command.options = {{.name = "sops", .help = "The recipient for SOPS files of -t, instead."},
                     platform_option()};
  command.examples = {"croft secret key > croft.pub",
                      "sops --encrypt --age $(croft secret key --sops -t alice) secrets.yaml"};
  command.run = show_key;
  return command;
}

Command reseal_command() {
  Command command;
  command.name = "reseal";
  command.summary = "Seal what a directory holds anew, to the newest key";
  command.description =
      "Replaces every sealed value in the manifests below a directory by the same value sealed to "
      "the newest key. The server does it; the values are seen nowhere. Commit the result.";
  command.positionals = {{.name = "DIRECTORY",
                          .help = "A working tree.",
                          .completes = Completes::Directories,
                          .required = true}};
  command.options = {platform_option()};
  command.examples = {"croft secret reseal . -t alice"};
  command.run = reseal;
  return command;
}

}  // namespace

void add_secrets(std::vector<Command>& commands) {
  commands.push_back(seal_command());
  Command group;
  group.name = "secret";
  group.summary = "The keys that secrets are sealed to";
  group.group = "Order";
  group.commands.push_back(key_command());
  group.commands.push_back({.name = "keys",
                            .summary = "List the sealing keys",
                            .outputs = {"table", "json", "yaml"},
                            .run = list_keys});
  group.commands.push_back({.name = "rotate",
                            .summary = "Make a new sealing key; older ones go on opening",
                            .run = rotate});
  group.commands.push_back(reseal_command());
  group.commands.push_back(
      {.name = "retire",
       .summary = "Forget an old sealing key that nothing applied needs any more",
       .positionals = {{.name = "ID", .help = "See `croft secret keys`.", .required = true}},
       .run = retire});
  commands.push_back(std::move(group));
}

}  // namespace croft::cli
