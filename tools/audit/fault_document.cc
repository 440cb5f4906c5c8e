#include "tools/audit/fault_document.h"

#include "gpu/worker/byte_reader.h"

namespace souk::tools {
namespace {

constexpr std::string_view kFaultMagic = "soukflt1";
constexpr uint8_t kOutputFault = 1;
constexpr uint8_t kStepFault = 2;
constexpr size_t kMostPath = 64;

void PutSection(Bytes& out, ByteView section) {
  PutLe(out, static_cast<uint64_t>(section.size()));
  Append(out, section);
}

void PutPage(Bytes& out, const gpu::FaultEvidence::Page& page) {
  PutLe(out, page.page);
  PutLe(out, static_cast<uint16_t>(page.bytes.size()));
  Append(out, page.bytes);
}

Bytes EncodeEvidence(const gpu::FaultEvidence& evidence) {
  Bytes out;
  if (!evidence.output.empty()) {
    PutLe(out, kOutputFault);
    gpu::PutText(out, evidence.output, gpu::kMaxNameBytes);
    return out;
  }
  PutLe(out, kStepFault);
  PutLe(out, static_cast<uint32_t>(evidence.commitments.size()));
  for (const gpu::Commitment& commitment : evidence.commitments) {
    PutLe(out, commitment.launch);
    Append(out, commitment.state_root.view());
  }
  PutLe(out, evidence.step);
  PutLe(out, static_cast<uint32_t>(evidence.before.size()));
  for (const gpu::FaultEvidence::Page& page : evidence.before) PutPage(out, page);
  PutPage(out, evidence.after);
  PutLe(out, static_cast<uint16_t>(evidence.path.size()));
  for (const Digest& hash : evidence.path) Append(out, hash.view());
  return out;
}

gpu::FaultEvidence::Page GetPage(gpu::ByteReader& in) {
  gpu::FaultEvidence::Page page;
  page.page = in.Int<uint64_t>();
  const size_t length = in.Count(in.Int<uint16_t>(), 1);
  in.Require(length <= gpu::kStatePageBytes);
  page.bytes = in.Raw(length);
  return page;
}

Result<gpu::FaultEvidence> DecodeEvidence(ByteView bytes) {
  gpu::ByteReader in(bytes);
  gpu::FaultEvidence evidence;
  const auto kind = in.Int<uint8_t>();
  if (kind == kOutputFault) {
    evidence.output = in.Text(gpu::kMaxNameBytes);
    in.Require(!evidence.output.empty());
  } else if (kind == kStepFault) {
    evidence.commitments.resize(in.Count(in.Int<uint32_t>(), 8 + 32));
    for (gpu::Commitment& commitment : evidence.commitments) {
      commitment.launch = in.Int<uint64_t>();
      commitment.state_root = in.ReadDigest();
    }
    evidence.step = in.Int<uint64_t>();
    const size_t before = in.Count(in.Int<uint32_t>(), 8 + 2);
    for (size_t i = 0; in.ok() && i < before; ++i) evidence.before.push_back(GetPage(in));
    evidence.after = GetPage(in);
    const size_t path = in.Count(in.Int<uint16_t>(), 32);
    in.Require(path <= kMostPath);
    for (size_t i = 0; in.ok() && i < path; ++i) evidence.path.push_back(in.ReadDigest());
  } else {
    in.Require(false);
  }
  if (!in.Complete()) return Error(Code::kMalformed, "the fault document's evidence");
  return evidence;
}

// Cuts sections off the front.
class Sections {
 public:
  explicit Sections(ByteView bytes) : left_(bytes) {}
  Result<ByteView> Next() {
    if (left_.size() < 8) return Error(Code::kMalformed, "the fault document is cut off");
    const auto length = GetLe<uint64_t>(left_.data());
    left_ = left_.subspan(8);
    if (length > left_.size()) return Error(Code::kMalformed, "the fault document is cut off");
    const ByteView section = left_.first(length);
    left_ = left_.subspan(length);
    return section;
  }
  bool empty() const { return left_.empty(); }

 private:
  ByteView left_;
};

}  // namespace

Result<Bytes> EncodeFaultDocument(const JobCase& job, const gpu::FaultEvidence& evidence,
                                  gpu::BlobSource& blobs) {
  Bytes out = ToBytes(AsBytes(kFaultMagic));
  PutSection(out, job.job_document->envelope());
  PutSection(out, job.receipt_document->envelope());
  PutSection(out, job.encoded_workload);
  PutSection(out, EncodeEvidence(evidence));
  for (const gpu::BlobRef& blob : gpu::BlobsOf(job.workload)) {
    if (out.size() + blob.bytes > kMostFaultBytes) {
      return Error(Code::kTooLarge, "the fault document is over 4 GiB");
    }
    ASSIGN_OR_RETURN(const Bytes bytes, gpu::ReadChecked(blobs, blob));
    PutSection(out, bytes);
  }
  return out;
}

Result<FaultDocument> DecodeFaultDocument(ByteView file) {
  if (file.size() < kFaultMagic.size() || AsText(file.first(kFaultMagic.size())) != kFaultMagic) {
    return Error(Code::kMalformed, "this is no fault document");
  }
  Sections sections(file.subspan(kFaultMagic.size()));
  ASSIGN_OR_RETURN(const ByteView job_bytes, sections.Next());
  ASSIGN_OR_RETURN(const ByteView receipt_bytes, sections.Next());
  ASSIGN_OR_RETURN(const ByteView workload, sections.Next());
  ASSIGN_OR_RETURN(const ByteView evidence, sections.Next());
  ASSIGN_OR_RETURN(DocumentRef job, Document::Open(job_bytes));
  ASSIGN_OR_RETURN(DocumentRef receipt, Document::Open(receipt_bytes));
  FaultDocument out;
  ASSIGN_OR_RETURN(out.job, MakeJobCase(std::move(job), std::move(receipt), ToBytes(workload)));
  ASSIGN_OR_RETURN(out.evidence, DecodeEvidence(evidence));
  for (const gpu::BlobRef& blob : gpu::BlobsOf(out.job.workload)) {
    ASSIGN_OR_RETURN(const ByteView bytes, sections.Next());
    if (bytes.size() != blob.bytes || Sha256(bytes) != blob.digest) {
      return Error(Code::kMismatch, "a blob of the fault document is not what the workload names");
    }
    out.blobs.Add(ToBytes(bytes));
  }
  if (!sections.empty()) return Error(Code::kMalformed, "the fault document goes on after its end");
  return out;
}

}  // namespace souk::tools
