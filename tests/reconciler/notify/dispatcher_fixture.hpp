#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/net/server.hpp"
#include "core/store/open.hpp"
#include "reconciler/notify/dispatcher.hpp"

namespace croft::notify {

/// What an endpoint got.
struct Received {
  HttpHeaders headers;
  std::string body;
  Value event;  ///< the body, if it is JSON
  std::string subject() const { return event.text_or("subject", ""); }
};

/// A dispatcher on a real store, with real endpoints on loopback. Everything is on one loop that
/// runs while a test waits for something.
class DispatcherTest : public testing::Test {
 protected:
  using Answer = std::function<Task<HttpResponse>(HttpRequest request)>;

  DispatcherTest();
  ~DispatcherTest() override;

  /// An endpoint: what comes to "/NAME" is kept in `received`, and answered so; 204 without.
  std::string serve(const std::string& name, Answer answer = {});
  static Answer always(int status, HttpHeaders headers = {}, std::string body = {});

  /// A Webhook of alice's that may be on this machine.
  static WebhookDeclaration webhook(const std::string& name, std::string url);
  void declare(std::vector<WebhookDeclaration> webhooks, std::vector<std::string> unread = {});
  /// A process that ends here, and another that begins.
  void restart();

  /// Puts a notification of that type into the outbox, and tells.
  void tell(const std::string& subject, const std::string& type = "croft.resource.ready",
            const std::string& tenant = "alice");

  /// Lets everything run until it is so, or for `at_most`.
  bool runs_until(const std::function<bool()>& is_so, Duration at_most = Duration(20'000));
  void expect_received(const std::string& name, std::size_t count);
  std::vector<std::string> subjects(const std::string& name) const;
  template <typename T>
  T run(Task<T> task);
  WebhookStatus status(const std::string& name) const;
  std::vector<DeliveryRow> deliveries(const std::string& name);
  std::string key_of(const std::string& name);

  static Ref ref(const std::string& name) { return {"alice", Kind::Webhook, name}; }

  asio::io_context io_;
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-notify-").value();
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<Store> store_;
  std::map<std::string, Answer> answers_;
  std::map<std::string, std::vector<Received>> received_;
  HttpServer server_;
  int port_ = 0;
  DispatcherSettings settings_;
  SenderSettings sender_;
  std::optional<Mailing> mail_;  ///< from the next restart() on
  std::map<std::string, std::string> secrets_;
  WebhookSet declared_;
  std::unique_ptr<Dispatcher> dispatcher_;

 private:
  void begin();
  Task<HttpResponse> answer(HttpRequest request);
};

template <typename T>
T DispatcherTest::run(Task<T> task) {
  std::optional<T> output;
  asio::co_spawn(io_, std::move(task), [&output](std::exception_ptr thrown, T value) {
    if (!thrown) output.emplace(std::move(value));
  });
  EXPECT_TRUE(runs_until([&output] { return output.has_value(); }));
  return std::move(output.value());
}

}  // namespace croft::notify
