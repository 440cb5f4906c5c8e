#include "tools/audit/fetched_folder.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <mutex>
#include <set>
#include <thread>

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

// What is to be removed. Never destroyed: the waiting thread outlives main.
struct Folders {
  std::mutex mutex;
  std::set<fs::path> paths;  // under mutex
};
Folders& AllFolders() {
  static Folders* const folders = new Folders;
  return *folders;
}

void RemoveAllFolders() {
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  std::error_code ignored;
  for (const fs::path& path : folders.paths) {
    // A file that was just being written may come into a folder that is just being removed.
    for (int i = 0; i < 3 && fs::exists(path, ignored); ++i) fs::remove_all(path, ignored);
  }
}

// Blocks the signals here and in all threads that are begun after, and waits for them.
void RemoveWhereASignalEnds() {
  sigset_t ending;
  sigemptyset(&ending);
  struct sigaction before = {};
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // Who started the program may have had it ignore some, as nohup does.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaddset(&ending, signal);
  }
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::thread([ending] {
    int signal = 0;
    if (sigwait(&ending, &signal) != 0) return;
    RemoveAllFolders();
    ::_exit(128 + signal);
  }).detach();
}

}  // namespace

Result<std::shared_ptr<FetchedFolder>> FetchedFolder::Make() {
  static std::once_flag once;
  std::call_once(once, RemoveWhereASignalEnds);
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "souk-audit-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    return Error(Code::kIo,
                 "no temporary folder can be made: set TMPDIR to one that can be written");
  }
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  folders.paths.insert(name);
  return std::shared_ptr<FetchedFolder>(new FetchedFolder(name));
}

FetchedFolder::~FetchedFolder() {
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  folders.paths.erase(path_);
}

}  // namespace souk::tools
