#pragma once

#include <memory>

#include "providers/fake/fake_world.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// Runs one of the few commands that the fake world knows:
///
///   echo WORD...   says the words          cat      gives back what it reads
///   warn WORD...   says them as an error   size     says the terminal's size, now and when it
///   changes exit STATUS    ends with it            flood    never stops writing sleep until it is
///   hung up     (none)   a shell: like cat
std::unique_ptr<ExecSession> open_fake_session(asio::any_io_executor executor,
                                               std::shared_ptr<FakeWorld> world,
                                               ExecRequest request);

}  // namespace croft
