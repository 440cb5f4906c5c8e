// The owner's end of control.sock: how `souk` and `soukd` speak with a running daemon. api.h says
// what can be asked.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "node/control/api.h"
#include "protocol/base/result.h"

namespace souk::node::control {

// One connection, one question at a time. One thread at a time.
class Client {
 public:
  // kUnavailable where no daemon runs on that directory.
  static Result<Client> Connect(const std::filesystem::path& dir);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;

  // The whole response where it says "ok": true. Otherwise its code and sentence as an Error;
  // kUnavailable where the daemon went away or did not answer in time; kMalformed for nonsense.
  // After those two the connection is of no use any more.
  Result<nlohmann::json> Call(const nlohmann::json& request, Duration timeout = Seconds(15));

 private:
  explicit Client(int fd) : fd_(fd) {}
  Result<std::string> ReadLine(int64_t deadline_ms);
  Status WriteAll(std::string_view bytes, int64_t deadline_ms);

  int fd_ = -1;
  std::string read_ = {};  // bytes behind the last line
};

}  // namespace souk::node::control
