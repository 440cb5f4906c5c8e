// Where what a URL brings is kept while it is read.
#pragma once

#include <filesystem>
#include <memory>

#include "protocol/base/result.h"

namespace souk::tools {

// A folder of this process's own among the temporary ones. It goes with the object, and where a
// signal ends the program, but for SIGKILL and those of a crash: a log may be gigabytes.
class FetchedFolder {
 public:
  // The first one handles those signals from then on.
  static Result<std::shared_ptr<FetchedFolder>> Make();
  ~FetchedFolder();
  FetchedFolder(const FetchedFolder&) = delete;
  FetchedFolder& operator=(const FetchedFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit FetchedFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace souk::tools
