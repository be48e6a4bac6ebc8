#include "gateway/receivers/hooks_role.hpp"

#include <csignal>
#include <cstdlib>
#include <utility>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "core/base/log.hpp"
#include "core/base/work.hpp"
#include "gateway/receivers/notifier.hpp"
#include "gateway/receivers/receiver.hpp"

namespace croft {

namespace {

constexpr Duration kStopGrace{5'000};
constexpr int kAccepted = 202;
/// Forges wait for ten seconds. While control is away, what it has to hear is kept here.
constexpr Duration kTaken{3'000};

/// The process's parts; its members end in the reverse order.
class HooksRole {
 public:
  explicit HooksRole(const HooksRoleSettings& settings)
      : notifier_(io_.get_executor(), random_, notifier_settings(settings)),
        receiver_(receiver_settings(settings), clock_,
                  [this](const HookNotice& notice) {
                    notifier_.add(notice);
                    concerned_.push_back(notice);
                  }),
        server_(
            io_.get_executor(), [this](HttpRequest request) { return answer(std::move(request)); },
            receiver_.server_settings()) {
    if (settings.traces) exporter_.emplace(io_.get_executor(), random_, *settings.traces);
  }

  Result<void> run(const HooksRoleSettings& settings) {
    // What a proxy must connect to; who speaks there is proven by what is said.
    TRY(server_.listen_unix(settings.socket, 0666));
    if (!settings.listen.empty()) {
      const std::size_t colon = settings.listen.rfind(':');
      TRY(server_.listen_tcp(settings.listen.substr(0, colon),
                             std::atoi(settings.listen.c_str() + colon + 1)));
    }
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) spawn(io_.get_executor(), stop(), "stop");
    });
    log_info("hooks", "listening",
             {{"socket", settings.socket.string()}, {"address", settings.listen}});
    if (exporter_) exporter_->start();
    io_.run();
    return {};
  }

 private:
  static ReceiverSettings receiver_settings(const HooksRoleSettings& settings) {
    ReceiverSettings receiver;
    receiver.table_file = settings.table_file;
    return receiver;
  }

  static NotifierSettings notifier_settings(const HooksRoleSettings& settings) {
    NotifierSettings notifier;
    notifier.control.path = settings.control_socket.string();
    return notifier;
  }

  Task<HttpResponse> answer(HttpRequest request) {
    Span span = Span::root("delivery", {}, SpanRecord::Kind::Server);
    const auto work = std::make_shared<Work>();
    if (exporter_) work->span = span ? span.context() : unsampled_context();
    HttpResponse response;
    std::vector<HookNotice> concerned;
    {
      const WorkScope scope(work);
      concerned_.clear();
      response = receiver_.handle(request);
      concerned = std::exchange(concerned_, {});
    }
    // Nothing but the hook ever tells of a merge request: who is told "accepted" must not need to
    // say it again, whatever happens here.
    for (const HookNotice& notice : concerned) {
      if (notice.merge_request != 0) co_await notifier_.wait_until_taken(notice, kTaken);
    }
    // What strangers send, or what tells of nothing, is no beginning of anything.
    if (response.status != kAccepted) span.discard();
    co_return response;
  }

  Task<> stop() {
    co_await server_.stop(kStopGrace);
    co_await notifier_.stop();
    if (exporter_) co_await exporter_->stop();
    io_.stop();
  }

  std::vector<HookNotice> concerned_;  ///< by the delivery that is being handled
  SystemClock clock_;
  SystemRandom random_;
  asio::io_context io_{1};
  Notifier notifier_;
  Receiver receiver_;
  HttpServer server_;
  std::optional<TraceExporter> exporter_;
};

}  // namespace

Result<void> run_hooks(HooksRoleSettings settings) { return HooksRole(settings).run(settings); }

}  // namespace croft
