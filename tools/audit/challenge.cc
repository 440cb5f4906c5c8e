// souk-audit challenge: the capability challenges of a log, computed again from its documents and
// the blobs beside it (R7).
#include <fmt/format.h>

#include <map>
#include <set>

#include "gpu/challenge/verify.h"
#include "ledger/audit/audit.h"
#include "protocol/base/file.h"
#include "protocol/codec.h"
#include "protocol/limits.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using Step = ChallengeStep::Event;

struct LeasedDevice {
  PeerId provider = {};
  std::string device = {};
};

struct Transcript {
  Digest id = {};
  Digest lease = {};
  Challenge challenge = {};
  PeerId verifier = {};
  std::optional<ChallengeRoot> root = {};
  std::optional<ChallengeRows> rows = {};
  std::optional<ChallengeOpening> opening = {};
  std::optional<ChallengeVerdict> verdict = {};
  ChallengeStatus status = ChallengeStatus::kInterrupted;  // as the verdict says
  uint64_t first_entry = 0;
};

// What computing it again came to.
enum class Found : uint8_t { kAgrees, kDiffers, kUnchecked };
struct Recheck {
  Found found = Found::kUnchecked;
  std::string sentence = {};
};

class Transcripts {
 public:
  // Documents are taken as they stand: the audit before checked their signatures and their order.
  void Add(const Entry& entry) {
    if (const auto* step = std::get_if<LeaseStep>(&entry.outcome)) return AddLease(entry, *step);
    const auto* step = std::get_if<ChallengeStep>(&entry.outcome);
    if (step == nullptr || entry.documents.empty()) return;
    const auto document = Document::OpenTrusted(entry.documents[0]);
    if (!document) return;
    Transcript& one = all_[step->challenge];
    switch (step->event) {
      case Step::kAsked:
      case Step::kTaken:
        one.id = step->challenge;
        one.lease = step->lease;
        one.verifier = (*document)->signer();
        one.first_entry = entry.sequence;
        if (auto challenge = Decode<Challenge>(**document)) one.challenge = std::move(*challenge);
        return;
      case Step::kCommitted:
        return Take(**document, one.root);
      case Step::kRowsAsked:
        return Take(**document, one.rows);
      case Step::kOpened:
        return Take(**document, one.opening);
      case Step::kJudged:
        one.status = step->status;
        return Take(**document, one.verdict);
      case Step::kLapsed:
        return;
    }
  }

  const std::map<Digest, Transcript>& all() const { return all_; }
  // Of the log's acceptances and challenges.
  std::vector<Digest> Leases() const {
    std::vector<Digest> leases;
    for (const auto& [lease, device] : devices_) leases.push_back(lease);
    for (const auto& [id, one] : all_) leases.push_back(one.lease);
    return leases;
  }
  const LeasedDevice* DeviceOf(const Digest& lease) const {
    const auto it = devices_.find(lease);
    return it == devices_.end() ? nullptr : &it->second;
  }

 private:
  template <typename Message>
  static void Take(const Document& document, std::optional<Message>& into) {
    if (auto message = Decode<Message>(document)) into = std::move(*message);
  }
  void AddLease(const Entry& entry, const LeaseStep& step) {
    if (step.event != LeaseEvent::kAccepted || entry.documents.empty()) return;
    const auto document = Document::OpenTrusted(entry.documents.back());
    const auto acceptance =
        document ? Decode<Acceptance>(**document) : Result<Acceptance>(document.error());
    if (acceptance) devices_[step.lease] = {(*document)->signer(), acceptance->device};
  }

  std::map<Digest, Transcript> all_ = {};
  std::map<Digest, LeasedDevice> devices_ = {};
};

// As node/blob_store.h lays them out.
std::filesystem::path BlobPath(const std::filesystem::path& dir, const Digest& digest) {
  const std::filesystem::path below = std::filesystem::path("blobs") / "sha256" / digest.Hex();
  return std::filesystem::exists(dir / below) ? dir / below : dir.parent_path() / below;
}

