// config.toml: what a node is, as its owner wrote it. Unknown and contradictory keys are errors
// that name the key and its line; nothing is guessed.
#pragma once

#include <filesystem>

#include "node/agent/settings.h"

namespace souk::node {

struct ProviderConfig {
  bool enabled = false;
  // "auto", "cpu", "cuda:0"; several may be listed.
  std::vector<std::string> devices = {"auto"};
  Rate price = {};
  Rate hold_price = {};
  Credits hold_fee = {};
  std::vector<PeerId> clearing_peers = {};
  std::string region = "ZZ";
  Duration min_duration = Seconds(1);
  Duration max_duration = Hours(24);
  Duration grace = Seconds(5);
  Duration notice = Seconds(60);
  Duration longest_interval = Seconds(60);
  Duration offer_life = Hours(1);
  uint64_t lease_bytes = limits::kLeaseBytes;
  bool allow_weak_jail = false;
  uint64_t cpu_memory_bytes = uint64_t{1} << 30;
  uint32_t cpu_threads = 1;
};

struct Config {
  std::string name = {};
  // "tcp://0.0.0.0:7100"; empty: this node only opens connections.
  std::string listen = {};
  std::vector<std::string> advertise = {};  // "tcp://…"; empty: found out from `listen`
  std::vector<PeerAddress> bootstrap = {};
  ProviderConfig provider = {};
  bool clearing = false;
  bool renter = false;
  std::vector<PeerId> trusted_verifiers = {};
  // Who reads the whole log (R3), and where it is served over HTTP; empty: nowhere.
  bool log_everyone = false;
  std::vector<PeerId> log_readers = {};
  std::string log_http = "127.0.0.1:0";
  bool witness = false;
  MirrorSettings mirror = {};
  // Whose cosignatures this node's checkpoints get, and how many of them a receipt waits for.
  std::vector<PeerId> log_witnesses = {};
  size_t log_quorum = 0;
};

// kMalformed or kInvalidArgument: "config.toml:12: …, did you mean …?". `self` may stand
// neither among the bootstrap peers nor in a provider's `clearing`.
Result<Config> ParseConfig(std::string_view text, const std::string& file, const PeerId& self);
Result<Config> LoadConfig(const std::filesystem::path& path, const PeerId& self);

// What `init` writes: every key that people may want to change, with what it means. ParseConfig
// takes it back.
std::string WriteConfig(const Config& config);

}  // namespace souk::node
