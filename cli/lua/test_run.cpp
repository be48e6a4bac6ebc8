#include "cli/lua/test_run.hpp"

#include <algorithm>
#include <map>
#include <regex>

#include <fmt/format.h>

#include "cli/lua/adapter_bench.hpp"
#include "cli/lua/rule_bench.hpp"
#include "core/base/embedded.hpp"
#include "core/base/files.hpp"
#include "lua/engine/coverage.hpp"
#include "lua/testing/listing.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_test_module();  // made by croft_embed()
}

namespace croft::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestScript = 1 << 20;

/// What answers for a test file itself: nobody.
class NoServer final : public lua::AdapterHttp {
 public:
  Task<Result<HttpResponse>> send(lua::AdapterRequest) override {
    co_return fail(ErrorCode::Unavailable, "a test has no server of its own: use t.server");
  }
};

/// One test and all that it needs; made anew for each.
class Stage {
 public:
  static Result<std::unique_ptr<Stage>> make(const ScriptUnderTest& script, const lua::Script& test,
                                             const std::shared_ptr<lua::Coverage>& coverage) {
    auto stage = std::make_unique<Stage>();
    const asio::any_io_executor executor = stage->io_.get_executor();
    if (script.is_adapter()) {
      TRY_ASSIGN(stage->adapter_, AdapterBench::make(executor, script, coverage));
    } else {
      TRY_ASSIGN(stage->rule_, make_rule_bench(script, coverage));
      TRY(stage->rule_->check());
    }
    lua::HostServices services = stage->services();
    TRY_ASSIGN(services.files, compile_files(script.support));
    TRY_ASSIGN(stage->tests_, lua::AdapterHost::make(executor, test, std::move(services)));
    return stage;
  }

  /// The names of the tests in the order of the file; Invalid if it has anything else.
  Result<std::vector<std::string>> names(const std::string& file) const {
    if (tests_->description().size() > 0) {
      return fail(ErrorCode::Invalid,
                  fmt::format("{}: '{}' is no function: a file of tests returns named functions",
                              file, tests_->description().as_map()[0].key));
    }
    std::vector<std::string> names = tests_->functions();
    std::ranges::stable_sort(names, {},
                             [&](const auto& name) { return tests_->place_of(name).line; });
    return names;
  }

  /// The failure's text, or nothing.
  std::optional<std::string> run(const std::string& name) {
    lua::AdapterCall call;
    call.function = name;
    call.by_extension = true;
    spawn(io_.get_executor(), run_one(std::move(call)), "a test of a script");
    io_.run();
    if (adapter_) adapter_->close();
    tests_->cancel();
    io_.restart();
    io_.run();
    if (*outcome_) return std::nullopt;
    return outcome_->error().message();
  }

  const lua::AdapterHost* adapter() const { return adapter_ ? &adapter_->host() : nullptr; }

 private:
  lua::HostServices services() {
    auto extension = std::make_shared<lua::HostExtension>();
    extension->name = "t";
    extension->source = embedded_test_module().front().text;
    extension->ask = [this](std::string what, Value value) {
      return ask(std::move(what), std::move(value));
    };
    lua::HostServices services;
    services.name = "tests";
    services.http = std::make_shared<NoServer>();
    services.clock = adapter_ ? &adapter_->clock() : &clock_;
    services.sleep = [](Duration) -> Task<> { co_return; };
    services.extension = std::move(extension);
    return services;
  }

  Task<Result<Value>> ask(std::string what, Value value) {
    if (adapter_) co_return co_await adapter_->ask(std::move(what), std::move(value));
    if (what == rule_->question()) co_return rule_->answer(value);
    const bool is_question = what == "quote" || what == "admit" || what == "judge";
    const std::string why =
        is_question ? "does not answer t." + what : "has no verbs, settings or clock";
    co_return fail(Error(ErrorCode::Invalid, fmt::format("a {} {}", rule_->words(), why))
                       .with_hint(fmt::format("ask it with t.{}", rule_->question())));
  }

  Task<> run_one(lua::AdapterCall call) {
    Result<Value> outcome = co_await tests_->call(std::move(call));
    outcome_ = std::move(outcome);
    io_.stop();
  }

  asio::io_context io_;
  ManualClock clock_;
  std::shared_ptr<AdapterBench> adapter_;
  std::unique_ptr<RuleBench> rule_;
  std::unique_ptr<lua::AdapterHost> tests_;
  std::optional<Result<Value>> outcome_;
};

/// Lines that there are, and how many of them ran.
struct Share {
  std::size_t lines = 0;
  std::size_t seen = 0;

  void add(const std::set<int>& some, const std::set<int>& ran) {
    lines += some.size();
    seen += static_cast<std::size_t>(
        std::ranges::count_if(some, [&](int line) { return ran.contains(line); }));
  }
  int percent() const { return lines == 0 ? 100 : static_cast<int>(100 * seen / lines); }
};

