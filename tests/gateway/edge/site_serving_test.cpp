#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gateway/edge/edge_harness.hpp"

namespace croft::edge {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHost = "alice-blog.localhost";

class SiteServingTest : public testing::Test {
 protected:
  void serve(const Files& files) {
    harness_.route_site(std::string(kHost), files);
    harness_.start();
  }
  Answer fetch(std::string_view path, std::string_view fields = "") {
    return harness_.client().ask(get(kHost, path, fields));
  }
  EdgeHarness harness_;
};

TEST_F(SiteServingTest, ServesFilesWithTypeTagAndDate) {
  serve({{"index.html", "<h1>hi"}, {"style.css", "a{}"}, {"data", "x"}, {"LOGO.PNG", "png"}});
  const Answer page = fetch("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "<h1>hi");
  EXPECT_EQ(page.field("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.field("etag").size(), 42u);
  EXPECT_THAT(page.field("date"), HasSubstr(" GMT"));
  EXPECT_EQ(page.field("accept-ranges"), "bytes");
  EXPECT_EQ(page.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(fetch("/style.css").field("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(fetch("/data").field("content-type"), "application/octet-stream");
  EXPECT_EQ(fetch("/LOGO.PNG").field("content-type"), "image/png");
  EXPECT_EQ(fetch("/index.html?a=b").body, "<h1>hi");
}

TEST_F(SiteServingTest, ServesLargeFilesWholeAndInParts) {
  std::string large(3'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  serve({{"big.bin", large}});
  EXPECT_EQ(fetch("/big.bin").body, large);
  const Answer part = fetch("/big.bin", "Range: bytes=1000000-1999999\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, large.substr(1'000'000, 1'000'000));
  EXPECT_EQ(part.field("content-range"), "bytes 1000000-1999999/3000000");
}

TEST_F(SiteServingTest, AnswersConditionalRequests) {
  serve({{"index.html", "hi"}});
  const std::string tag = fetch("/").field("etag");
  for (const std::string& value :
       {tag, "W/" + tag, "\"x\", " + tag, "W/\"y\",\t" + tag, std::string("*")}) {
    const Answer same = fetch("/", "If-None-Match: " + value + "\r\n");
    EXPECT_EQ(same.status, 304) << value;
    EXPECT_EQ(same.field("etag"), tag);
    EXPECT_EQ(same.field("content-length"), "");
  }
  for (const std::string& value :
       {std::string("\"x\""), std::string("nonsense"), tag.substr(1), std::string("\"")}) {
    EXPECT_EQ(fetch("/", "If-None-Match: " + value + "\r\n").status, 200) << value;
  }
}

TEST_F(SiteServingTest, AnswersRanges) {
  serve({{"a.txt", "0123456789"}});
  const std::string tag = fetch("/a.txt").field("etag");
  struct Case {
    std::string fields;
    int status;
    std::string body;
  };
  const Case cases[] = {
      {"Range: bytes=0-0\r\n", 206, "0"},
      {"Range: bytes=3-\r\n", 206, "3456789"},
      {"Range: bytes=-3\r\n", 206, "789"},
      {"Range: bytes=-99\r\n", 206, "0123456789"},
      {"Range: bytes=8-99\r\n", 206, "89"},
      {"Range: bytes=10-\r\n", 416, ""},
      {"Range: bytes=-0\r\n", 416, ""},
      {"Range: bytes=99999999999999999999-\r\n", 416, ""},
      {"Range: bytes=5-3\r\n", 200, "0123456789"},
      {"Range: bytes=0-1,3-4\r\n", 200, "0123456789"},
      {"Range: bytes=x-\r\n", 200, "0123456789"},
      {"Range: bytes=-\r\n", 200, "0123456789"},
      {"Range: lines=1-2\r\n", 200, "0123456789"},
      {"Range: bytes=0-1\r\nIf-Range: " + tag + "\r\n", 206, "01"},
      {"Range: bytes=0-1\r\nIf-Range: W/" + tag + "\r\n", 200, "0123456789"},
      {"Range: bytes=0-1\r\nIf-Range: \"other\"\r\n", 200, "0123456789"},
      {"Range: bytes=0-1\r\nIf-Range: Sat, 01 Jan 2022 00:00:00 GMT\r\n", 200, "0123456789"},
      {"Range: bytes=0-1\r\nIf-None-Match: " + tag + "\r\n", 304, ""},
  };
  for (const Case& one : cases) {
    const Answer answer = fetch("/a.txt", one.fields);
    EXPECT_EQ(answer.status, one.status) << one.fields;
    EXPECT_EQ(answer.body, one.body) << one.fields;
  }
  EXPECT_EQ(fetch("/a.txt", "Range: bytes=10-\r\n").field("content-range"), "bytes */10");
}

TEST_F(SiteServingTest, FindsIndexesDirectoriesAndPagesWithoutExtension) {
  serve({{"index.html", "root"},
         {"docs/index.html", "docs"},
         {"about.html", "about"},
         {"a b/index.html", "space"}});
  EXPECT_EQ(fetch("/docs/").body, "docs");
  EXPECT_EQ(fetch("/docs").status, 301);
  EXPECT_EQ(fetch("/docs").field("location"), "/docs/");
  EXPECT_EQ(fetch("/docs?x=1&y").field("location"), "/docs/?x=1&y");
  EXPECT_EQ(fetch("/a%20b").field("location"), "/a%20b/");
  EXPECT_EQ(fetch("/a%20b/").body, "space");
  EXPECT_EQ(fetch("/about").body, "about");
  EXPECT_EQ(fetch("/about").field("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(fetch("/about/").field("location"), "/about");
  EXPECT_EQ(fetch("/nothing").status, 404);
  EXPECT_EQ(fetch("/docs/nothing/").status, 404);
}

TEST_F(SiteServingTest, ShowsTheSitesOwnPageForWhatIsNotThere) {
  serve({{"index.html", "root"}, {"404.html", "not here"}});
  for (int i = 0; i < 2; ++i) {
    const Answer missing =
        fetch("/x/" + std::to_string(i), "Range: bytes=0-1\r\nIf-None-Match: *\r\n");
    EXPECT_EQ(missing.status, 404);
    EXPECT_EQ(missing.body, "not here");
    EXPECT_EQ(missing.field("etag"), "");
  }
  EXPECT_EQ(fetch("/404.html").status, 200);
}

TEST_F(SiteServingTest, HonoursAnotherIndexAndPage) {
  Release release;
  release.index = "home.htm";
  release.not_found = "errors/gone.html";
  harness_.route(std::string(kHost),
                 EdgeHarness::site(harness_.publish(
                     {{"home.htm", "home"}, {"errors/gone.html", "gone"}}, release)));
  harness_.start();
  EXPECT_EQ(fetch("/").body, "home");
  EXPECT_EQ(fetch("/index.html").body, "gone");
}

TEST_F(SiteServingTest, NoPathReachesOutsideTheRelease) {
  serve({{"index.html", "root"}, {"a/b.txt", "b"}});
  for (const std::string_view path :
       {"/../index.html", "/a/../index.html", "/%2e%2e/index.html", "/a/%2E./b.txt",
        "/./index.html", "/a%2fb.txt", "/a\\b.txt", "/a%5cb.txt", "/index.html%00", "/%00",
        "/a/%0ab", "/%", "/%zz", "/%2", "/index.html#x"}) {
    EXPECT_EQ(fetch(path).status, 400) << path;
  }
  for (const std::string_view path :
       {"//index.html", "/a//b.txt", "/%252e%252e/index.html", "/a/b.txt/", "/%c0%ae%c0%ae/"}) {
    EXPECT_EQ(fetch(path).status, 404) << path;
  }
  EXPECT_EQ(fetch("/%61/%62.txt").body, "b");
}

TEST_F(SiteServingTest, RedirectsNeverLeaveTheSite) {
  serve({{"evil.com/index.html", "x"}});
  EXPECT_EQ(fetch("//evil.com").status, 404);
  EXPECT_EQ(fetch("/evil.com").field("location"), "/evil.com/");
}

TEST_F(SiteServingTest, AnswersHeadWithoutABody) {
  serve({{"index.html", "hello"}, {"404.html", "gone"}, {"big.bin", std::string(200'000, 'x')}});
  RawClient client = harness_.client();
  const auto head = [&](std::string path) {
    return client.ask("HEAD " + path + " HTTP/1.1\r\nHost: alice-blog.localhost\r\n\r\n", true);
  };
  EXPECT_EQ(head("/").field("content-length"), "5");
  EXPECT_EQ(head("/big.bin").field("content-length"), "200000");
  EXPECT_EQ(head("/nothing").status, 404);
  EXPECT_EQ(head("/nothing").field("content-length"), "4");
  EXPECT_EQ(client.ask(get(kHost, "/")).body, "hello") << "the connection is still in step";
}

TEST_F(SiteServingTest, RefusesOtherMethods) {
  serve({{"index.html", "hello"}});
  RawClient client = harness_.client();
  const Answer post =
      client.ask("POST / HTTP/1.1\r\nHost: alice-blog.localhost\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.field("allow"), "GET, HEAD, OPTIONS");
  EXPECT_TRUE(client.is_closed()) << "the body was not read";
  const Answer options =
      harness_.client().ask("OPTIONS * HTTP/1.1\r\nHost: alice-blog.localhost\r\n\r\n");
  EXPECT_EQ(options.status, 204);
}

TEST_F(SiteServingTest, KeepsConnectionsAsTheVersionSays) {
  serve({{"index.html", "hello"}});
  RawClient old = harness_.client();
  EXPECT_EQ(old.ask("GET / HTTP/1.0\r\nHost: alice-blog.localhost\r\n\r\n").field("connection"),
            "close");
  EXPECT_TRUE(old.is_closed());
  RawClient kept = harness_.client();
  const std::string request =
      "GET / HTTP/1.0\r\nHost: alice-blog.localhost\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.ask(request).field("connection"), "keep-alive");
  EXPECT_EQ(kept.ask(request).body, "hello");
  RawClient closing = harness_.client();
  EXPECT_EQ(closing.ask(get(kHost, "/", "Connection: close\r\n")).field("connection"), "close");
  EXPECT_TRUE(closing.is_closed());
}

TEST_F(SiteServingTest, AnswersPipelinedRequestsInOrder) {
  serve({{"a", "first"}, {"b", "second"}, {"big", std::string(500'000, 'x')}});
  RawClient client = harness_.client();
  client.send(get(kHost, "/a") + "\r\n" + get(kHost, "/big") + get(kHost, "/b") +
              get(kHost, "/nothing"));
  EXPECT_EQ(client.receive().body, "first");
  EXPECT_EQ(client.receive().body.size(), 500'000u);
  EXPECT_EQ(client.receive().body, "second");
  EXPECT_EQ(client.receive().status, 404);
}

TEST_F(SiteServingTest, RoutesHostsInEverySpelling) {
  serve({{"index.html", "hello"}});
  for (const std::string_view host : {"ALICE-Blog.LocalHost", "alice-blog.localhost:8080",
                                      "alice-blog.localhost.", "alice-blog.localhost.:80"}) {
    EXPECT_EQ(harness_.client().ask(get(host, "/")).body, "hello") << host;
  }
  EXPECT_EQ(harness_.client()
                .ask("GET http://Alice-Blog.localhost:80/ HTTP/1.1\r\nHost: other\r\n\r\n")
                .body,
            "hello");
  EXPECT_EQ(
      harness_.client().ask("GET http://alice-blog.localhost HTTP/1.1\r\nHost: x\r\n\r\n").body,
      "hello");
}

TEST_F(SiteServingTest, SaysTheSameOfEveryUnknownHost) {
  serve({{"index.html", "hello"}});
  const Answer one = harness_.client().ask(get("bob-shop.localhost", "/"));
  const Answer two = harness_.client().ask(get("nobody.example", "/"));
  EXPECT_EQ(one.status, 404);
  EXPECT_EQ(one.body, two.body);
  EXPECT_THAT(one.body, Not(HasSubstr("alice")));
  EXPECT_EQ(harness_.client().ask("GET / HTTP/1.0\r\n\r\n").status, 404) << "no host at all";
  for (const std::string_view host : {"a b", "a/b", "a:b", "<x>", "[::1", "a@b"}) {
    EXPECT_EQ(harness_.client().ask(get(host, "/")).status, 400) << host;
  }
}

TEST_F(SiteServingTest, AReleaseThatIsGoneIsAPageAndNotAHang) {
  harness_.route(std::string(kHost), EdgeHarness::site(std::string(40, 'a')));
  harness_.start();
  const Answer answer = fetch("/");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("alice/Site/blog"));
}

TEST_F(SiteServingTest, SwitchesReleasesBetweenTwoRequests) {
  serve({{"index.html", "one"}});
  RawClient client = harness_.client();
  EXPECT_EQ(client.ask(get(kHost, "/")).body, "one");
  harness_.route_site(std::string(kHost), {{"index.html", "two"}});
  EXPECT_EQ(client.ask(get(kHost, "/")).body, "two") << "on the same connection";
}

TEST_F(SiteServingTest, ServesMoreThanTheCacheHolds) {
  Files files;
  for (int i = 0; i < 60; ++i)
    files.emplace_back(std::to_string(i), std::string(10'000, static_cast<char>('a' + i % 26)));
  harness_.settings.limits.cache_bytes = 64 * 1024;
  serve(files);
  RawClient client = harness_.client();
  for (int round = 0; round < 3; ++round) {
    for (const auto& [path, content] : files)
      EXPECT_EQ(client.ask(get(kHost, "/" + path)).body, content);
  }
}

TEST_F(SiteServingTest, ManyThreadsServeTheSame) {
  harness_.settings.threads = 3;
  serve({{"index.html", "hello"}});
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      RawClient client = harness_.client();
      for (int i = 0; i < 50; ++i) good += client.ask(get(kHost, "/")).body == "hello";
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 300);
  EXPECT_EQ(harness_.edge().counters().connections, 6u);
}

TEST_F(SiteServingTest, WritesAccessLinesWithoutQueries) {
  harness_.settings.access_log = harness_.directory.path() / "access.log";
  serve({{"index.html", "hello"}});
  (void)fetch("/?token=secret");
  harness_.stop();
  const std::string log = read_file(harness_.settings.access_log, 1 << 20).value();
  EXPECT_THAT(log, HasSubstr("\"path\":\"/\""));
  EXPECT_THAT(log, HasSubstr("\"status\":200"));
  EXPECT_THAT(log, HasSubstr("\"ref\":\"alice/Site/blog\""));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace croft::edge
