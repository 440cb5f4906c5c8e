// What peers tell each other of logs: heads, forks, proofs, cosignatures.
#include "protocol/codec.h"
#include "protocol/codec_wire.h"
#include "schema.capnp.h"

namespace souk {
namespace wire {

Status CheckWhole(const ConsistencyGet& get) {
  return get.from <= get.to ? Ok() : Malformed("from is beyond to");
}

Status CheckWhole(const EntriesGet& get) {
  return get.from <= get.size ? Ok() : Malformed("from is beyond size");
}

Status CheckWhole(const Entries& entries) {
  if (entries.from > entries.size || entries.count > entries.size - entries.from) {
    return Malformed("the entries are beyond size");
  }
  if (entries.bundle.has_value() != (entries.count > 0)) {
    return Malformed("bundle and count contradict each other");
  }
  return Ok();
}

}  // namespace wire

namespace {

using namespace wire;  // NOLINT: the tables' vocabulary

using NestedCard = Blob<limits::kNestedBytes + limits::kEnvelopeBytes>;
using EvidenceText = Text<limits::kEvidenceBytes, Lines::kMany>;
using RequestText = Text<limits::kAddCheckpointBytes, Lines::kMany>;

#define HEAD(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, peer, Peer)               \
  VALUE(Note, note, Note)

#define FORK(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(NestedCard, card, Card)            \
  VALUE(EvidenceText, evidence, Evidence)

#define CONSISTENCY_GET(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Plain, from, From)                            \
  VALUE(Plain, to, To)

#define CONSISTENCY(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, re, Re)                          \
  VALUE(Plain, from, From)                        \
  VALUE(Plain, to, To)                            \
  LIST(Fixed32, limits::kProofHashes, hashes, Hashes)

#define ADD_CHECKPOINT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(RequestText, request, Request)               \
  VALUE(Fixed32, witness, Witness)

#define COSIGNED(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, re, Re)                       \
  VALUE(Plain, status, Status)                 \
  VALUE(Note, body, Body)

#define ENTRY_GET(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, log, Log)                      \
  VALUE(Fixed32, reader, Reader)                \
  VALUE(Plain, index, Index)                    \
  VALUE(OptionalFixed32, document, Document)

#define ENTRIES_GET(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, log, Log)                        \
  VALUE(Plain, from, From)                        \
  VALUE(Plain, size, Size)

using EntryCount = Within<0, limits::kEntriesAtOnce>;
#define ENTRIES(VALUE, LIST, STRUCT, STRUCTS)         \
  VALUE(Fixed32, re, Re)                              \
  VALUE(Fixed32, log, Log)                            \
  VALUE(Plain, from, From)                            \
  VALUE(EntryCount, count, Count)                     \
  VALUE(Plain, size, Size)                            \
  LIST(Fixed32, limits::kProofHashes, hashes, Hashes) \
  VALUE(OptionalFixed32, bundle, Bundle)              \
  VALUE(Note, note, Note)

SOUK_STRUCT_CODEC(Head, Head, HEAD)
SOUK_STRUCT_CODEC(Fork, Fork, FORK)
SOUK_STRUCT_CODEC(ConsistencyGet, ConsistencyGet, CONSISTENCY_GET)
SOUK_STRUCT_CODEC(Consistency, Consistency, CONSISTENCY)
SOUK_STRUCT_CODEC(AddCheckpoint, AddCheckpoint, ADD_CHECKPOINT)
SOUK_STRUCT_CODEC(Cosigned, Cosigned, COSIGNED)
SOUK_STRUCT_CODEC(EntryGet, EntryGet, ENTRY_GET)
SOUK_STRUCT_CODEC(EntriesGet, EntriesGet, ENTRIES_GET)
SOUK_STRUCT_CODEC(Entries, Entries, ENTRIES)

}  // namespace

SOUK_MESSAGE_CODEC(Head, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Fork, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(ConsistencyGet, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Consistency, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(AddCheckpoint, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Cosigned, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(EntryGet, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(EntriesGet, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Entries, limits::kDocumentBytes)

}  // namespace souk
