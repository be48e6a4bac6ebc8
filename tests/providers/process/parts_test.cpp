// The pure parts: settings, cgroup files, resolvers, firewall, slots, checkouts, endpoints, the
// protocol's lines.
#include <filesystem>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "providers/local/checkout.hpp"
#include "providers/local/machine_facts.hpp"
#include "providers/port/endpoint.hpp"
#include "providers/process/cgroup.hpp"
#include "providers/process/firewall.hpp"
#include "providers/process/machine.hpp"
#include "providers/process/record.hpp"
#include "providers/process/settings.hpp"
#include "providers/process/shim/wire.hpp"
#include "providers/process/slots.hpp"
#include "providers/process/storage.hpp"

namespace croft {
namespace {

TEST(ProcessSettingsTest, ReadsTextsAndRefusesUnknownNames) {
  const Value value = Value::map({{"isolation", "none"},
                                  {"logSize", "2MiB"},
                                  {"backoffFirst", "3s"},
                                  {"egressAllow", "10.1.0.0/16, fd00::/8"}});
  const Result<ProcessSettings> settings = parse_process_settings(value, "/data");
  ASSERT_TRUE(settings) << settings.error().describe();
  EXPECT_EQ(settings->isolation, ProcessSettings::Isolation::None);
  EXPECT_EQ(settings->log_size.count, 2 << 20);
  EXPECT_EQ(settings->backoff_first, Duration(3000));
  EXPECT_EQ(settings->egress_allow, (std::vector<std::string>{"10.1.0.0/16", "fd00::/8"}));
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"isolatoin", "none"}, {"isolation", "some"}, {"firstUid", "0"}, {"logFiles", "many"}}) {
    EXPECT_FALSE(parse_process_settings(Value::map({{name, text}}), "/data")) << name;
  }
  EXPECT_EQ(host_uid(*settings, 5), 200'005);
}

// What `croft down` meets: it does not know under which cgroupParent an app was put.
TEST(CgroupTest, RemovesWhereTheAppWasPutWhereverThatIs) {
  const auto name = [](const char* what) { return fmt::format("test-{}-{}", what, ::getpid()); };
  const Cgroups there = Cgroups::detect(name("there"), "");
  const Cgroups here = Cgroups::detect(name("here"), "");
  if (!there.missing().empty()) GTEST_SKIP() << "no cgroups: " << there.missing().front().why;
  const Result<AppCgroup> made = there.prepare("app", {});
  ASSERT_TRUE(made) << made.error().describe();
  ASSERT_FALSE(made->directories.empty());
  std::vector<std::string> elsewhere;
  for (const auto& directory : made->directories) elsewhere.push_back(directory.string());
  ASSERT_TRUE(here.remove("app", elsewhere));
  for (const auto& directory : made->directories) {
    EXPECT_FALSE(std::filesystem::exists(directory)) << directory;
    EXPECT_FALSE(std::filesystem::exists(directory.parent_path())) << "empty now";
  }
  there.tidy();
  here.tidy();
}

TEST(ResolverTest, LeavesOutWhatListensOnLoopback) {
  EXPECT_EQ(read_resolvers("# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver "
                           "::1\nnameserver 2001:db8::1\noptions edns0\n"),
            (std::vector<std::string>{"192.0.2.1", "2001:db8::1"}));
}

FirewallInput example() {
  return {.table = "croft_test",
          .interface_prefix = "crtest-",
          .ipv4_pool = "10.213.0.0/16",
          .ipv6_pool = "fd00:1::/64",
          .resolvers = {"10.0.0.53", "2001:db8::53"},
          .allow = {"10.1.0.0/16"},
          .deny = {"198.51.100.0/24"}};
}

TEST(FirewallTest, ResolversAndTheOperatorsNetworksComeBeforeWhatIsClosed) {
  const std::string script = firewall_script(example());
  const std::size_t dns = script.find("ip daddr { 10.0.0.53 } udp dport 53 accept");
  const std::size_t allow = script.find("ip daddr { 10.1.0.0/16 } accept");
  const std::size_t closed = script.find("10.0.0.0/8");
  ASSERT_NE(dns, std::string::npos) << script;
  ASSERT_NE(allow, std::string::npos) << script;
  EXPECT_LT(dns, closed);
  EXPECT_LT(allow, closed);
  for (const char* network : {"169.254.0.0/16", "fe80::/10", "100.64.0.0/10", "172.16.0.0/12",
                              "192.168.0.0/16", "fc00::/7", "64:ff9b::/16"}) {
    EXPECT_NE(script.find(network), std::string::npos) << network;
  }
}

