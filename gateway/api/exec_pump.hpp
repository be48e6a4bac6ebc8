#pragma once

#include <memory>

#include "core/base/byte_stream.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// Carries a command's streams over a connection, in the frames of exec_frames.hpp, until the
/// command has ended or the connection has; then the session is destroyed, which ends the command.
/// Holds at most kExecWindow of input and a piece of output, however slow either side is: a client
/// that has gone is noticed even while the command reads nothing.
Task<> pump_exec(std::unique_ptr<ExecSession> session, ByteStream& link, Duration heartbeat);

}  // namespace croft
