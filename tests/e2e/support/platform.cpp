#include "tests/e2e/support/platform.hpp"

#include <stdexcept>
#include <unistd.h>

#include <fmt/format.h>

namespace croft::e2e {

namespace {

constexpr const char* kApp = R"(import http.server
import os
import pathlib

BOOT = os.urandom(6).hex()


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{os.environ['TEXT']} boot {BOOT}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


print("app says", os.environ["TEXT"], flush=True)
Server(("0.0.0.0", int(os.environ["PORT"])), App).serve_forever()
)";

/// Isolation needs root; the rest of the journey does not.
std::string operator_kinds() {
  const std::string settings = ::geteuid() == 0 ? "" : ", settings: {isolation: none}";
  return fmt::format(R"(apiVersion: croft/v1
kind: Plan
metadata: {{name: studio}}
spec:
  price: {{amount: "9.00", currency: USD, per: month}}
---
apiVersion: croft/v1
kind: Provider
metadata: {{name: local}}
spec: {{adapter: process, default: true{}}}
)",
                     settings);
}

}  // namespace

GitRepository::Files app_files(const std::string& name, const std::string& text,
                               const std::string& marker) {
  const std::string manifest = fmt::format(R"(apiVersion: croft/v1
kind: Instance
metadata: {{name: {}}}
spec:
  command: [python3, app.py]
  files: {{path: {}}}
  env: {{TEXT: "{}", E2E_MARKER: "{}"}}
  resources: {{cpu: 500m, memory: 64MiB}}
  http: {{port: 8000}}
  health: {{http: /, startWithin: 50s}}
)",
                                           name, name, text, marker);
  return {{name + ".yaml", manifest}, {name + "/app.py", kApp}};
}

GitRepository::Files site_files(const std::string& name, const std::string& text) {
  const std::string manifest = fmt::format(
      "apiVersion: croft/v1\nkind: Site\nmetadata: {{name: {}}}\nspec:\n  files: {{path: {}}}\n",
      name, name);
  return {{name + ".yaml", manifest}, {name + "/index.html", "<h1>" + text + "</h1>\n"}};
}

Platform::Platform(const std::vector<std::string>& tenants)
    : platform_(GitRepository::make_bare()), platform_clone_(platform_.clone()) {
  for (const std::string& tenant : tenants) {
    const auto repository = repositories_.emplace(tenant, GitRepository::make_bare()).first;
    clones_.emplace(tenant, repository->second.clone());
  }
  platform_clone_.write("operator.yaml", operator_kinds());
  declare(tenants);
  daemon.flags = {"--platform-url", platform_.path().string()};
}

void Platform::declare(const std::vector<std::string>& tenants, const std::string& message) {
  std::string text = "# who hosts here\n";
  for (const std::string& tenant : tenants) {
    text += fmt::format(
        "---\napiVersion: croft/v1\nkind: Tenant\nmetadata: {{name: {}}}\n"
        "spec:\n  plan: studio\n  source: {{url: \"{}\"}}\n",
        tenant, repositories_.at(tenant).path().string());
  }
  platform_clone_.commit({{"tenants.yaml", text}}, message);
  platform_clone_.push();
}

void Platform::operate(const std::string& file, const std::string& yaml) {
  platform_clone_.commit({{file, yaml}}, "operate");
  platform_clone_.push();
}

void Platform::provide_docker(const std::string& host) {
  operate("docker.yaml",
          fmt::format("apiVersion: croft/v1\nkind: Provider\nmetadata: {{name: docker}}\nspec: "
                      "{{adapter: docker, settings: {{host: \"{}\", localImages: allow}}}}\n",
                      host));
}

std::string Platform::push(const std::string& tenant, const GitRepository::Files& files,
                           const std::string& message) {
  GitRepository& mine = clones_.at(tenant);
  std::string id = mine.commit(files, message);
  mine.push();
  return id;
}

void Platform::settle(const std::string& tenant) {
  std::vector<std::string> words{"reconcile", "--wait", "--timeout", "90s"};
  if (tenant.empty()) {
    words.emplace_back("-A");
  } else {
    words.insert(words.end(), {"-t", tenant});
  }
  const ChildOutput done = daemon.croft(words);
  if (done.status != 0) {
    throw std::runtime_error(fmt::format("croft reconcile: {}\n{}\n{}\n{}", done.status,
                                         done.output, done.error, daemon.log()));
  }
}

Answer Platform::get(const std::string& host, const std::string& path) const {
  return http_get(daemon.port(), host, path);
}

bool Platform::shows(const std::string& host, const std::string& text) const {
  return wait_until([&] {
    const Answer answer = get(host);
    return answer.status == 200 && answer.body.find(text) != std::string::npos;
  });
}

}  // namespace croft::e2e
