#include "plans/admission/walls.hpp"

#include <gtest/gtest.h>

namespace croft::plans {
namespace {

Value list(std::initializer_list<Value> items) { return Value(Value::List(items)); }

/// A loosening of the core, the spec that needs it, and what the refusal names.
struct Rule {
  std::string word;  ///< of containers.allow
  Value spec;
  std::string path;
  std::string asked;
};
void PrintTo(const Rule& rule, std::ostream* out) { *out << rule.word << " " << rule.path; }

class WallsTest : public testing::TestWithParam<Rule> {
 protected:
  const Ref ref_{"alice", Kind::Service, "shop.web"};
};

TEST_P(WallsTest, IsRefusedUnlessItIsAllowed) {
  const Rule& rule = GetParam();
  const auto refused = check_walls({}, "plan 'hobby'", ref_, rule.spec);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].path, rule.path);
  EXPECT_EQ(refused[0].message,
            "service 'web' asks for " + rule.asked + ", which plan 'hobby' does not allow");
  Loosening allowed;
  allowed.allow.insert(rule.word);
  EXPECT_TRUE(check_walls(allowed, "plan 'hobby'", ref_, rule.spec).empty());
}

TEST_P(WallsTest, AllowingAnythingElseDoesNotHelp) {
  const Rule& rule = GetParam();
  Loosening others;
  for (const char* word : {"privileged", "hostNetwork", "hostNamespaces", "hostPorts", "hostMounts",
                           "devices", "runtimes", "securityOptions", "ulimits"}) {
    if (word != rule.word) others.allow.insert(word);
  }
  EXPECT_EQ(check_walls(others, "plan 'hobby'", ref_, rule.spec).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Each, WallsTest,
    testing::Values(
        Rule{"privileged", Value::map({{"privileged", true}}), "spec.privileged", "'privileged'"},
        Rule{"hostNetwork", Value::map({{"networkMode", "host"}}), "spec.networkMode",
             "the host's network"},
        Rule{"hostNamespaces", Value::map({{"pid", "host"}}), "spec.pid",
             "the host's pid namespace"},
        Rule{"hostNamespaces", Value::map({{"ipc", "host"}}), "spec.ipc",
             "the host's ipc namespace"},
        Rule{"hostNamespaces", Value::map({{"uts", "host"}}), "spec.uts",
             "the host's uts namespace"},
        Rule{"hostNamespaces", Value::map({{"userns", "host"}}), "spec.userns",
             "the host's userns namespace"},
        Rule{"hostNamespaces", Value::map({{"cgroupns", "host"}}), "spec.cgroupns",
             "the host's cgroup namespace"},
        Rule{"devices", Value::map({{"devices", list({Value::map({{"host", "/dev/kvm"}})})}}),
             "spec.devices[0]", "device '/dev/kvm'"},
        Rule{"hostMounts", Value::map({{"hostMounts", list({Value::map({{"source", "/etc"}})})}}),
             "spec.hostMounts[0]", "'/etc' of the host"},
        Rule{"hostMounts",
             Value::map({{"hostMounts", list({Value::map({{"source", "/var/run/docker.sock"}})})}}),
             "spec.hostMounts[0]", "the container engine's socket '/var/run/docker.sock'"},
        Rule{"runtimes", Value::map({{"runtime", "runsc"}}), "spec.runtime", "the runtime 'runsc'"},
        Rule{"hostPorts",
             Value::map({{"hostPorts", list({Value::map({{"published", 80}, {"port", 8080}})})}}),
             "spec.hostPorts[0]", "port 80 of the host"},
        Rule{"securityOptions", Value::map({{"securityOptions", list({"seccomp=unconfined"})}}),
             "spec.securityOptions[0]", "security option 'seccomp=unconfined'"},
        Rule{"ulimits",
             Value::map({{"ulimits", Value::map({{"nofile", Value::map()},
                                                 {"rtprio", Value::map({{"soft", 99}})}})}}),
             "spec.ulimits.rtprio", "the limit 'rtprio'"}));

TEST(NamespacesTest, NobodyElsesMayBeNamedWhateverIsAllowed) {
  const Ref ref{"alice", Kind::Service, "shop.web"};
  Loosening all;
  for (const char* word : {"privileged", "hostNetwork", "hostNamespaces"}) all.allow.insert(word);
  for (const char* field : {"pid", "ipc", "uts", "userns", "cgroupns"}) {
    for (const char* value : {"container:3f", "ns:/proc/1/ns/pid", "path:/proc/1/ns/ipc", "Host",
                              " host", "keep-id", "service:", "auto"}) {
      const auto refused = check_walls(all, "plan 'hobby'", ref, Value::map({{field, value}}));
      ASSERT_EQ(refused.size(), 1U) << field << " " << value;
      EXPECT_EQ(refused[0].path, std::string("spec.") + field);
    }
  }
  EXPECT_TRUE(check_walls({}, "", ref, Value::map({{"pid", "service:db"}})).empty());
  EXPECT_EQ(check_walls({}, "", ref, Value::map({{"ipc", "service:db"}})).size(), 1U);
  EXPECT_TRUE(check_walls({}, "", ref, Value::map({{"ipc", "private"}})).empty());
}

TEST(CapabilitiesTest, AreTheSameInEverySpelling) {
  const Ref ref{"alice", Kind::Service, "shop.web"};
  EXPECT_TRUE(
      check_walls({}, "", ref, Value::map({{"capAdd", list({"CAP_CHOWN", "kill"})}})).empty());
  const Value plan =
      Value::map({{"containers", Value::map({{"capabilities", list({"CAP_NET_RAW"})}})}});
  const Loosening allowed = loosening_of(&plan, nullptr);
  EXPECT_TRUE(check_walls(allowed, "", ref, Value::map({{"capAdd", list({"net_raw"})}})).empty());
  EXPECT_EQ(check_walls({}, "", ref, Value::map({{"capAdd", list({"cap_net_raw"})}})).size(), 1U);
}

TEST(CapabilitiesTest, OrdinaryOnesMayBeAddedAndOthersOnlyByName) {
  const Ref ref{"alice", Kind::Service, "shop.web"};
  const Value spec = Value::map({{"capAdd", list({"CHOWN", "SYS_ADMIN"})}});
  const auto refused = check_walls({}, "plan 'hobby'", ref, spec);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].path, "spec.capAdd[1]");
  EXPECT_TRUE(check_walls({.capabilities = {"SYS_ADMIN"}}, "", ref, spec).empty());
}

