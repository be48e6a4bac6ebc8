#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "providers/process/shim/loop.hpp"
#include "providers/process/shim/supervisor.hpp"

namespace croft::shim {

/// Listens on the control socket, and on the one that only takes `dial`, and answers with the
/// protocol of wire.hpp.
class Server {
 public:
  Server(Loop& loop, Supervisor& supervisor);
  /// False if a socket cannot be made; errno says why.
  bool listen(const std::string& control_socket);
  void close();

 private:
  struct Client;
  using ClientPtr = std::shared_ptr<Client>;
  enum class Access { Control, Dial };

  bool bind_socket(const std::string& path, Access access);
  void accept_from(int listener, Access access);
  void read_from(const ClientPtr& client);
  void handle(const ClientPtr& client, const Line& line);
  void handle_control(const ClientPtr& client, const Line& line);
  void open_session(const ClientPtr& client, const SessionRequest& request, std::int64_t timeout);
  void dial(const ClientPtr& client, int family, std::int64_t timeout);
  void finish_dial(const ClientPtr& client, int family, Descriptor socket, std::int64_t until);
  void send(const ClientPtr& client, const Line& line);
  void drop(const ClientPtr& client);
  void tell_subscribers();

  Loop& loop_;
  Supervisor& supervisor_;
  std::set<std::string> paths_;
  std::map<int, Descriptor> listeners_;
  std::set<ClientPtr> clients_;
};

}  // namespace croft::shim
