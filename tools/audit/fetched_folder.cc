#include "tools/audit/fetched_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

// Whoever reads a list to its first line alone ends the program with SIGPIPE.
constexpr std::array kEnding = {SIGINT,  SIGTERM, SIGHUP,  SIGPIPE, SIGQUIT,
                                SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU};

// What is to be removed. Never destroyed: the waiting thread outlives main.
struct Folders {
  std::timed_mutex mutex;
  std::set<fs::path> paths;  // under mutex
  int told = -1;             // the end of the pipe that the handler writes to
};
Folders& AllFolders() {
  static Folders* const folders = new Folders;
  return *folders;
}

void RemoveAllFolders() {
  Folders& folders = AllFolders();
  // The thread that holds it may be the one that the signal stopped.
  const std::unique_lock lock(folders.mutex, std::chrono::seconds(1));
  if (!lock) return;
  std::error_code ignored;
  for (const fs::path& path : folders.paths) {
    // A file that was just being written may come into a folder that is just being removed.
    for (int i = 0; i < 3 && fs::exists(path, ignored); ++i) fs::remove_all(path, ignored);
  }
}

// On whichever thread it comes: says so, and waits for the end.
void OnEnding(int signal) {
  const auto number = static_cast<unsigned char>(signal);
  if (::write(AllFolders().told, &number, 1) != 1) ::_exit(128 + signal);
  while (true) ::pause();
}

void EndBy(int signal) {
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::kill(::getpid(), signal);
  ::_exit(128 + signal);
}

void RemoveWhereASignalEnds() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  AllFolders().told = ends[1];
  // A second signal must not stop the thread that removes.
  sigset_t all, before_all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_all);
  std::thread([from = ends[0]] {
    unsigned char signal = 0;
    while (::read(from, &signal, 1) < 0 && errno == EINTR) continue;
    RemoveAllFolders();
    EndBy(signal);
  }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before_all, nullptr);
  struct sigaction action = {}, before = {};
  action.sa_handler = OnEnding;
  for (const int signal : kEnding) {
    // Who started the program may have had it ignore some, as nohup does.
    if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

Result<std::shared_ptr<FetchedFolder>> FetchedFolder::Make() {
  static std::once_flag once;
  std::call_once(once, RemoveWhereASignalEnds);
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "souk-audit-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    return Error(Code::kIo,
                 "no temporary folder can be made: set TMPDIR to one that can be written");
  }
  folders.paths.insert(name);
  return std::shared_ptr<FetchedFolder>(new FetchedFolder(name));
}

FetchedFolder::~FetchedFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  folders.paths.erase(path_);
}

}  // namespace souk::tools
