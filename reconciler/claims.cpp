#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>

#include "reconciler/expand.hpp"
#include "reconciler/fields.hpp"

namespace croft {

namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  while (text.ends_with('.')) text.pop_back();
  return text;
}

/// True for the domain itself and everything below it.
bool covers(std::string_view domain, std::string_view host) {
  if (domain == "*") return true;  // solo mode: the one person is the operator
  if (domain.empty() || !host.ends_with(domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

bool is_own(const HostClaim& claim) { return claim.path.empty() || claim.is_below_domain; }

void add_custom(const Desired& desired, const Value* holder, std::string_view name,
                std::string_view path, std::vector<HostClaim>& claims) {
  const auto hosts = texts_at(holder, name);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    claims.push_back({lower(hosts[i]), desired.ref, fmt::format("{}[{}]", path, i)});
  }
}

/// What a Stack exposes: a name without a dot is one of the tenant's own hosts.
void add_routes(const Desired& desired, const std::string& domain, std::vector<HostClaim>& claims) {
  const Value* routes = desired.spec->find("routes");
  if (routes == nullptr || !routes->is_list()) return;
  for (std::size_t i = 0; i < routes->size(); ++i) {
    const Value& route = routes->as_list()[i];
    const std::string host = lower(route.text_or("host", ""));
    HostClaim claim{.host = host,
                    .ref = desired.ref,
                    .path = fmt::format("spec.routes[{}]", i),
                    .is_below_domain = host.find('.') == std::string::npos,
                    .port = route.integer_or("port", 0)};
    if (claim.is_below_domain)
      claim.host = lower(fmt::format("{}-{}.{}", desired.ref.tenant, host, domain));
    claims.push_back(std::move(claim));
  }
}

class ClaimCheck {
 public:
  ClaimCheck(const std::vector<HostClaim>& taken, const std::vector<std::string>& allowed,
             std::string_view domain)
      : domain_(lower(std::string(domain))) {
    for (const std::string& name : allowed) allowed_.push_back(lower(name));
    for (const HostClaim& claim : taken) holders_.emplace(lower(claim.host), claim);
  }

  std::vector<Problem> run(std::vector<HostClaim> wanted) {
    std::ranges::sort(wanted, {}, [](const HostClaim& claim) {
      return std::tuple(!is_own(claim), claim.ref, claim.path);
    });
    for (const HostClaim& claim : wanted) {
      is_own(claim) ? check_own(claim) : check_custom(claim);
      check_holder(claim);
    }
    std::ranges::stable_sort(
        problems_, {}, [](const Problem& problem) { return std::tie(problem.ref, problem.path); });
    return std::move(problems_);
  }

 private:
  void check_own(const HostClaim& claim) {
    const std::string label = claim.host.substr(0, claim.host.find('.'));
    if (label.size() <= kMaxHostLabel) return;
    add(claim,
        fmt::format("'{}', the first part of its host, has {} characters; DNS allows {}", label,
                    label.size(), kMaxHostLabel),
        "choose a shorter name");
  }

  void check_custom(const HostClaim& claim) {
    if (covers(domain_, claim.host)) {
      add(claim,
          fmt::format("'{}' is below {}, where hosts are TENANT-NAME.{} only", claim.host, domain_,
                      domain_),
          is_derived(claim.ref.kind)
              ? "expose it by a name without a dot"
              : fmt::format("it is reached at {}.{} already", host_label(claim.ref), domain_));
      return;
    }
    const bool is_allowed = std::ranges::any_of(
        allowed_, [&](const std::string& name) { return covers(name, claim.host); });
    if (is_allowed) return;
    add(claim, fmt::format("the operator does not allow the host '{}' for this tenant", claim.host),
        allowed_.empty() ? "ask the operator to allow the domain"
                         : fmt::format("allowed: {}", fmt::join(allowed_, ", ")));
  }

  void check_holder(const HostClaim& claim) {
    const auto [holder, is_free] = holders_.emplace(claim.host, claim);
    const HostClaim& first = holder->second;
    const bool is_itself = first.ref == claim.ref && first.path == claim.path;
    if (is_free || is_itself) return;
    const bool is_known = first.ref.tenant == claim.ref.tenant;
    add(claim,
        is_known ? fmt::format("the host '{}' is claimed by {} already", claim.host,
                               local_name(first.ref))
                 : fmt::format("the host '{}' is claimed by another tenant already", claim.host),
        "");
  }

  void add(const HostClaim& claim, std::string message, std::string hint) {
    problems_.push_back({claim.ref, claim.path.empty() ? "metadata.name" : claim.path,
                         std::move(message), std::move(hint)});
  }

  std::string domain_;
  std::vector<std::string> allowed_;
  std::map<std::string, HostClaim> holders_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<HostClaim> claims_of(const std::map<Ref, Desired>& desired, const std::string& domain) {
  std::vector<HostClaim> claims;
  for (const auto& [ref, wanted] : desired) {
    const Value* http = wanted.spec == nullptr ? nullptr : wanted.spec->find("http");
    if (ref.kind == Kind::Service && wanted.spec != nullptr) add_routes(wanted, domain, claims);
    const bool is_reached =
        ref.kind == Kind::Site || (ref.kind == Kind::Instance && http != nullptr);
    if (!is_reached) continue;
    claims.push_back({lower(host_label(ref) + "." + domain), ref, ""});
    if (ref.kind == Kind::Site)
      add_custom(wanted, wanted.spec.get(), "domains", "spec.domains", claims);
    if (http != nullptr) add_custom(wanted, http, "hosts", "spec.http.hosts", claims);
  }
  return claims;
}

std::vector<Problem> check_claims(const std::vector<HostClaim>& taken,
                                  const std::vector<HostClaim>& wanted,
                                  const std::vector<std::string>& allowed,
                                  std::string_view domain) {
  return ClaimCheck(taken, allowed, domain).run(wanted);
}

void ClaimIndex::replace(const std::string& tenant, const std::vector<HostClaim>& claims) {
  std::vector<std::string>& hosts = hosts_[tenant];
  for (const std::string& host : hosts) {
    const auto found = by_host_.find(host);
    if (found == by_host_.end()) continue;
    std::erase_if(found->second,
                  [&](const HostClaim& claim) { return claim.ref.tenant == tenant; });
    if (found->second.empty()) by_host_.erase(found);
  }
  hosts.clear();
  for (const HostClaim& claim : claims) {
    by_host_[claim.host].push_back(claim);
    hosts.push_back(claim.host);
  }
  if (hosts.empty()) hosts_.erase(tenant);
}

std::vector<HostClaim> ClaimIndex::of_others(const std::string& tenant,
                                             const std::vector<HostClaim>& wanted) const {
  std::vector<HostClaim> taken;
  std::unordered_set<std::string_view> asked;
  for (const HostClaim& claim : wanted) {
    const auto found = by_host_.find(claim.host);
    if (found == by_host_.end() || !asked.insert(claim.host).second) continue;
    for (const HostClaim& other : found->second) {
      if (other.ref.tenant != tenant) taken.push_back(other);
    }
  }
  return taken;
}

}  // namespace croft
