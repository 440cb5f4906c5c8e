#include "protocol/messages.h"

#include <algorithm>

#include "protocol/limits.h"
#include "protocol/plain_text.h"

namespace souk {
namespace {

// Values may come from the wire, so that each switch must end: nullptr where no name is known.
const char* NameOf(CloseReason reason) {
  switch (reason) {
    case CloseReason::kNone:
      return "none";
    case CloseReason::kReleased:
      return "released";
    case CloseReason::kNotCommitted:
      return "not committed";
    case CloseReason::kUnpaid:
      return "unpaid";
    case CloseReason::kRenterWithdrew:
      return "renter withdrew";
    case CloseReason::kEndReached:
      return "end reached";
    case CloseReason::kNotReady:
      return "not ready";
    case CloseReason::kDrained:
      return "drained";
    case CloseReason::kDisplaced:
      return "displaced";
    case CloseReason::kProviderFault:
      return "provider fault";
    case CloseReason::kPeerLost:
      return "peer lost";
    case CloseReason::kDeviceLost:
      return "device lost";
    case CloseReason::kClearingLost:
      return "clearing peer lost";
  }
  return nullptr;
}

const char* NameOf(RefusalCode code) {
  switch (code) {
    case RefusalCode::kMalformed:
      return "malformed";
    case RefusalCode::kTooLarge:
      return "too large";
    case RefusalCode::kUnknownKind:
      return "unknown kind";
    case RefusalCode::kNotBound:
      return "not bound";
    case RefusalCode::kWrongSigner:
      return "wrong signer";
    case RefusalCode::kWrongVersion:
      return "wrong version";
    case RefusalCode::kRateLimited:
      return "rate limited";
    case RefusalCode::kExpired:
      return "expired";
    case RefusalCode::kDuplicate:
      return "duplicate";
    case RefusalCode::kNotFound:
      return "not found";
    case RefusalCode::kNotYours:
      return "not yours";
    case RefusalCode::kBusy:
      return "busy";
    case RefusalCode::kBadSignature:
      return "bad signature";
    case RefusalCode::kUnsupported:
      return "unsupported";
    case RefusalCode::kOfferUnknown:
      return "offer unknown";
    case RefusalCode::kOfferWithdrawn:
      return "offer withdrawn";
    case RefusalCode::kOfferExpired:
      return "offer expired";
    case RefusalCode::kTermsDiffer:
      return "terms differ";
    case RefusalCode::kNoCapacity:
      return "no capacity";
    case RefusalCode::kDraining:
      return "draining";
    case RefusalCode::kClearingNotAccepted:
      return "clearing peer not accepted";
    case RefusalCode::kLogDoubted:
      return "log doubted";
    case RefusalCode::kEscrowMissing:
      return "escrow missing";
    case RefusalCode::kEscrowUsed:
      return "escrow used";
    case RefusalCode::kEscrowMismatch:
      return "escrow mismatch";
    case RefusalCode::kInsufficientFunds:
      return "insufficient funds";
    case RefusalCode::kAccountUnknown:
      return "account unknown";
    case RefusalCode::kVoucherTooLow:
      return "voucher too low";
    case RefusalCode::kVoucherWrongKey:
      return "voucher of the wrong key";
    case RefusalCode::kOverEscrow:
      return "over the escrow";
    case RefusalCode::kReferenceUsed:
      return "reference used";
    case RefusalCode::kEscrowClosed:
      return "escrow closed";
    case RefusalCode::kLeaseUnknown:
      return "lease unknown";
    case RefusalCode::kLeaseWrongState:
      return "lease in another state";
    case RefusalCode::kWrongNumber:
      return "wrong number";
    case RefusalCode::kNotPaid:
      return "not paid";
    case RefusalCode::kBlobMismatch:
      return "blob mismatch";
    case RefusalCode::kWorkloadRefused:
      return "workload refused";
    case RefusalCode::kJobUnknown:
      return "job unknown";
  }
  return nullptr;
}

const char* OrUnknown(const char* name) {
  return name == nullptr ? "unknown" : name;
}

}  // namespace

bool IsKnown(CloseReason reason) {
  return NameOf(reason) != nullptr;
}
bool IsKnown(RefusalCode code) {
  return NameOf(code) != nullptr;
}
const char* CloseReasonName(CloseReason reason) {
  return OrUnknown(NameOf(reason));
}
const char* RefusalCodeName(RefusalCode code) {
  return OrUnknown(NameOf(code));
}

const char* ChallengeStatusName(ChallengeStatus status) {
  switch (status) {
    case ChallengeStatus::kPassed:
      return "passed";
    case ChallengeStatus::kLate:
      return "late";
    case ChallengeStatus::kWrong:
      return "wrong";
    case ChallengeStatus::kRefused:
      return "refused";
    case ChallengeStatus::kSilent:
      return "silent";
    case ChallengeStatus::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

bool Passed(const ChallengeVerdict& verdict) {
  return !verdict.results.empty() && std::all_of(verdict.results.begin(), verdict.results.end(),
                                                 [](const ChallengeResult& one) {
                                                   return one.status == ChallengeStatus::kPassed;
                                                 });
}

const char* GradeName(Grade grade) {
  switch (grade) {
    case Grade::kDeclared:
      return "declared";
    case Grade::kChallenged:
      return "challenged";
    case Grade::kAttested:
      return "attested";
  }
  return "unknown";
}

const char* JailGradeName(JailGrade grade) {
  switch (grade) {
    case JailGrade::kNone:
      return "none";
    case JailGrade::kLandlock:
      return "landlock";
    case JailGrade::kNamespaces:
      return "namespaces";
  }
  return "unknown";
}

const char* JobStatusName(JobStatus status) {
  switch (status) {
    case JobStatus::kDone:
      return "done";
    case JobStatus::kFailed:
      return "failed";
    case JobStatus::kCancelled:
      return "cancelled";
    case JobStatus::kLost:
      return "lost";
  }
  return "unknown";
}

Digest EscrowId(const PublicKey& account, const Digest& nonce) {
  return Sha256Hasher()
      .Update(AsBytes("souk/escrow"))
      .Update(account.view())
      .Update(nonce.view())
      .Finish();
}

bool IsReference(std::string_view text) {
  return text.size() <= limits::kNameBytes && IsName(text);
}

}  // namespace souk
