// The fault document (R7): a file that proves a result wrong to anyone, offline.
//
//   "soukflt1" then sections, each length:u64 and so many bytes, in this order:
//   the signed job · the signed receipt · the workload's encoding · the evidence
//   and to the end the blobs that the workload names, in BlobsOf's order
//   evidence = 1 output:str16
//            | 2 commitments (u32 × (launch:u64 root:32)) step:u64
//              before (u32 × page) after:page path (u16 × hash:32)
//   page     = number:u64 length:u16 and so many bytes              integers are little-endian
#pragma once

#include "gpu/workload/fault.h"
#include "tools/audit/job_case.h"

namespace souk::tools {

struct FaultDocument {
  JobCase job = {};
  gpu::FaultEvidence evidence = {};
  gpu::MemoryBlobs blobs = {};  // those of the workload
};

// kTooLarge over kMostFaultBytes.
inline constexpr uint64_t kMostFaultBytes = uint64_t{4} << 30;
Result<Bytes> EncodeFaultDocument(const JobCase& job, const gpu::FaultEvidence& evidence,
                                  gpu::BlobSource& blobs);
// Signatures, digests and form are checked; what it proves is CheckFault's to say.
Result<FaultDocument> DecodeFaultDocument(ByteView file);

}  // namespace souk::tools
