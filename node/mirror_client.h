// This node's own log as one of its mirrors holds it, over the wire (R2, R3): for a node that has
// lost it and so cannot run.
#pragma once

#include <functional>

#include "ledger/log/mirrors.h"
#include "node/agent/settings.h"
#include "protocol/identity.h"

namespace souk::node {

struct MirrorClientOptions {
  // The longest that the mirror may take to let this node in, and then for one answer, which has up
  // to a megabyte.
  Duration hello = Seconds(20);
  Duration patience = Seconds(120);
  // Called after every answer, with entries.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

// Says hello under the identity, asks with `entries-get`, and appends what proves itself to `into`.
// The card that goes with it is older than any that the node published itself, so that it replaces
// none. Returns the newest checkpoint of this log that the mirror says it knows, which may sign
// more than it holds; its size is 0 where it says none. Nothing is signed but the card, the hello
// and the questions. kUnavailable: nobody answers in time, or otherwise than asked; kDenied: the
// mirror refuses, in its own words; kMismatch, kBadSignature: what it sent is not this log.
Result<ledger::Checkpoint> FetchFromMirror(const Identity& identity, const PeerAddress& mirror,
                                           ledger::Mirrors& into,
                                           const MirrorClientOptions& options = {});

}  // namespace souk::node
