#include "ledger/witness/fork_evidence.h"

#include <algorithm>
#include <utility>

#include "ledger/c2sp/cosignature.h"

namespace souk::ledger {
namespace {

constexpr std::string_view kEvidenceHeader = "souk/fork-evidence@v1";
constexpr std::string_view kRootPrefix = "root ";
constexpr std::string_view kNotePrefix = "note ";

Error BadEvidence(const char* why) {
  return Error(Code::kMalformed, std::string("fork evidence: ") + why);
}

std::optional<std::string_view> TakeEvidenceLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

Result<Digest> ParseHash(std::string_view base64) {
  const auto raw = FromBase64(base64);
  if (!raw) return raw.error().Within("fork evidence: hash");
  return Digest::FromBytes(*raw);
}

// "note <bytes>" and as many bytes.
Result<std::string> TakeNote(std::string_view& text) {
  const auto line = TakeEvidenceLine(text);
  if (!line || !line->starts_with(kNotePrefix)) return BadEvidence("a note is missing");
  const auto size = ParseTreeSize(line->substr(kNotePrefix.size()));
  if (!size || *size == 0 || *size > kMaxEvidenceNoteBytes || *size > text.size()) {
    return BadEvidence("a note has not the length that it should have");
  }
  std::string note(text.substr(0, *size));
  text.remove_prefix(*size);
  return note;
}

// A note that keys of the log signed.
struct SignedHead {
  Checkpoint head;
  std::string note;  // with the log's own signatures alone
};

Result<SignedHead> OpenHead(std::string_view text, std::span<const NoteVerifier> log) {
  const TrustPolicy policy{{log.begin(), log.end()}, {}, 0};
  ASSIGN_OR_RETURN(auto opened, OpenCosigned(text, policy));
  ASSIGN_OR_RETURN(const Note note, ParseNote(text));
  Note own = KeepSignaturesOf(note, log);
  // One signature says it all, and bounds the evidence.
  own.signatures.resize(1);
  return SignedHead{std::move(opened.checkpoint), own.ToText()};
}

Result<HeadComparison> ForkOf(const SignedHead& earlier, const SignedHead& later,
                              const std::optional<Digest>& proven_root,
                              std::span<const Digest> proof) {
  if (std::max(earlier.note.size(), later.note.size()) > kMaxEvidenceNoteBytes) {
    return Error(Code::kTooLarge, "the log has forked, but its heads are too long for evidence");
  }
  return HeadComparison{
      HeadComparison::Verdict::kFork,
      ForkEvidence{earlier.note, later.note, proven_root, {proof.begin(), proof.end()}}};
}

}  // namespace

std::string ForkEvidence::ToText() const {
  std::string out = std::string(kEvidenceHeader) + "\n";
  if (proven_root) out += std::string(kRootPrefix) + ToBase64(proven_root->view()) + "\n";
  for (const Digest& hash : proof) out += ToBase64(hash.view()) + "\n";
  out += "\n";
  for (const std::string* note : {&earlier, &later}) {
    out += std::string(kNotePrefix) + std::to_string(note->size()) + "\n" + *note;
  }
  return out;
}

Result<ForkEvidence> ParseForkEvidence(std::string_view text) {
  if (text.size() > kMaxForkEvidenceBytes) {
    return Error(Code::kTooLarge, "fork evidence: too long");
  }
  auto line = TakeEvidenceLine(text);
  if (!line || *line != kEvidenceHeader) {
    return BadEvidence("the first line is not souk/fork-evidence@v1");
  }
  ForkEvidence out;
  line = TakeEvidenceLine(text);
  if (line && line->starts_with(kRootPrefix)) {
    ASSIGN_OR_RETURN(out.proven_root, ParseHash(line->substr(kRootPrefix.size())));
    line = TakeEvidenceLine(text);
  }
  for (; line && !line->empty(); line = TakeEvidenceLine(text)) {
    if (!out.proven_root) return BadEvidence("a proof without the root that it starts from");
    if (out.proof.size() == kMaxProofHashes) return BadEvidence("more hashes than any tree needs");
    ASSIGN_OR_RETURN(const Digest hash, ParseHash(*line));
    out.proof.push_back(hash);
  }
  if (!line) return BadEvidence("no blank line before the notes");
  ASSIGN_OR_RETURN(out.earlier, TakeNote(text));
  ASSIGN_OR_RETURN(out.later, TakeNote(text));
  if (!text.empty()) return BadEvidence("something follows the second note");
  return out;
}

Result<Fork> VerifyForkEvidence(const ForkEvidence& evidence, std::span<const NoteVerifier> log) {
  ASSIGN_OR_RETURN(const SignedHead earlier, OpenHead(evidence.earlier, log));
  ASSIGN_OR_RETURN(const SignedHead later, OpenHead(evidence.later, log));
  Fork fork{earlier.head, later.head, later.head.root};
  if (!evidence.proven_root) {
    if (earlier.head.size != later.head.size) {
      return Error(Code::kMismatch, "heads of two sizes contradict each other only with a proof");
    }
  } else {
    fork.other_root = *evidence.proven_root;
    if (earlier.head.size >= later.head.size) {
      return Error(Code::kMismatch, "the proof does not lead from a smaller tree to a larger");
    }
    RETURN_IF_ERROR(VerifyConsistency(earlier.head.size, fork.other_root, later.head.size,
                                      later.head.root, evidence.proof));
  }
  if (fork.other_root == earlier.head.root) {
    return Error(Code::kMismatch, "the two heads do not contradict each other");
  }
  return fork;
}

Result<HeadComparison> CompareHeads(std::string_view one, std::string_view other,
                                    std::span<const NoteVerifier> log,
                                    std::span<const Digest> proof,
                                    const std::optional<Digest>& claimed_root) {
  ASSIGN_OR_RETURN(SignedHead earlier, OpenHead(one, log));
  ASSIGN_OR_RETURN(SignedHead later, OpenHead(other, log));
  if (earlier.head.size > later.head.size) std::swap(earlier, later);
  const uint64_t old_size = earlier.head.size;
  const uint64_t size = later.head.size;
  if (old_size == size) {
    if (earlier.head.root != later.head.root) return ForkOf(earlier, later, {}, {});
    return HeadComparison{HeadComparison::Verdict::kConsistent, {}};
  }
  if (VerifyConsistency(old_size, earlier.head.root, size, later.head.root, proof)) {
    return HeadComparison{HeadComparison::Verdict::kConsistent, {}};
  }
  // From which root the proof does lead there: it may say that itself.
  std::optional<Digest> proven_root = claimed_root;
  if (const auto said = ProvenOldRoot(old_size, size, later.head.root, proof)) proven_root = *said;
  if (proven_root && *proven_root != earlier.head.root &&
      VerifyConsistency(old_size, *proven_root, size, later.head.root, proof)) {
    return ForkOf(earlier, later, proven_root, proof);
  }
  return HeadComparison{HeadComparison::Verdict::kUnproven, {}};
}

}  // namespace souk::ledger
