// Real soukd processes in directories of their own, on loopback.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gpu/workload/workload.h"
#include "node/control/client.h"
#include "protocol/messages.h"
#include "test_folder.h"

namespace souk::integration {

using nlohmann::json;

std::filesystem::path ProgramPath(const std::string& name);

// A child process with its output in files. Killed with its object.
class Process {
 public:
  Process() = default;
  Process(const std::vector<std::string>& command, const std::filesystem::path& out,
          const std::filesystem::path& err);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool running() const { return pid_ > 0; }
  void Signal(int number) const;
  // Its exit code, or 128 + signal; -1 where it still runs after that long.
  int Wait(int milliseconds);

 private:
  pid_t pid_ = -1;
};

// One node.
class Node {
 public:
  // `soukd`: instead of this build's.
  Node(std::filesystem::path dir, std::string name, std::filesystem::path soukd = {});

  // soukd init with these arguments.
  void Init(const std::vector<std::string>& arguments);
  // soukd run; returns once it listens. What it printed is in `address`.
  void Start(const std::vector<std::string>& arguments = {});
  // Writes the port that was taken into config.toml, for the next start.
  void KeepPort() const;
  // SIGTERM; the exit code.
  int Stop();
  // SIGKILL.
  void Kill();

  // Asks; a failure is a test failure and gives null.
  json Ask(const json& request);
  // Its error, or "" where it succeeded.
  std::string ErrorOf(const json& request);
  // Asks again until `done` says yes; the last answer.
  json AskUntil(const json& request, const std::function<bool(const json&)>& done,
                int milliseconds = 30'000);

  // As the client does before it submits a job.
  BlobRef PutBlob(ByteView bytes);
  Bytes BlobBytes(const std::string& hex) const;

  const std::filesystem::path& dir() const { return dir_; }
  const std::string& address() const { return address_; }
  std::string peer_id() const { return address_.substr(0, address_.find('@')); }
  Process& process() { return process_; }
  std::string Errors() const;

 private:
  Result<json> Call(const json& request);

  std::filesystem::path dir_ = {};
  std::string name_ = {};
  std::filesystem::path soukd_ = {};
  std::string address_ = {};
  Process process_ = {};
  int starts_ = 0;
};

// Credits of that book for the renter, once each knows the other; the account's name there. The
// reference is "invoice 1".
std::string IssueTo(Node& book, Node& renter, int64_t amount_micro);

// A workload of one buffer of 256 numbers, each taken through `launches` steps of a linear
// congruence (Knuth's constants); with its blobs.
struct CongruenceWork {
  explicit CongruenceWork(uint64_t launches);
  Bytes encoding = {};
  std::vector<Bytes> blobs = {};
  Bytes expected = {};  // the output, .npy
};

}  // namespace souk::integration
