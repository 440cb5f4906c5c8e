#include "node/message.h"

#include "protocol/limits.h"

namespace souk::node {
namespace {

using Fault = tl::unexpected<MessageFault>;

Fault Refuse(RefusalCode code, std::string sentence) {
  return Fault(MessageFault{code, std::move(sentence)});
}

RefusalCode CodeOf(const Error& error) {
  if (error.code == Code::kTooLarge) return RefusalCode::kTooLarge;
  if (error.code == Code::kBadSignature) return RefusalCode::kBadSignature;
  if (error.code == Code::kUnsupported) return RefusalCode::kUnknownKind;
  return RefusalCode::kMalformed;
}

// How a payload's announcement is met.
struct Announced {
  std::vector<Bytes> nested = {};  // envelopes inside the payload
  size_t documents = 0;            // envelopes in further frames
  std::optional<Digest> receipt = {};
  std::optional<Digest> bundle = {};
  bool chunk = false;
};

Result<Announced> Announce(const Document& document) {
  Announced out;
  switch (document.kind()) {
    case Kind::kHello:
      out.documents = 1;
      return out;
    case Kind::kBundle: {
      ASSIGN_OR_RETURN(const Bundle bundle, Decode<Bundle>(document));
      out.documents = bundle.count;
      return out;
    }
    case Kind::kReply: {
      ASSIGN_OR_RETURN(const Reply reply, Decode<Reply>(document));
      out.documents = reply.documents;
      out.receipt = reply.receipt;
      return out;
    }
    case Kind::kCarry: {
      ASSIGN_OR_RETURN(Carry carry, Decode<Carry>(document));
      out.nested = std::move(carry.documents);
      return out;
    }
    case Kind::kShow: {
      ASSIGN_OR_RETURN(const Show show, Decode<Show>(document));
      out.nested = {show.order, show.acceptance};
      return out;
    }
    case Kind::kPost: {
      ASSIGN_OR_RETURN(const Post post, Decode<Post>(document));
      out.nested = {post.voucher};
      return out;
    }
    case Kind::kBlobChunk:
      out.chunk = true;
      return out;
    case Kind::kEntries: {
      ASSIGN_OR_RETURN(const Entries entries, Decode<Entries>(document));
      out.bundle = entries.bundle;
      return out;
    }
    default:
      return out;
  }
}

}  // namespace

tl::expected<void, MessageFault> CheckFrameSizes(std::span<const size_t> sizes) {
  if (sizes.empty()) return Refuse(RefusalCode::kMalformed, "an empty message");
  if (sizes.size() > limits::kFramesPerMessage + 1) {
    return Refuse(RefusalCode::kTooLarge, "too many frames in a message");
  }
  if (sizes[0] > limits::kDocumentBytes) {
    return Refuse(RefusalCode::kTooLarge, "a document is at most 16 KiB");
  }
  size_t total = 0;
  for (const size_t size : sizes.subspan(1)) {
    if (size > limits::kBlobChunkBytes)
      return Refuse(RefusalCode::kTooLarge, "a frame is at most 1 MiB");
    total += size;
  }
  if (total > 2 * limits::kBlobChunkBytes) {
    return Refuse(RefusalCode::kTooLarge, "a message is at most 2 MiB");
  }
  return {};
}

tl::expected<OpenedMessage, MessageFault> OpenMessage(const Frames& frames,
                                                      const DocumentOpener& open) {
  std::vector<size_t> sizes;
  for (const SharedBytes& frame : frames) sizes.push_back(frame->size());
  if (const auto fits = CheckFrameSizes(sizes); !fits) return Fault(fits.error());
  const auto document = open(*frames[0]);
  if (!document) return Refuse(CodeOf(document.error()), document.error().message);
  const auto announced = Announce(**document);
  if (!announced) return Refuse(CodeOf(announced.error()), announced.error().message);

  OpenedMessage out{.document = *document};
  const size_t expected = 1 + announced->documents + (announced->receipt ? 1u : 0u) +
                          (announced->bundle ? 1u : 0u) + (announced->chunk ? 1u : 0u);
  if (frames.size() != expected) {
    return Refuse(RefusalCode::kMalformed,
                  "the message has not the frames that its document announces");
  }
  for (const Bytes& nested : announced->nested) {
    const auto opened = open(nested);
    if (!opened) return Refuse(CodeOf(opened.error()), opened.error().message);
    out.carried.push_back(*opened);
  }
  size_t next = 1;
  for (size_t i = 0; i < announced->documents; ++i, ++next) {
    if (frames[next]->size() > limits::kDocumentBytes) {
      return Refuse(RefusalCode::kTooLarge, "a document is at most 16 KiB");
    }
    const auto opened = open(*frames[next]);
    if (!opened) return Refuse(CodeOf(opened.error()), opened.error().message);
    out.carried.push_back(*opened);
  }
  if (announced->receipt) {
    if (frames[next]->size() > limits::kReceiptBytes ||
        Sha256(*frames[next]) != *announced->receipt) {
      return Refuse(RefusalCode::kMalformed, "the receipt is not the one that the reply names");
    }
    out.receipt = frames[next++];
  }
  if (announced->bundle) {
    if (Sha256(*frames[next]) != *announced->bundle) {
      return Refuse(RefusalCode::kMalformed, "the bundle is not the one that the entries name");
    }
    out.bundle = frames[next++];
  }
  if (announced->chunk) out.chunk = frames[next];
  return out;
}

}  // namespace souk::node
