// Root runs these tests twice: the second time as nobody, as most people run soukd.
#pragma once

#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "test_folder.h"

namespace souk::gpu {

// Where `program` of the build's bin folder is; a copy that nobody may read in the second run.
inline std::string ProgramPath(const std::string& program) {
  const char* folder = std::getenv("SOUK_TEST_PROGRAMS");
  return (folder != nullptr ? std::string(folder) : std::string(SOUK_BINARY_DIR) + "/bin") + "/" +
         program;
}

// Runs this test program's tests that match `filter` as nobody. Returns waitpid's status, or -1
// where they could not be started.
inline int RunAsNobody(const std::string& program, const std::string& filter) {
  const TestFolder scratch;
  const std::filesystem::path& folder = scratch.path();
  const std::string test = folder / "test";
  std::filesystem::copy_file("/proc/self/exe", test);
  std::filesystem::copy_file(ProgramPath(program), folder / program);
  std::filesystem::create_directory(folder / "tmp");
  if (::chmod(folder.c_str(), 0755) != 0 || ::chmod((folder / "tmp").c_str(), 0777) != 0) return -1;
  const std::string programs = "SOUK_TEST_PROGRAMS=" + folder.string();
  const std::string temporary = "TEST_TMPDIR=" + (folder / "tmp").string();
  const std::string filter_flag = "--gtest_filter=" + filter;
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr unsigned kNobody = 65534;
    if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
      ::_exit(1);
    }
    const char* argv[] = {test.c_str(), filter_flag.c_str(), "--gtest_brief=1", nullptr};
    const char* environment[] = {programs.c_str(), temporary.c_str(), nullptr};
    ::execve(test.c_str(), const_cast<char**>(argv), const_cast<char**>(environment));
    ::_exit(1);
  }
  int status = -1;
  if (child > 0) ::waitpid(child, &status, 0);
  return status;
}

}  // namespace souk::gpu
