// A process that this one starts and ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/units.h"

namespace souk::tools {

// Ends with this object, and with this process however that dies. Its words go to a file.
class Child {
 public:
  static Result<Child> Start(const std::filesystem::path& program,
                             const std::vector<std::string>& arguments,
                             const std::filesystem::path& log);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  bool Running();
  // SIGTERM, then SIGKILL after `patience`; its exit code, or 128 + signal.
  int Stop(Duration patience = Seconds(10));
  // Only waits; -1 where it has not ended by then.
  int Wait(Duration at_most);
  pid_t pid() const { return pid_; }

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = 0;  // 0: ended, or moved from
  int code_ = 0;
};

}  // namespace souk::tools