Recheck CheckAgain(const std::filesystem::path& dir, const Transcript& one,
                   const LeasedDevice* device) {
  if (!one.verdict) return {Found::kUnchecked, "no verdict: its secret is not known"};
  if (device == nullptr) return {Found::kUnchecked, "the lease's acceptance is not in this log"};
  const Digest& secret = one.verdict->secret;
  const Challenge& asked = one.challenge;
  if (Sha256(secret.view()) != asked.secret_digest) {
    return {Found::kDiffers, "the secret is not the one that the challenge fixed"};
  }
  if (one.rows && one.rows->rows != gpu::ChosenRows(secret, one.id, asked.size, asked.rows)) {
    return {Found::kDiffers, "the rows do not follow from the secret"};
  }
  if (!one.root || !one.rows || !one.opening) {
    return one.status == ChallengeStatus::kPassed ? Recheck{Found::kDiffers, "passed without rows"}
                                                  : Recheck{Found::kAgrees, "nothing was opened"};
  }
  const uint64_t most = gpu::OpeningBytes(asked.size, asked.rows);
  const auto bytes = ReadFile(BlobPath(dir, one.opening->blob.digest), most);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    return {Found::kUnchecked, "the opened rows are not here any more"};
  }
  if (!bytes) return {Found::kUnchecked, bytes.error().message};
  if (Sha256(*bytes) != one.opening->blob.digest) {
    return {Found::kUnchecked, "the blob of the opened rows is damaged"};
  }
  const gpu::ProductClaim claim = {
      .challenge = one.id,
      .seed = gpu::MatrixSeed(asked.nonce, device->provider.bytes, one.lease, device->device),
      .size = asked.size,
      .root = one.root->root,
      .rows = one.rows->rows};
  const Status checked = gpu::CheckOpening(claim, secret, *bytes);
  const bool passed = one.status == ChallengeStatus::kPassed;
  if (checked) {
    if (one.status == ChallengeStatus::kWrong) return {Found::kDiffers, "its rows are right"};
    return {Found::kAgrees,
            fmt::format("{} rows of {}² are the product's", asked.rows, asked.size)};
  }
  return {passed ? Found::kDiffers : Found::kAgrees, checked.error().message};
}

const char* FoundName(Found found) {
  switch (found) {
    case Found::kAgrees:
      return "agrees";
    case Found::kDiffers:
      return "differs";
    case Found::kUnchecked:
      return "unchecked";
  }
  return "?";
}

Json TranscriptJson(const Transcript& one, const Recheck& recheck) {
  Json out = {{"challenge", one.id.Hex()},
              {"lease", one.lease.Hex()},
              {"verifier", one.verifier.ToString()},
              {"model", one.challenge.model},
              {"size", one.challenge.size},
              {"rows", one.challenge.rows},
              {"entry", one.first_entry},
              {"found", FoundName(recheck.found)},
              {"sentence", recheck.sentence}};
  out["status"] = one.verdict ? Json(ChallengeStatusName(one.status)) : Json();
  return out;
}

Result<Transcripts> ReadTranscripts(const ledger::LogReader& log) {
  Transcripts out;
  const uint64_t end = log.signed_size();
  const Status read = log.ForEach(0, [&](uint64_t index, ByteView leaf) -> Status {
    if (index >= end) return Ok();
    ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(leaf));
    out.Add(entry);
    return Ok();
  });
  if (!read) return read.error();
  return out;
}

}  // namespace

int RunChallengeAudit(const AuditTarget& target, const std::string& lease) {
  const auto opened = OpenLedger(target.dir, target.vkey);
  if (!opened) return Fail(opened.error());
  if (ledger::Audit(opened->log()).verdict == ledger::Verdict::kInvalid) {
    return Fail(
        fmt::format("the ledger does not verify; see: souk-audit verify {}", target.dir.string()));
  }
  const auto transcripts = ReadTranscripts(opened->log());
  if (!transcripts) return Fail(transcripts.error());
  std::optional<Digest> only;
  if (!lease.empty()) {
    const auto found = ResolveId(lease, transcripts->Leases());
    if (!found && found.error().code == Code::kNotFound) {
      return Fail(Error(Code::kNotFound, "this log has no lease " + lease));
    }
    if (!found) return Fail(found.error());
    only = *found;
  }
  Table table(
      {{"CHALLENGE"}, {"LEASE"}, {"GPU"}, {"N", Align::kRight}, {"VERDICT"}, {"AGAIN"}, {""}});
  Json rows = Json::array();
  std::set<Found> found;
  for (const auto& [id, one] : transcripts->all()) {
    if (only && one.lease != *only) continue;
    const Recheck recheck = CheckAgain(target.dir, one, transcripts->DeviceOf(one.lease));
    found.insert(recheck.found);
    rows.push_back(TranscriptJson(one, recheck));
    table.Add({id.Short(), one.lease.Short(), one.challenge.model,
               std::to_string(one.challenge.size),
               one.verdict ? ChallengeStatusName(one.status) : "none", FoundName(recheck.found),
               recheck.sentence});
  }
  const bool agrees = !found.contains(Found::kDiffers) && !found.contains(Found::kUnchecked);
  if (target.json) {
    PrintJson({{"challenges", std::move(rows)}, {"ok", agrees}});
  } else if (table.rows() == 0) {
    Print("no challenges\n");
  } else {
    Print(table);
  }
  return agrees ? kDone : kFailed;
}

}  // namespace souk::tools