TEST(CapabilitiesTest, AllOfThemIsNotOrdinary) {
  const Ref ref{"alice", Kind::Service, "shop.web"};
  EXPECT_EQ(check_walls({}, "", ref, Value::map({{"capAdd", list({"ALL"})}})).size(), 1U);
}

TEST(WallsOfAServiceTest, WhatTightensIsNeverRefused) {
  const Ref ref{"alice", Kind::Service, "shop.web"};
  const Value spec = Value::map({{"securityOptions", list({"no-new-privileges:true"})},
                                 {"capDrop", list({"ALL"})},
                                 {"networkMode", "none"},
                                 {"readOnly", true}});
  EXPECT_TRUE(check_walls({}, "", ref, spec).empty());
}

TEST(LooseningTest, PlanAndTenantAddUp) {
  const Value plan = Value::map({{"containers", Value::map({{"allow", list({"hostPorts"})}})}});
  const Value tenant = Value::map(
      {{"containers",
        Value::map({{"allow", list({"devices"})}, {"capabilities", list({"NET_RAW"})}})}});
  const Loosening loosening = loosening_of(&plan, &tenant);
  EXPECT_EQ(loosening.allow, (std::set<std::string>{"devices", "hostPorts"}));
  EXPECT_EQ(loosening.capabilities, std::set<std::string>{"NET_RAW"});
  EXPECT_EQ(loosening_of(nullptr, nullptr), Loosening{});
}

}  // namespace
}  // namespace croft::plans
