#include "providers/registry/registry.hpp"

#include "providers/docker/docker_provider.hpp"
#include "providers/process/clear.hpp"
#include "providers/process/process_provider.hpp"
#include "providers/script/script_provider.hpp"
#include "providers/script/shipped.hpp"
#include "providers/site/site_provider.hpp"

namespace croft {

namespace {

Result<std::shared_ptr<Provider>> make_process(const RegistryParts& parts, const std::string& name,
                                               const Value& spec) {
  const Value* settings = spec.find("settings");
  TRY_ASSIGN(ProcessSettings process,
             parse_process_settings(settings != nullptr ? *settings : Value::map(),
                                    parts.data / "process" / name));
  TRY_ASSIGN(std::unique_ptr<Provider> made,
             make_process_provider(std::move(process), parts.executor, parts.pool, parts.clock));
  return std::shared_ptr<Provider>(std::move(made));
}

Result<std::shared_ptr<Provider>> make_docker(const RegistryParts& parts, const std::string& name,
                                              const Value& spec) {
  const secret::OperatorSecrets nothing("/nonexistent");
  TRY_ASSIGN(docker::ProviderSettings settings,
             docker::parse_settings(spec, name, parts.data / "docker" / name,
                                    parts.secrets ? *parts.secrets : nothing));
  TRY_ASSIGN(std::unique_ptr<Provider> made,
             docker::make_provider(std::move(settings), parts.executor, parts.pool, parts.clock));
  return std::shared_ptr<Provider>(std::move(made));
}

Result<std::shared_ptr<Provider>> make_site(const RegistryParts& parts, const std::string& name) {
  if (name != kOneSiteProvider) {
    return fail(Error(ErrorCode::Invalid,
                      "there is one release store, so there is one provider of adapter 'site'")
                    .with_hint("name it 'site', or leave it out: it is there by itself"));
  }
  return std::shared_ptr<Provider>(
      make_site_provider(release_store(parts.data), parts.pool, parts.clock));
}

}  // namespace

std::filesystem::path release_store(const std::filesystem::path& data) { return data / "sites"; }

std::map<std::string, ProviderFactory> make_adapters(RegistryParts parts) {
  std::map<std::string, ProviderFactory> adapters;
  adapters["process"] = [parts](const std::string& name, const Value& spec) {
    return make_process(parts, name, spec);
  };
  adapters["docker"] = [parts](const std::string& name, const Value& spec) {
    return make_docker(parts, name, spec);
  };
  adapters["site"] = [parts](const std::string& name, const Value&) {
    return make_site(parts, name);
  };
  return adapters;
}

std::shared_ptr<ScriptedAdapters> make_scripted_adapters(RegistryParts parts) {
  return std::make_shared<ScriptProviders>(ScriptParts{.executor = parts.executor,
                                                       .clock = parts.clock,
                                                       .secrets = parts.secrets,
                                                       .pool = &parts.pool,
                                                       .calls_dir = parts.data / "script"});
}

std::vector<AdapterScript> shipped_adapters() { return script::shipped(); }

Result<int> clear_local_providers(const std::filesystem::path& data) {
  int count = 0;
  std::error_code error;
  for (const auto& provider : std::filesystem::directory_iterator(data / "process", error)) {
    TRY_ASSIGN(const int ended, clear_process_provider(provider.path()));
    count += ended;
  }
  for (const auto& provider : std::filesystem::directory_iterator(data / "docker", error)) {
    TRY_ASSIGN(docker::ProviderSettings settings, docker::remembered_settings(provider.path()));
    TRY_ASSIGN(const int ended, while_doing(docker::clear(std::move(settings)),
                                            "ending what runs at " + provider.path().string()));
    count += ended;
  }
  return count;
}

}  // namespace croft
