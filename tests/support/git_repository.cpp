#include "tests/support/git_repository.hpp"

#include <stdexcept>

#include "core/base/child.hpp"

namespace croft {

namespace fs = std::filesystem;

namespace {

constexpr int kFirstCommitTime = 1'700'000'000;

template <typename T>
T or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().describe());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string run_git(const fs::path& directory, std::vector<std::string> arguments, int time) {
  const std::string date = std::to_string(time) + " +0000";
  ChildCommand command;
  command.arguments = {"git", "-c", "gc.auto=0"};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.environment = {
      "GIT_CONFIG_NOSYSTEM=1",
      "GIT_CONFIG_GLOBAL=/dev/null",
      "GIT_TERMINAL_PROMPT=0",
      "GIT_AUTHOR_NAME=Tester",
      "GIT_AUTHOR_EMAIL=tester@example.com",
      "GIT_COMMITTER_NAME=Tester",
      "GIT_COMMITTER_EMAIL=tester@example.com",
      "GIT_AUTHOR_DATE=" + date,
      "GIT_COMMITTER_DATE=" + date,
  };
  command.directory = directory.string();
  command.deadline = Duration(120'000);
  command.output_limit = 64 << 20;
  ChildOutput done = or_throw(run_child(command));
  if (done.status != 0) {
    throw std::runtime_error("git " + arguments.front() + ": " + done.error + done.output);
  }
  if (done.output.ends_with('\n')) done.output.pop_back();
  return std::move(done.output);
}

TemporaryDirectory make_root() { return or_throw(TemporaryDirectory::make("croft-git-")); }

}  // namespace

GitRepository::GitRepository(TemporaryDirectory directory)
    : directory_(std::move(directory)), root_(directory_.path() / "repository") {}

GitRepository GitRepository::make() {
  GitRepository repository(make_root());
  or_throw(make_directory(repository.root_, 0755));
  repository.git({"init", "--quiet", "--initial-branch=main"});
  return repository;
}

GitRepository GitRepository::make_bare() {
  GitRepository repository(make_root());
  or_throw(make_directory(repository.root_, 0755));
  repository.git({"init", "--quiet", "--bare", "--initial-branch=main"});
  return repository;
}

GitRepository GitRepository::clone() const {
  GitRepository repository = make();
  repository.git({"remote", "add", "origin", root_.string()});
  repository.git({"fetch", "--quiet", "origin"});
  if (!repository.git({"for-each-ref", "refs/remotes/origin/main"}).empty()) {
    repository.git({"reset", "--quiet", "--hard", "origin/main"});
  }
  // Commits of a clone differ from those of its origin even with equal content.
  repository.commits_ = commits_ + 1000;
  return repository;
}

std::string GitRepository::git(std::vector<std::string> arguments) const {
  return run_git(root_, std::move(arguments), kFirstCommitTime + commits_);
}

void GitRepository::write(const std::string& path, const std::string& content) const {
  fs::create_directories((root_ / path).parent_path());
  or_throw(write_file_atomic(root_ / path, content, 0644));
}

void GitRepository::write_executable(const std::string& path, const std::string& content) const {
  fs::create_directories((root_ / path).parent_path());
  or_throw(write_file_atomic(root_ / path, content, 0755));
}

void GitRepository::link(const std::string& path, const std::string& target) const {
  fs::create_directories((root_ / path).parent_path());
  fs::remove(root_ / path);
  fs::create_symlink(target, root_ / path);
}

void GitRepository::remove(const std::string& path) const { or_throw(remove_tree(root_ / path)); }

std::string GitRepository::record(std::vector<std::string> arguments) {
  git({"add", "--all"});
  ++commits_;
  git(std::move(arguments));
  return id_of("HEAD");
}

std::string GitRepository::commit(const std::string& message) {
  return record({"commit", "--quiet", "--allow-empty", "--no-verify", "-m", message});
}

std::string GitRepository::commit(const Files& files, const std::string& message) {
  for (const auto& [path, content] : files) write(path, content);
  return commit(message);
}

std::string GitRepository::amend(const std::string& message) {
  return record({"commit", "--quiet", "--amend", "--reset-author", "--allow-empty", "--no-verify",
                 "-m", message});
}

void GitRepository::start_branch(const std::string& name) const {
  git({"checkout", "--quiet", "-b", name});
}

void GitRepository::switch_to(const std::string& branch) const {
  git({"checkout", "--quiet", branch});
}

void GitRepository::push(const std::string& refspec) const {
  git({"push", "--quiet", "origin", refspec});
}

void GitRepository::force_push(const std::string& refspec) const {
  git({"push", "--quiet", "--force", "origin", refspec});
}

void GitRepository::delete_branch(const std::string& name) const {
  git({"update-ref", "-d", "refs/heads/" + name});
}

std::string GitRepository::id_of(const std::string& revision) const {
  return git({"rev-parse", "--verify", "--quiet", revision + "^{commit}"});
}

}  // namespace croft