TEST(FirewallTest, KernelTakesTheScript) {
  const Result<ChildOutput> checked = run_child({.arguments = {"nft", "-c", "-f", "-"},
                                                 .input = firewall_script(example()),
                                                 .deadline = Duration(10'000)});
  if (!checked || checked->error.find("Operation not permitted") != std::string::npos)
    GTEST_SKIP() << "nft cannot be run here";
  EXPECT_EQ(checked->status, 0) << checked->error;
  FirewallInput bare = example();
  bare.resolvers = bare.allow = bare.deny = {};
  const Result<ChildOutput> without = run_child({.arguments = {"nft", "-c", "-f", "-"},
                                                 .input = firewall_script(bare),
                                                 .deadline = Duration(10'000)});
  EXPECT_EQ(without->status, 0) << without->error;
}

TEST(FirewallTest, SlotsHaveAddressesOfTheirOwn) {
  const Result<SlotAddresses> first = slot_addresses("10.213.0.0/16", 0);
  const Result<SlotAddresses> later = slot_addresses("10.213.7.9/16", 300);
  ASSERT_TRUE(first && later);
  EXPECT_EQ(first->host, "10.213.0.1");
  EXPECT_EQ(first->app, "10.213.0.2");
  EXPECT_EQ(later->host, "10.213.4.177");
  EXPECT_EQ(slot_addresses("fd00:1::/64", 1)->app, "fd00:1::6");
  EXPECT_FALSE(slot_addresses("10.213.0.0/30", 1));
  EXPECT_FALSE(slot_addresses("nonsense", 0));
  EXPECT_EQ(slots_of_pool("10.213.0.0/24"), 64);
  EXPECT_EQ(slots_of_pool("10.213.0.0/31"), 0);
}

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest()
      : directory_(std::move(*TemporaryDirectory::make("croft-parts-"))),
        layout_{directory_.path()} {
    for (const auto& path : {layout_.apps(), layout_.slots(), layout_.files()})
      (void)make_directory(path, 0700);
  }
  TemporaryDirectory directory_;
  ProcessLayout layout_;
};

TEST_F(DirectoryTest, SlotsAreHeldByOneAppAndFreeWhenItIsGone) {
  (void)make_directory(layout_.app("a"), 0700);
  (void)make_directory(layout_.app("b"), 0700);
  EXPECT_EQ(*take_slot(layout_, "network", "a", 2), 0);
  EXPECT_EQ(*take_slot(layout_, "network", "a", 2), 0);
  EXPECT_EQ(*take_slot(layout_, "network", "b", 2), 1);
  EXPECT_FALSE(take_slot(layout_, "network", "c", 2));
  EXPECT_EQ(*take_slot(layout_, "port", "b", 2), 0);
  (void)remove_tree(layout_.app("a"));
  (void)make_directory(layout_.app("c"), 0700);
  EXPECT_EQ(*take_slot(layout_, "network", "c", 2), 0);
  release_slots(layout_, "network", "b");
  EXPECT_EQ(*take_slot(layout_, "network", "d", 2), 1);
}

TEST_F(DirectoryTest, CheckoutIsWrittenOnceSharedAndSwept) {
  Checkouts checkouts(layout_.files());
  const auto tree = make_memory_tree({{"app.py", "print(1)"}, {"static/a/b.txt", "b"}});
  ASSERT_TRUE(checkouts.materialize(*tree));
  ASSERT_TRUE(checkouts.materialize(*tree));
  EXPECT_EQ(*read_file(layout_.tree(tree->id()) / "static/a/b.txt", 100), "b");
  (void)make_directory(layout_.files() / ".new-0123-Xyz123", 0700);
  checkouts.sweep({tree->id()});
  EXPECT_TRUE(std::filesystem::exists(layout_.tree(tree->id())));
  EXPECT_FALSE(std::filesystem::exists(layout_.files() / ".new-0123-Xyz123"));
  {
    const Checkouts::Pin pin(checkouts, tree->id());
    checkouts.sweep({});
    EXPECT_TRUE(std::filesystem::exists(layout_.tree(tree->id())));
  }
  // Made for a container that is not there yet, or taken up again for one.
  const auto make_old = [&] {
    std::filesystem::last_write_time(
        layout_.tree(tree->id()),
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  };
  make_old();
  ASSERT_TRUE(checkouts.materialize(*tree));
  checkouts.sweep({}, std::chrono::minutes(15));
  EXPECT_TRUE(std::filesystem::exists(layout_.tree(tree->id())));
  make_old();
  checkouts.sweep({}, std::chrono::minutes(15));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.files()));
  ASSERT_TRUE(checkouts.materialize(*tree));
  checkouts.sweep({});
  EXPECT_TRUE(std::filesystem::is_empty(layout_.files()));
}

TEST(CheckoutTest, LinksMayNotLeadOut) {
  EXPECT_TRUE(is_inner_link("a/b", "c"));
  EXPECT_TRUE(is_inner_link("a/b", "../c"));
  EXPECT_FALSE(is_inner_link("a/b", "../../c"));
  EXPECT_FALSE(is_inner_link("a", "/etc/passwd"));
  EXPECT_FALSE(is_inner_link("a", "b/../../c"));
  EXPECT_FALSE(is_inner_link("a", ""));
}

TEST_F(DirectoryTest, MeasuresWhatFilesTakeAndNotWhatLinksPointTo) {
  const auto volume = layout_.volume("a", "data");
  (void)make_directory(volume, 0700);
  (void)write_file_atomic(volume / "file", std::string(3 << 20, 'x'), 0600);
  std::filesystem::create_symlink("/usr", volume / "link");
  std::filesystem::create_hard_link(volume / "file", volume / "same");
  const std::uint64_t used = measure_directory(volume);
  EXPECT_GE(used, 3U << 20);
  EXPECT_LT(used, 4U << 20);
  const auto spec = [](std::int64_t size) {
    return Value::map(
        {{"volumes", Value(Value::List{
                         Value::map({{"name", "data"}, {"path", "/d"}, {"size", Value(size)}})})}});
  };
  EXPECT_EQ(look_at_storage(layout_, "a", spec(1 << 20)).excess,
            "volume 'data' holds 3 MiB of 1MiB");
  EXPECT_EQ(look_at_storage(layout_, "a", spec(8 << 20)).excess, "");
}

TEST(WireTest, AnyTextTravelsInALine) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string text =
      shim::format_line(shim::Line("verb").add("a", all).add("b", "").add("a", 7));
  ASSERT_EQ(text.find('\n'), text.size() - 1);
  const auto line = shim::parse_line(std::string_view(text).substr(0, text.size() - 1));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->all("a"), (std::vector<std::string>{all, "7"}));
  EXPECT_EQ(line->text("b", "none"), "");
  EXPECT_EQ(line->number("a"), 7);
  EXPECT_EQ(line->number("missing", -3), -3);
  for (const char* bad : {"", "   ", "verb field", "verb a=%", "verb a=%4", "verb a=%zz"}) {
    EXPECT_FALSE(shim::parse_line(bad)) << bad;
  }
}

TEST(EndpointTest, ReadsBackWhatItPrints) {
  for (const char* text :
       {"unix:/run/x.sock", "shim:/data/u.sock", "tcp:localhost:80", "tcp:[::1]:80", "release:abc",
        "https://x.example.com", "https://x.example.com:8443", ""}) {
    const Result<Endpoint> endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(to_string(*endpoint), text);
  }
  for (const char* text : {"http://x", "unix:", ":x", "nonsense", "https:x", "https://",
                           "https://x/y", "https://a@x", "https://x\r\ny", "https://x y"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(RecordTest, ReadsBackWhatItWrote) {
  AppRecord record{.uid = "u",
                   .ref = {.tenant = "alice", .kind = Kind::Instance, .name = "api"},
                   .intent = "i",
                   .digest = "d"};
  record.tenant = {.uid = "t", .name = "alice", .number = 3};
  record.spec = std::make_shared<const Value>(Value::map({{"command", Value(Value::List{"x"})}}));
  record.is_wanted = false;
  record.network_slot = 4;
  record.port = 80;
  const Result<AppRecord> read = read_record(write_record(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(write_record(*read), write_record(record));
  EXPECT_FALSE(read_record("{}"));
  EXPECT_FALSE(read_record("{"));
}

}  // namespace
}  // namespace croft
