#include <algorithm>

#include <fmt/format.h>

#include "core/manifest/compose/service_reader.hpp"
#include "core/manifest/compose/words.hpp"

// Networks and ports of a service.

namespace croft::manifest::compose {

void ServiceReader::read_network() {
  const Entry* mode = entry("network_mode");
  const Entry* networks = entry("networks");
  if (mode != nullptr && networks != nullptr && !networks->value.entries.empty()) {
    error(mode->spot, fmt::format("{} cannot stand beside 'networks'", subject("network_mode")),
          "write one of them");
  } else if (mode != nullptr) {
    read_network_mode(*mode);
  } else if (networks != nullptr && !networks->value.entries.empty()) {
    read_networks(*networks);
  } else {
    made_.networks.push_back({"default", made_.draft.spot});
    made_.draft.append("networks", Value::map({{"name", Value("default")}}), made_.draft.spot);
  }
  read_ports();
  read_names();
  const auto other = text(item_, "pid");
  if (other && other->starts_with("service:"))
    made_.depends_on.push_back({other->substr(8), "started", true, entry("pid")->value.spot});
}

void ServiceReader::read_network_mode(const Entry& mode) {
  const std::string how = mode.value.text;
  const bool is_service = how.starts_with("service:") && how.size() > 8;
  if (how == "none" || how == "host" || is_service) {
    made_.draft.set("networkMode", Value(how), mode.value.spot);
    if (is_service) made_.depends_on.push_back({how.substr(8), "started", true, mode.value.spot});
    return;
  }
  error(mode.value.spot,
        fmt::format("{} '{}' is not supported", subject("network_mode"), shortened(how)),
        how == "bridge" || how == "default"
            ? "remove it: the services of a Stack share a network of their own"
            : "there are none, host and service:NAME");
}

void ServiceReader::read_networks(const Entry& networks) {
  for (const Entry& one : networks.value.entries) {
    made_.networks.push_back({one.key, one.spot});
    Value made = Value::map({{"name", Value(one.key)}});
    if (const Entry* aliases = entry(one.value, "aliases")) {
      Value names = Value::list();
      for (const Item& alias : aliases->value.items) {
        if (alias.is_scalar()) names.push_back(Value(alias.text));
      }
      made.set("aliases", std::move(names));
    }
    made_.draft.append("networks", std::move(made), one.spot);
  }
}

void ServiceReader::read_ports() {
  if (const Entry* ports = entry("ports")) {
    for (const Item& port : ports->value.items) {
      if (port.is_map()) read_port(port);
    }
  }
  const Entry* exposed = entry("expose");
  if (exposed == nullptr) return;
  for (const Item& item : exposed->value.items) {
    const std::string written = canonical_text(item);
    const std::string_view number = std::string_view(written).substr(0, written.find('/'));
    if (!parse_port_range(number))
      error(item.spot, fmt::format("{}: '{}' is no port", subject("expose"), shortened(written)));
  }
}

void ServiceReader::read_port(const Item& port) {
  const auto refuse = [&](std::string_view key, std::string message, std::string hint) {
    const Entry* place = entry(port, key);
    error(place == nullptr ? port.spot : place->value.spot,
          fmt::format("{}.{} {}", subject("ports"), key, message), std::move(hint));
  };
  const auto target = integer(port, "target");
  if (!target) {
    if (entry(port, "target") == nullptr)
      refuse("target", "is missing", "it is the port in the container");
    return;
  }
  if (*target < 1 || *target > 65535)
    return refuse("target", fmt::format("must be from 1 to 65535, got {}", *target), "");
  Value made = Value::map({{"port", Value(*target)}});
  if (const auto published = text(port, "published");
      published && !published->empty() && *published != "0") {
    const auto range = parse_port_range(*published);
    if (!range || range->first < 1)
      return refuse("published", fmt::format("must be a port, got '{}'", shortened(*published)),
                    "");
    if (range->first != range->second)
      return refuse("published", fmt::format("'{}' is a range", shortened(*published)),
                    "give the port that it is published at");
    made.set("published", Value(range->first));
  }
  const std::string protocol = text(port, "protocol").value_or("tcp");
  if (protocol != "tcp" && protocol != "udp")
    return refuse("protocol", fmt::format("'{}' is not supported", shortened(protocol)),
                  "there are tcp and udp");
  const std::string mode = text(port, "mode").value_or("host");
  if (mode != "host" && mode != "ingress")
    return refuse("mode", fmt::format("must be host or ingress, got '{}'", shortened(mode)), "");
  made.set("protocol", Value(protocol));
  if (const auto address = text(port, "host_ip"); address && !address->empty())
    made.set("address", Value(*address));
  made_.draft.append("hostPorts", std::move(made), port.spot);
}

void ServiceReader::read_names() {
  copy_texts("dns", "dns");
  copy_texts("dns_search", "dnsSearch");
  copy_texts("dns_opt", "dnsOptions");
  const Entry* hosts = entry("extra_hosts");
  if (hosts == nullptr) return;
  for (const Item& item : hosts->value.items) {
    const std::size_t equals = item.text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.text.size()) {
      error(item.spot, fmt::format("{}: '{}' is no NAME:ADDRESS", subject("extra_hosts"),
                                   shortened(item.text)));
      continue;
    }
    made_.draft.append("extraHosts", Value(item.text), item.spot);
  }
}

}  // namespace croft::manifest::compose
