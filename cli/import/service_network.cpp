#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "cli/import/service_reading.hpp"

// Ports, networks, names.

namespace croft::cli {

namespace {

/// As compose's short form writes it: "127.0.0.1:8080:80/udp", "[::1]:8080:80".
std::string port_words(const std::string& address, const std::string& published,
                       const std::string& port) {
  const bool is_any = address.empty() || address == "0.0.0.0" || address == "::";
  const bool is_six = address.find(':') != std::string::npos;
  const std::string place = is_any ? "" : (is_six ? fmt::format("[{}]:", address) : address + ":");
  const std::string number = published == "0" ? "" : published;
  if (number.empty() && place.empty()) return port;
  return fmt::format("{}{}:{}", place, number, port);
}

}  // namespace

void ServiceReading::read_ports() {
  const Value& bindings = host("PortBindings");
  if (!bindings.is_map()) return;
  std::vector<std::string> made;
  for (const Value::Entry& entry : bindings.as_map()) {
    const std::size_t slash = std::min(entry.key.find('/'), entry.key.size());
    const std::string protocol = entry.key.substr(slash);
    if (protocol == "/sctp") {
      note(fmt::format("the port {} is left out", entry.key),
           "ports of a Stack are TCP or UDP: reach it within the Stack's network, or use one of "
           "those");
      continue;
    }
    const bool is_tcp = protocol != "/udp";
    const std::string port = entry.key.substr(0, slash) + (is_tcp ? "" : "/udp");
    int number = 0;
    std::from_chars(entry.key.data(), entry.key.data() + slash, number);
    if (is_tcp && number > 0) made_.ports.push_back(number);
    for (const Value& one : entry.value.is_list() ? entry.value.as_list() : Value::List{}) {
      std::string words = port_words(text_at(one, {"HostIp"}), text_at(one, {"HostPort"}), port);
      // The engine tells IPv4 and IPv6 apart, compose does not.
      if (std::ranges::find(made, words) == made.end()) made.push_back(std::move(words));
    }
  }
  if (!made.empty()) set("ports", to_list(made));
}

void ServiceReading::read_networks() {
  const std::string mode = shared_mode(text_at(container_, {"HostConfig", "NetworkMode"}));
  if (mode == "none" || mode == "host" || mode.starts_with("service:")) {
    set("network_mode", Value(mode));
    if (mode == "host") privileges_.emplace_back("network_mode: host");
    return;
  }
  if (mode.starts_with("container:"))
    note("it shares the network of a container outside of the project",
         "it gets the Stack's network in its place: use names and ports");
  Value networks = Value::map();
  const Value& endpoints = at(container_, {"NetworkSettings", "Networks"});
  if (endpoints.is_map()) {
    for (const Value::Entry& endpoint : endpoints.as_map())
      read_network(endpoint.key, endpoint.value, networks);
  }
  const bool is_default_alone = networks.size() == 1 && networks.find("default") != nullptr &&
                                networks.find("default")->size() == 0;
  if (networks.size() > 0 && !is_default_alone) set("networks", std::move(networks));
}

void ServiceReading::read_network(const std::string& name, const Value& endpoint, Value& networks) {
  const auto key = names_.networks.find(name);
  if (key == names_.networks.end()) {
    note(
        fmt::format("it was in the network '{}', which is not the project's own", name),
        "a Stack has its own networks: reach what is there by its host, or move it into this file");
    return;
  }
  const std::string id = text_at(container_, {"Id"});
  const std::string own_name = text_at(container_, {"Name"});
  Value aliases = Value::list();
  // The engine adds names of its own: the id's beginning and the host name.
  std::vector<std::string> known{made_.name, text_at(container_, {"Config", "Hostname"})};
  for (const std::string& alias : texts_at(endpoint, {"Aliases"})) {
    const bool is_given = id.starts_with(alias) || own_name == "/" + alias;
    if (is_given || std::ranges::find(known, alias) != known.end()) continue;
    known.push_back(alias);
    aliases.push_back(Value(alias));
  }
  Value made = Value::map();
  if (aliases.size() > 0) made.set("aliases", std::move(aliases));
  networks.set(key->second, std::move(made));
  const Value& addresses = at(endpoint, {"IPAMConfig"});
  if (!text_at(addresses, {"IPv4Address"}).empty() || !text_at(addresses, {"IPv6Address"}).empty())
    note(fmt::format("its fixed address in the network '{}' is left out", key->second),
         "services find each other by name");
  if (const auto links = texts_at(endpoint, {"Links"}); !links.empty())
    note(fmt::format("its links in the network '{}' are left out", key->second),
         "services of a Stack know each other by name; other names are `aliases` of the other one");
}

void ServiceReading::read_names() {
  set_texts("extra_hosts", "ExtraHosts");
  set_texts("dns", "Dns");
  set_texts("dns_search", "DnsSearch");
  set_texts("dns_opt", "DnsOptions");
}

}  // namespace croft::cli
