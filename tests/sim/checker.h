// What may never happen, whatever the network and the disks do. The checker looks at what nodes
// told each other, at what their logs hold and at which workers live; not at how an agent decides.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ledger/log/mirrors.h"
#include "node/agent/agent.h"
#include "node/message.h"

namespace souk::sim {

class Checker {
 public:
  // `violations` gets a sentence for each.
  explicit Checker(std::vector<std::string>& violations) : violations_(violations) {}

  void Fail(const std::string& node, const std::string& sentence);

  // A message left the node.
  void OnSent(const std::string& node, const node::Frames& frames, const ledger::LogReader& log);
  // The node's log grew by this entry.
  void OnEntry(const std::string& node, const Entry& entry);
  // The node has restarted: all it ever told must be in its log.
  void OnRestarted(const std::string& node, const node::Agent& agent, const ledger::LogReader& log);
  // A mirror that witnesses nothing else: what it cosigned is on its disk, as it cosigned it.
  void CheckMirror(const std::string& node, const node::Agent& agent,
                   const ledger::Mirrors& mirrors);
  // Between steps.
  void CheckProvider(const std::string& node, const node::Agent& agent,
                     const std::map<std::string, int>& workers_per_device);
  void CheckBook(const std::string& node, const node::Agent& agent);
  // What the node decided is in its log: an agent restored from it holds the same.
  void CheckFold(const std::string& node, const node::Agent& live, const node::Agent& restored);
  // The auditor decides every entry anew and agrees.
  void CheckLedger(const std::string& node, const ledger::LogReader& log);
  // Nothing that the others hold of it is missing there.
  void CheckNothingLeftOut(const std::string& node, const ledger::LogReader& log,
                           const std::vector<const ledger::LogReader*>& others);
  // After healing.
  void CheckEnd(const std::map<std::string, const node::Agent*>& agents);

 private:
  struct Told {
    std::set<Digest> documents = {};          // that must stand in the log
    std::map<uint64_t, Digest> roots = {};    // signed: size, root
    std::map<Digest, Credits> vouchers = {};  // acknowledged per lease
  };
  struct Seen {
    Time time = {};
    uint64_t next = 0;
    std::map<Digest, LeaseState> leases = {};
    std::map<Digest, Credits> vouchers = {};
    std::map<Digest, Digest> escrows = {};  // escrow, lease
    std::map<Digest, int> jobs_finished = {};
  };
  void OnLeaseStep(const std::string& node, Seen& seen, const Entry& entry, const LeaseStep& step);

  std::vector<std::string>& violations_;
  std::map<std::string, Told> told_ = {};
  std::map<std::string, Seen> seen_ = {};
};

}  // namespace souk::sim
