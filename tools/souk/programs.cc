#include "tools/souk/programs.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

fs::path OwnFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

bool IsProgram(const fs::path& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<fs::path> FindProgram(const std::string& name) {
  const fs::path beside = OwnFolder() / name;
  if (IsProgram(beside)) return beside;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && IsProgram(fs::path(folder) / name)) return fs::path(folder) / name;
  }
  return Error(Code::kNotFound, name + " is neither in " + OwnFolder().string() +
                                    " nor on the PATH: build or install it");
}

Result<fs::path> FindSampleWorkload(const std::string& name) {
  std::vector<fs::path> places;
  if (const char* given = std::getenv("SOUK_WORKLOADS"); given != nullptr)
    places.emplace_back(given);
  places.push_back(OwnFolder().parent_path() / "share" / "souk" / "workloads");
  places.emplace_back(SOUK_SOURCE_WORKLOADS);
  std::error_code error;
  for (const fs::path& place : places) {
    const fs::path manifest = place / name / "workload.toml";
    if (fs::exists(manifest, error)) return manifest;
  }
  return Error(Code::kNotFound, "the sample workload " + name +
                                    " is not installed: name its folder with $SOUK_WORKLOADS");
}

}  // namespace souk::tools
