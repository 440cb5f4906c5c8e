// What an agent is told once, at its start: the part of config.toml that decides.
#pragma once

#include <string>
#include <vector>

#include "protocol/limits.h"
#include "protocol/messages.h"
#include "protocol/rules.h"

namespace souk::node {

// A peer that is known before any card: enough to open a CURVE connection.
struct PeerAddress {
  PeerId peer = {};
  std::string endpoint = {};  // "tcp://host:port"
  CurveKey curve = {};
};

// One device that this node rents out.
struct DeviceForRent {
  std::string uuid = {};
  std::string kind = {};  // "cuda" or "cpu"
  std::string model = {};
  uint32_t architecture = 0;
  uint64_t memory_bytes = 0;
  std::string driver = {};
  uint32_t cuda_version = 0;
  uint32_t newest_ptx = 0;
  uint32_t slices = 1;
};

struct ProviderSettings {
  bool enabled = false;
  std::vector<DeviceForRent> devices = {};
  Rate price = {};
  Rate hold_price = {};
  Credits hold_fee = {};
  Duration grace = Seconds(5);
  Duration notice = Seconds(60);
  Duration longest_interval = Seconds(60);
  Duration min_duration = Seconds(1);
  Duration max_duration = Hours(24);
  Duration offer_life = Hours(1);
  std::string region = "ZZ";
  std::vector<PeerId> clearing_peers = {};
  JailGrade jail = JailGrade::kNone;
  // Inputs and outputs of one lease's jobs, each blob once.
  uint64_t lease_bytes = limits::kLeaseBytes;
};

// Who reads the whole log (R3), and where.
struct LogSettings {
  bool everyone = false;
  std::vector<PeerId> readers = {};
  std::string url = {};  // "http://…"; empty: nowhere
  // Whose cosignatures are asked for, and how many a receipt waits for (0: none).
  std::vector<PeerId> witnesses = {};
  size_t quorum = 0;
};

struct WitnessSettings {
  bool enabled = false;
};

// Whose logs this node keeps copies of (R3).
struct MirrorSettings {
  std::vector<PeerId> of = {};
  // Of these clearing peers, and of every provider whose offers name one.
  std::vector<PeerId> books = {};
  uint64_t most_bytes = uint64_t{10} << 30;

  bool enabled() const { return !of.empty() || !books.empty(); }
};

struct ClearingSettings {
  bool enabled = false;
};

struct RenterSettings {
  bool enabled = false;
};

struct Settings {
  std::string name = {};
  std::vector<std::string> endpoints = {};  // as others reach it
  Digest successor = {};
  std::vector<PeerAddress> bootstrap = {};
  // Whose verdicts on others' devices are believed, beside this node's own and its clearing peers'.
  std::vector<PeerId> trusted_verifiers = {};
  RuleSets rules = kRuleSets;  // those that are known; the newest is what this node writes
  Duration keep_results = limits::kKeepResults;  // less only where a simulator's week is short
  ProviderSettings provider = {};
  ClearingSettings clearing = {};
  RenterSettings renter = {};
  LogSettings log = {};
  WitnessSettings witness = {};
  MirrorSettings mirror = {};
};

}  // namespace souk::node
