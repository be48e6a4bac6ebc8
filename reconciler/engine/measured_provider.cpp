#include "reconciler/engine/measured_provider.hpp"

#include "core/base/metric_families.hpp"

namespace croft {

namespace {

class MeasuredProvider final : public Provider {
 public:
  MeasuredProvider(std::shared_ptr<Provider> provider, std::string name, std::string adapter)
      : provider_(std::move(provider)), name_(std::move(name)), adapter_(std::move(adapter)) {}

  void retire() override { provider_->retire(); }
  Capabilities capabilities() const override { return provider_->capabilities(); }
  Result<Value> normalize(const Ref& ref, const Value& spec) const override {
    return provider_->normalize(ref, spec);
  }
  std::optional<UpdateManner> how_updated(const Ref& ref, const Value& before, const Value& after,
                                          bool is_anew) const override {
    return provider_->how_updated(ref, before, after, is_anew);
  }
  Task<Result<std::vector<Observed>>> observe() override {
    return timed("observe", provider_->observe());
  }
  Task<Result<void>> create(Effect effect) override {
    return timed("create", provider_->create(std::move(effect)));
  }
  Task<Result<void>> update(Effect effect) override {
    return timed("update", provider_->update(std::move(effect)));
  }
  Task<Result<void>> start(Effect effect) override {
    return timed("start", provider_->start(std::move(effect)));
  }
  Task<Result<void>> stop(Effect effect) override {
    return timed("stop", provider_->stop(std::move(effect)));
  }
  Task<Result<void>> destroy(Effect effect, DataPolicy data) override {
    return timed("destroy", provider_->destroy(std::move(effect), data));
  }
  Task<Result<std::vector<Use>>> use() override { return timed("use", provider_->use()); }
  void on_change(std::function<void(const std::string& uid)> listener) override {
    provider_->on_change(std::move(listener));
  }
  void on_news(std::function<void(ProviderNews)> listener) override {
    provider_->on_news(std::move(listener));
  }
  Task<Result<void>> logs(LogRequest request, LogSink sink) override {
    return counted("logs", provider_->logs(std::move(request), std::move(sink)));
  }
  Task<Result<int>> exec(std::string uid, std::vector<std::string> command,
                         Duration deadline) override {
    return counted("exec", provider_->exec(std::move(uid), std::move(command), deadline));
  }
  Task<Result<std::unique_ptr<ExecSession>>> open_exec(ExecRequest request) override {
    return timed("open_exec", provider_->open_exec(std::move(request)));
  }
  Task<Result<void>> export_volume(std::string uid, std::string volume, ByteSink sink) override {
    return counted("export_volume",
                   provider_->export_volume(std::move(uid), std::move(volume), std::move(sink)));
  }
  Task<Result<void>> import_volume(std::string uid, std::string volume,
                                   ByteSource source) override {
    return counted("import_volume",
                   provider_->import_volume(std::move(uid), std::move(volume), std::move(source)));
  }

 private:
  // The provider may be made anew, and this one go, while a call of it is under way: what a
  // coroutine needs after that is its own.

  template <typename T>
  Task<Result<T>> timed(std::string call, Task<Result<T>> work) {
    return measure(provider_, name_, adapter_, std::move(call), true, std::move(work));
  }
  template <typename T>
  Task<Result<T>> counted(std::string call, Task<Result<T>> work) {
    return measure(provider_, name_, adapter_, std::move(call), false, std::move(work));
  }

  template <typename T>
  static Task<Result<T>> measure([[maybe_unused]] std::shared_ptr<Provider> kept, std::string name,
                                 std::string adapter, std::string call, bool is_timed,
                                 Task<Result<T>> work) {
    const auto begun = std::chrono::steady_clock::now();
    Result<T> done = co_await std::move(work);
    metrics::Registry& registry = metrics::registry();
    const std::string outcome = done ? "ok" : std::string(to_string(done.error().code()));
    const metrics::Labels call_labels{name, adapter, call, outcome};
    registry.counter(metrics::kProviderCalls, call_labels).add();
    if (is_timed) {
      const metrics::Labels time_labels{adapter, call};
      registry.histogram(metrics::kProviderSeconds, time_labels)
          .observe(std::chrono::steady_clock::now() - begun);
    }
    co_return done;
  }

  std::shared_ptr<Provider> provider_;
  std::string name_;
  std::string adapter_;
};

}  // namespace

std::shared_ptr<Provider> measured(std::shared_ptr<Provider> provider, const std::string& name,
                                   const std::string& adapter) {
  return std::make_shared<MeasuredProvider>(std::move(provider), name, adapter);
}

}  // namespace croft
