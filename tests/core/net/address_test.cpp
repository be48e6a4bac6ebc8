#include "core/net/address.hpp"

#include <gtest/gtest.h>

namespace croft {
namespace {

TEST(AddressTest, OfThePublicInternetAreThoseThatAnybodyCanReach) {
  for (const char* address :
       {"93.184.215.14", "8.8.8.8", "172.32.0.1", "192.0.1.1", "100.128.0.1", "2606:4700::1111",
        "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_TRUE(is_public_address(address)) << address;
  }
}

TEST(AddressTest, KnowsThoseOfThisMachine) {
  for (const char* address : {"127.0.0.1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_own_address(address)) << address;
  for (const char* address : {"8.8.8.8", "2606:4700::1111", "nonsense"})
    EXPECT_FALSE(is_own_address(address)) << address;
}

TEST(AddressTest, OthersAreNot) {
  for (const char* address : {"127.0.0.1",
                              "127.255.255.254",
                              "0.0.0.0",
                              "10.0.0.1",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "169.254.169.254",
                              "100.64.0.1",
                              "192.0.0.8",
                              "192.0.2.1",
                              "198.18.0.1",
                              "198.51.100.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fe80::1%1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "2001:db8::1",
                              "2001::1",
                              "2002:7f00:1::",
                              "3fff::1",
                              "::ffff:127.0.0.1",
                              "::ffff:a9fe:a9fe",
                              "64:ff9b::7f00:1",
                              "64:ff9b:1::1",
                              "::127.0.0.1",
                              "100::1",
                              "localhost",
                              ""}) {
    EXPECT_FALSE(is_public_address(address)) << address;
  }
}

TEST(AddressTest, AreInNetworks) {
  const std::vector<std::string> networks{"10.1.0.0/16", "fd00::/8", "192.168.7.7", "nonsense"};
  EXPECT_TRUE(is_in_networks("10.1.2.3", networks));
  EXPECT_TRUE(is_in_networks("::ffff:10.1.2.3", networks));
  EXPECT_FALSE(is_in_networks("10.2.0.1", networks));
  EXPECT_TRUE(is_in_networks("fd12::1", networks));
  EXPECT_TRUE(is_in_networks("192.168.7.7", networks));
  EXPECT_FALSE(is_in_networks("192.168.7.8", networks));
  EXPECT_FALSE(is_in_networks("nonsense", networks));
}

TEST(AddressTest, NetworksAreChecked) {
  EXPECT_TRUE(check_network("0.0.0.0/0"));
  EXPECT_TRUE(check_network("::1"));
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "fd00::/129", "host/8", ""})
    EXPECT_FALSE(check_network(bad)) << bad;
}

}  // namespace
}  // namespace croft