/// The lines of the function that begins there, and of those within it.
std::set<int> lines_from(const lua::Listing& listing, int first) {
  std::set<int> lines;
  const auto outer = std::ranges::find(listing.functions, first, &lua::ListedFunction::first);
  if (outer == listing.functions.end()) return lines;
  for (const lua::ListedFunction& function : listing.functions) {
    if (function.first >= first && function.last <= outer->last)
      lines.insert(function.lines.begin(), function.lines.end());
  }
  return lines;
}

/// What is known of each of the script's files without running it, by its name in errors.
using Listings = std::map<std::string, lua::Listing>;

Result<Listings> list_files(const ScriptUnderTest& script) {
  Listings listings;
  for (const ScriptSource& source : all_files(script)) {
    TRY_ASSIGN(listings[source.file], lua::list_script(source.file, source.text));
  }
  return listings;
}

/// Functions that are worth a number of their own: their names, by the file and the line that they
/// begin at.
using NamedFunctions = std::map<std::pair<std::string, int>, std::string>;

/// An adapter's verbs, else those that a line gives a name.
NamedFunctions named_functions(const ScriptUnderTest& script, const Listings& listings,
                               const lua::AdapterHost* adapter) {
  NamedFunctions named;
  if (adapter != nullptr) {
    for (const std::string& verb : adapter->functions()) {
      const lua::ScriptPlace place = adapter->place_of(verb);
      std::string& name = named[{place.file, place.line}];
      name += (name.empty() ? "" : "/") + verb;
    }
    return named;
  }
  static const std::regex kName(R"((?:([A-Za-z_]\w*)\s*=\s*function\b|\bfunction\s+([\w.:]+)))");
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= script.source.size();) {
    const std::size_t end = std::min(script.source.find('\n', at), script.source.size());
    lines.push_back(script.source.substr(at, end - at));
    at = end + 1;
  }
  for (const lua::ListedFunction& function : listings.at(script.file).functions) {
    const auto line = static_cast<std::size_t>(function.first);
    std::smatch match;
    if (line == 0 || line > lines.size() || !std::regex_search(lines[line - 1], match, kName))
      continue;
    named[{script.file, function.first}] = match[1].matched ? match[1] : match[2];
  }
  return named;
}

void measure(const Listings& listings, const lua::Coverage& coverage, const NamedFunctions& named,
             TestReport& report) {
  Share whole;
  for (const auto& [file, listing] : listings) {
    std::set<int> lines;
    for (const lua::ListedFunction& function : listing.functions) {
      // The file itself runs whenever anything does.
      if (function.first > 0) lines.insert(function.lines.begin(), function.lines.end());
    }
    whole.add(lines, coverage.lines_of(file));
  }
  report.coverage = whole.percent();
  for (const auto& [place, name] : named) {
    Share share;
    share.add(lines_from(listings.at(place.first), place.second), coverage.lines_of(place.first));
    report.functions.emplace_back(name, share.percent());
  }
}

}  // namespace

Result<TestReport> run_tests(const ScriptUnderTest& script) {
  TestReport report;
  TRY_ASSIGN(const Listings listings, list_files(script));
  const auto coverage = std::make_shared<lua::Coverage>();
  NamedFunctions named;
  for (const fs::path& path : script.tests) {
    const std::string file = shown_name(path, script.path.parent_path());
    TRY_ASSIGN(const std::string source, read_file(path, kLongestScript));
    TRY_ASSIGN(const lua::Script test, lua::Script::compile(file, source));
    TRY_ASSIGN(const std::unique_ptr<Stage> first, Stage::make(script, test, coverage));
    TRY_ASSIGN(const std::vector<std::string> names, first->names(file));
    if (named.empty()) named = named_functions(script, listings, first->adapter());
    for (const std::string& name : names) {
      TRY_ASSIGN(const std::unique_ptr<Stage> stage, Stage::make(script, test, coverage));
      if (const auto problem = stage->run(name)) {
        report.failures.push_back({.test = name, .file = file, .message = *problem});
      } else {
        ++report.passed;
      }
    }
  }
  if (report.passed == 0 && report.failures.empty())
    return fail(ErrorCode::NotFound, "the files of tests hold no test");
  measure(listings, *coverage, named, report);
  return report;
}

std::string report_text(const ScriptUnderTest& script, const TestReport& report) {
  std::string text;
  for (const TestFailure& failure : report.failures)
    text += fmt::format("{}: {}\n{}\n\n", failure.file, failure.test, failure.message);
  const std::size_t failed = report.failures.size();
  const std::size_t all = failed + static_cast<std::size_t>(report.passed);
  text += script.file + "  ";
  text += failed > 0 ? fmt::format("{} of {} tests failed", failed, all)
                     : fmt::format("{} test{} passed", all, all == 1 ? "" : "s");
  text += fmt::format(", coverage {} %", report.coverage);
  std::string parts;
  for (const auto& [name, percent] : report.functions)
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", name, percent);
  return text + (parts.empty() ? "" : " (" + parts + ")") + "\n";
}

}  // namespace croft::cli
