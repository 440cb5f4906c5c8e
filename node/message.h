// Messages: what one ZeroMQ message holds. Frame 0 is a signed document's envelope; the frames
// after it are what its payload announces, and each proves itself: envelopes carry signatures, a
// receipt's SHA-256 stands in the Reply, a bundle's in the Entries, a chunk is checked with its
// blob.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "node/agent/event.h"

namespace souk::node {

using Frames = std::vector<SharedBytes>;

struct OpenedMessage {
  DocumentRef document = {};
  std::vector<DocumentRef> carried = {};
  SharedBytes receipt = {};
  SharedBytes bundle = {};
  SharedBytes chunk = {};
};

struct MessageFault {
  RefusalCode code = RefusalCode::kMalformed;
  std::string sentence = {};
};

// Cheap checks first, then signatures, then what the payload announces. Thread-safe: the verify
// pool runs this, the simulator calls it. `open` is Document::Open, or one that remembers what it
// verified.
using DocumentOpener = std::function<Result<DocumentRef>(ByteView envelope)>;
tl::expected<OpenedMessage, MessageFault> OpenMessage(const Frames& frames,
                                                      const DocumentOpener& open = Document::Open);

// The bounds that need no cryptography: how many frames, how long. What a transport checks first.
tl::expected<void, MessageFault> CheckFrameSizes(std::span<const size_t> sizes);

}  // namespace souk::node
