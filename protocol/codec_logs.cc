// What peers tell each other of logs: heads, forks, proofs, cosignatures.
#include "protocol/codec.h"
#include "protocol/codec_wire.h"
#include "schema.capnp.h"

namespace souk {
namespace wire {

Status CheckWhole(const ConsistencyGet& get) {
  return get.from <= get.to ? Ok() : Malformed("from is beyond to");
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

SOUK_STRUCT_CODEC(Head, Head, HEAD)
SOUK_STRUCT_CODEC(Fork, Fork, FORK)
SOUK_STRUCT_CODEC(ConsistencyGet, ConsistencyGet, CONSISTENCY_GET)
SOUK_STRUCT_CODEC(Consistency, Consistency, CONSISTENCY)
SOUK_STRUCT_CODEC(AddCheckpoint, AddCheckpoint, ADD_CHECKPOINT)
SOUK_STRUCT_CODEC(Cosigned, Cosigned, COSIGNED)

}  // namespace

SOUK_MESSAGE_CODEC(Head, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Fork, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(ConsistencyGet, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Consistency, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(AddCheckpoint, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Cosigned, limits::kDocumentBytes)

}  // namespace souk
