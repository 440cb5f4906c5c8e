// The daemon's loop: one thread that reads the clock once per turn, hands the agent a bounded batch
// of events, and carries the batch's effects out together.
#pragma once

#include "node/control/server.h"
#include "node/event_queue.h"
#include "node/http/log_server.h"
#include "node/opening_checker.h"
#include "node/transport/transport.h"
#include "node/verify_pool.h"
#include "node/workshop.h"

namespace souk::node {

// The wall clock, and the clock since boot: leases go on while a machine sleeps (R4).
Now ReadClocks();

class Loop {
 public:
  struct Parts {
    Agent& agent;
    Runner& runner;
    Transport& transport;
    VerifyPool& pool;
    JailedWorkshop* workshop = nullptr;  // none where this node runs no jobs
    control::Server& control;
    FileOpeningChecker& checker;
    const ledger::Log& log;
    LogServer* log_server = nullptr;           // none where the log is served to nobody
    const ledger::Mirrors* mirrors = nullptr;  // none where this node is no mirror
    std::filesystem::path cosigned = {};       // where its cosigned checkpoint is kept
  };
  // Nothing more is read from the network while so many events wait.
  static constexpr size_t kWaiting = 4096;
  // Timers run at least this often.
  static constexpr Duration kTick = Millis(20);
  // The log server gets a newer log at most this often.
  static constexpr Duration kPublishEvery = Millis(100);
  static constexpr Duration kPublishMirrorsEvery = Seconds(1);
  // The checkpoint that witnesses cosigned is written down at most this often, and at the end.
  static constexpr Duration kKeepCosignedEvery = Seconds(10);
  // Witnesses that bring nothing newer for so long are not waited for.
  static constexpr Duration kCosignedServed = Seconds(60);
  // How long a node that only rents stays when it has nothing to do.
  static constexpr Duration kIdle = Seconds(60);

  Loop(Parts parts, bool end_when_idle);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Blocks SIGTERM and SIGINT and waits for them here. Ok: told to stop, or idle. An error is what
  // the runner could not do: the node must stop.
  Status Run(const Effects& begun);

  // To be handed to the runner.
  void OnAnswer(const CommandAnswer& answer) { parts_.control.OnAnswer(answer); }

 private:
  void Wait();
  void Gather();
  void GatherFromNetwork();
  Status Carry(const Effects& effects);
  bool ShouldEnd();
  void KeepCosigned();
  // What an earlier run wrote down, where there are witnesses still.
  void LoadCosigned();
  // The head for the log server.
  ledger::ServedHead HeadToServe();
  void PublishLog();
  void PublishMirrors();

  Parts parts_;
  const bool end_when_idle_;
  int epoll_ = -1;
  int signals_ = -1;
  Now now_ = {};
  EventQueue waiting_ = {};
  bool signalled_ = false;
  Duration busy_until_ = {};
  std::string published_ = {};  // the checkpoint that the log server has
  Duration next_publish_ = {};
  ledger::ServedHead cosigned_ =
      {};  // as witnesses last brought it, or an earlier run wrote it down
  Duration cosigned_since_ = {};
  std::string cosigned_kept_ = {};
  Duration next_keep_cosigned_ = {};
  std::map<PeerId, std::pair<std::string, bool>> mirrors_published_ = {};  // checkpoint, whole
  Duration next_publish_mirrors_ = {};
};

}  // namespace souk::node
