// What peers tell everyone, and each other: cards, offers, hello, gossip, blobs.
#include "protocol/codec.h"
#include "protocol/codec_wire.h"
#include "schema.capnp.h"

namespace souk {
namespace wire {

Status CheckWhole(const Offer& offer) {
  if (offer.min_duration > offer.max_duration)
    return Malformed("min_duration is over max_duration");
  if (offer.device_kind.empty()) return Malformed("device_kind is empty");
  return Ok();
}

Status CheckWhole(const Hello& hello) {
  if (hello.oldest_version > hello.newest_version) return Malformed("no wire version is named");
  return Ok();
}

Status CheckWhole(const BlobChunk& chunk) {
  if (chunk.offset > chunk.total) return Malformed("offset is beyond the blob's end");
  return Ok();
}

}  // namespace wire

namespace {

using namespace wire;  // NOLINT: the tables' vocabulary

using DeviceCount = Within<1, limits::kSlices>;
using FreeSlices = Within<0, limits::kSlices>;
using Version = Within<1, UINT32_MAX>;
using BlobSize = Within<0, limits::kBlobBytes>;
using ChunkLength = Within<0, limits::kBlobChunkBytes>;  // an empty blob is one empty chunk
using GradeChoice = Choice<schema::Grade, Grade, Grade::kAttested>;
using NestedEnvelope = Blob<limits::kNestedBytes + limits::kEnvelopeBytes>;
using JailChoice = Choice<schema::JailGrade, JailGrade, JailGrade::kNamespaces>;

#define CARD(VALUE, LIST, STRUCT, STRUCTS)                 \
  VALUE(Name, name, Name)                                  \
  LIST(Endpoint, limits::kEndpoints, endpoints, Endpoints) \
  VALUE(Fixed32, curve, Curve)                             \
  VALUE(Fixed32, checkpoint_key, CheckpointKey)            \
  VALUE(Endpoint, log_name, LogName)                       \
  VALUE(Plain, epoch, Epoch)                               \
  VALUE(Fixed32, successor, Successor)                     \
  VALUE(Plain, provides, Provides)                         \
  VALUE(Plain, clears, Clears)                             \
  VALUE(Plain, rents, Rents)                               \
  VALUE(Plain, sequence, Sequence)                         \
  VALUE(Moment, issued, Issued)                            \
  VALUE(Moment, expires, Expires)                          \
  VALUE(Fixed32, peer, Peer)                               \
  VALUE(Plain, open_log, OpenLog)                          \
  LIST(Fixed32, limits::kLogReaders, readers, Readers)     \
  VALUE(Endpoint, log_url, LogUrl)                         \
  VALUE(OptionalFixed32, witness_key, WitnessKey)

#define OFFER(VALUE, LIST, STRUCT, STRUCTS)                                    \
  VALUE(Plain, sequence, Sequence)                                             \
  VALUE(Moment, issued, Issued)                                                \
  VALUE(Moment, expires, Expires)                                              \
  VALUE(Token, device_kind, DeviceKind)                                        \
  VALUE(Name, model, Model)                                                    \
  VALUE(Plain, architecture, Architecture)                                     \
  VALUE(Plain, memory_bytes, MemoryBytes)                                      \
  VALUE(DeviceCount, count, Count)                                             \
  VALUE(FreeSlices, slices, Slices)                                            \
  VALUE(Name, driver, Driver)                                                  \
  VALUE(Plain, cuda_version, CudaVersion)                                      \
  VALUE(Plain, newest_ptx, NewestPtx)                                          \
  VALUE(GradeChoice, grade, Grade)                                             \
  VALUE(Plain, fp32_mflops, Fp32Mflops)                                        \
  VALUE(JailChoice, jail, Jail)                                                \
  VALUE(Price, price, Price)                                                   \
  VALUE(OptionalPrice, interruptible_price, InterruptiblePrice)                \
  VALUE(Price, hold_price, HoldPrice)                                          \
  VALUE(Amount, hold_fee, HoldFee)                                             \
  VALUE(Span, grace, Grace)                                                    \
  VALUE(Span, notice, Notice)                                                  \
  VALUE(Span, longest_interval, LongestInterval)                               \
  VALUE(Span, min_duration, MinDuration)                                       \
  VALUE(Span, max_duration, MaxDuration)                                       \
  VALUE(Region, region, Region)                                                \
  LIST(Fixed32, limits::kClearingPeersPerOffer, clearing_peers, ClearingPeers) \
  VALUE(Amount, bond_share, BondShare)                                         \
  VALUE(Plain, bandwidth_kbps, BandwidthKbps)                                  \
  VALUE(Fixed32, peer, Peer)                                                   \
  VALUE(NestedEnvelope, verdict, Verdict)

#define WITHDRAWAL(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Plain, sequence, Sequence)               \
  VALUE(Moment, issued, Issued)                  \
  VALUE(Fixed32, peer, Peer)

#define HELLO(VALUE, LIST, STRUCT, STRUCTS)     \
  VALUE(Fixed32, card, Card)                    \
  VALUE(Version, oldest_version, OldestVersion) \
  VALUE(Version, newest_version, NewestVersion) \
  VALUE(Moment, sent, Sent)                     \
  VALUE(Note, your_checkpoint, YourCheckpoint)  \
  VALUE(Note, my_checkpoint, MyCheckpoint)      \
  VALUE(Plain, answer, Answer)

#define IDS(VALUE, LIST, STRUCT, STRUCTS) LIST(Fixed32, limits::kGossipIds, ids, Ids)

using GossipCount = Within<0, limits::kGossipIds>;
#define BUNDLE(VALUE, LIST, STRUCT, STRUCTS) VALUE(GossipCount, count, Count)

#define REFUSAL(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, re, Re)                      \
  VALUE(Coded<RefusalCode>, code, Code)       \
  VALUE(Sentence, sentence, Sentence)         \
  VALUE(Sentence, would_accept, WouldAccept)

#define CARRY(VALUE, LIST, STRUCT, STRUCTS) \
  LIST(Envelope, limits::kDocumentsPerEntry, documents, Documents)

using AttachmentCount = Within<0, limits::kFramesPerMessage - 1>;
#define REPLY(VALUE, LIST, STRUCT, STRUCTS)    \
  VALUE(Fixed32, re, Re)                       \
  VALUE(AttachmentCount, documents, Documents) \
  VALUE(OptionalFixed32, receipt, Receipt)

#define BLOB_GET(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, blob, Blob)                   \
  VALUE(BlobSize, offset, Offset)              \
  VALUE(ChunkLength, length, Length)           \
  VALUE(Fixed32, job, Job)

#define BLOB_CHUNK(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, blob, Blob)                     \
  VALUE(BlobSize, offset, Offset)                \
  VALUE(BlobSize, total, Total)                  \
  VALUE(Fixed32, job, Job)

SOUK_STRUCT_CODEC(Card, Card, CARD)
SOUK_STRUCT_CODEC(Offer, Offer, OFFER)
SOUK_STRUCT_CODEC(Withdrawal, Withdrawal, WITHDRAWAL)
SOUK_STRUCT_CODEC(Hello, Hello, HELLO)
SOUK_STRUCT_CODEC(Have, Have, IDS)
SOUK_STRUCT_CODEC(Want, Want, IDS)
SOUK_STRUCT_CODEC(Bundle, Bundle, BUNDLE)
SOUK_STRUCT_CODEC(Refusal, Refusal, REFUSAL)
SOUK_STRUCT_CODEC(Carry, Carry, CARRY)
SOUK_STRUCT_CODEC(Reply, Reply, REPLY)
SOUK_STRUCT_CODEC(BlobGet, BlobGet, BLOB_GET)
SOUK_STRUCT_CODEC(BlobChunk, BlobChunk, BLOB_CHUNK)

}  // namespace

SOUK_MESSAGE_CODEC(Card, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Offer, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Withdrawal, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Hello, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Have, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Want, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Bundle, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Refusal, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Carry, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Reply, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(BlobGet, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(BlobChunk, limits::kDocumentBytes)

}  // namespace souk
