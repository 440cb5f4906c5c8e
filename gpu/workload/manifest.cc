#include "gpu/workload/manifest.h"

#include <algorithm>

#include "gpu/workload/manifest_reader.h"
#include "gpu/workload/manifest_values.h"
#include "gpu/workload/schedule.h"
#include "protocol/base/file.h"

namespace souk::gpu {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kDefaultTimeMs = 600'000;
constexpr uint64_t kDefaultInstructions = 1'000'000'000'000;
constexpr ptrdiff_t kMaxDots = 4096;

}  // namespace

Result<Manifest> ManifestReader::Read(const toml::table& top) {
  manifest_.path = file();
  const Place root{&top, ""};
  RETURN_IF_ERROR(OnlyKeys(root, {"name", "module", "buffer", "launch", "limits", "market",
                                  "commit_every", "keep_states"}));
  ASSIGN_OR_RETURN(workload().name, Text(root, "name", file().stem().string()));
  ASSIGN_OR_RETURN(workload().commit_interval, Whole(root, "commit_every", 0));
  ASSIGN_OR_RETURN(workload().keep_states, Flag(root, "keep_states", false));
  RETURN_IF_ERROR(Each(root, "module", [this](const Place& at) { return ReadModule(at); }));
  RETURN_IF_ERROR(Each(root, "buffer", [this](const Place& at) { return ReadBuffer(at); }));
  RETURN_IF_ERROR(
      Each(root, "launch", [this](const Place& at) { return ReadStep(at, workload().steps, 0); }));
  RETURN_IF_ERROR(ReadLimits(root));
  RETURN_IF_ERROR(ReadMarket(root));
  if (Status ok = CheckResolved(); !ok) return ok.error().Within(file().string());
  manifest_.modules = std::move(modules_);
  return std::move(manifest_);
}

Status ManifestReader::ReadLimits(const Place& root) {
  uint64_t memory = 0;
  for (const Buffer& buffer : workload().buffers) {
    memory += (BufferBytes(buffer) + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  }
  workload().limits = {memory, kDefaultTimeMs, kDefaultInstructions};
  const Place at = Child(root, "limits");
  if (at.node == nullptr) return Ok();
  if (!at.node->is_table()) return Wrong(at, "write it as [limits]");
  RETURN_IF_ERROR(OnlyKeys(at, {"memory", "time", "instructions"}));
  Limits& limits = workload().limits;
  ASSIGN_OR_RETURN(limits.memory_bytes, WithUnit(at, "memory", memory, &ParseByteSize));
  ASSIGN_OR_RETURN(limits.milliseconds, Duration(at, "time", kDefaultTimeMs));
  ASSIGN_OR_RETURN(limits.thread_instructions, Whole(at, "instructions", kDefaultInstructions));
  return Ok();
}

// Without a unit it could be seconds or milliseconds: refused.
Result<uint64_t> ManifestReader::Duration(const Place& table, const char* key,
                                          uint64_t otherwise) const {
  const Place at = Child(table, key);
  if (at.node != nullptr && !at.node->is_string()) {
    return Wrong(at, "is not a duration with its unit, as \"30s\"");
  }
  return WithUnit(table, key, otherwise, &ParseDurationMs);
}

Status ManifestReader::ReadMarket(const Place& root) {
  const Place at = Child(root, "market");
  if (at.node == nullptr) return Ok();
  if (!at.node->is_table()) return Wrong(at, "write it as [market]");
  RETURN_IF_ERROR(
      OnlyKeys(at, {"query", "duration", "max_cost", "cpu", "allow_weak_jail", "replicate"}));
  MarketWish& market = manifest_.market;
  ASSIGN_OR_RETURN(market.query, Text(at, "query", market.query));
  ASSIGN_OR_RETURN(market.duration_ms, Duration(at, "duration", market.duration_ms));
  ASSIGN_OR_RETURN(market.allow_cpu, Flag(at, "cpu", market.allow_cpu));
  ASSIGN_OR_RETURN(market.allow_weak_jail, Flag(at, "allow_weak_jail", market.allow_weak_jail));
  ASSIGN_OR_RETURN(market.replicate, Text(at, "replicate", market.replicate));
  const Place cost = Child(at, "max_cost");
  if (cost.node == nullptr) return Ok();
  // A TOML float is binary: only text says 0.05 exactly.
  if (!cost.node->is_string()) return Wrong(cost, "is not an amount as text, as \"0.05\"");
  Result<uint64_t> credits = ParseCredits(cost.node->as_string()->get());
  if (!credits) return Wrong(cost, credits.error());
  market.max_cost_ucredits = *credits;
  return Ok();
}

// What no single key shows: totals, and every launch's arguments with all loops run through.
Status ManifestReader::CheckResolved() {
  RETURN_IF_ERROR(CheckWorkload(workload()));
  Schedule schedule(workload());
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ScheduledLaunch> next, schedule.Next());
    if (!next) return Ok();
  }
}

Result<Manifest> LoadManifest(const fs::path& path) {
  Result<Bytes> text = ReadFile(path, kMaxManifestBytes);
  if (!text) return text.error();
  return ParseManifest(AsText(*text), path);
}

Result<Manifest> ParseManifest(std::string_view toml, const fs::path& path) {
  if (toml.size() > kMaxManifestBytes) {
    return Error(Code::kTooLarge, path.string() + ": a manifest exceeds 1 MiB");
  }
  // Dotted keys nest without a bound in the parser, whose tables are destroyed recursively.
  if (std::count(toml.begin(), toml.end(), '.') > kMaxDots) {
    return Error(Code::kTooLarge, path.string() + ": a manifest has more than " +
                                      std::to_string(kMaxDots) + " dots");
  }
  toml::table table;
  try {
    table = toml::parse(toml, path.string());
  } catch (const toml::parse_error& error) {
    return Error(Code::kMalformed, path.string() + ":" + std::to_string(error.source().begin.line) +
                                       ": " + std::string(error.description()));
  }
  return ManifestReader(path).Read(table);
}

}  // namespace souk::gpu
