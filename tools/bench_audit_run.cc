#include "tools/bench_audit_run.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace souk::bench {

Result<pid_t> StartAudit(const AuditCommand& command, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      command.program.string(), "verify", command.dir.string(), "--key", command.vkey, "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(127);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  if (pid < 0) return Error(Code::kIo, "souk-audit could not be started");
  return pid;
}

Result<AuditRun> AwaitAudit(pid_t pid) {
  int status = 0;
  rusage usage = {};
  ::wait4(pid, &status, 0, &usage);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error(Code::kFault, "souk-audit did not find the bench's ledger valid");
  }
  return AuditRun{.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024};
}

Result<AuditRun> RunAudit(const AuditCommand& command, const std::vector<std::string>& more) {
  const auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const pid_t pid, StartAudit(command, more));
  ASSIGN_OR_RETURN(AuditRun run, AwaitAudit(pid));
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace souk::bench
