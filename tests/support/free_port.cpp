#include "tests/support/free_port.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/files.hpp"

namespace croft {

int free_port() {
  static std::atomic<int> last{static_cast<int>(::getpid()) * 37};
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = 20'000 + (last += 7) % 12'000;
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace croft
