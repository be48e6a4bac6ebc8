#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/secret/operator_secrets.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// Tokens of GitHub Apps' installations: each lasts an hour (GitHub's word), is kept in memory
/// until some minutes before its end, and made again then. On one executor.
///
/// Source: "Generating an installation access token for a GitHub App" of GitHub's documentation.
class GithubApps {
 public:
  GithubApps(std::shared_ptr<const secret::OperatorSecrets> secrets, Clock& clock)
      : secrets_(std::move(secrets)), clock_(clock) {}

  /// Unavailable, Timeout: GitHub does not answer, or is busy. Denied: it refuses the App. Invalid:
  /// the App's key is none, or not there.
  Task<Result<Secret<std::string>>> token(GithubAppDeclaration app);
  /// A forge or a server refused the token: the next one asked for is new.
  void forget(const GithubAppDeclaration& app);

 private:
  struct Token {
    Secret<std::string> text;
    Timestamp expires;
    std::shared_ptr<const RememberedSecret> hidden;  ///< in what is logged, until it is replaced
  };

  Task<Result<Token>> ask(GithubAppDeclaration app) const;

  std::shared_ptr<const secret::OperatorSecrets> secrets_;
  Clock& clock_;
  std::map<std::string, Token> tokens_;
};

}  // namespace croft
