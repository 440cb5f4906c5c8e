// Documents as they stand in this node's own entries: they were verified before they were recorded,
// and the log was checked when it was opened.
#pragma once

#include "protocol/base/check.h"
#include "protocol/codec.h"
#include "protocol/document.h"

namespace souk::node {

inline DocumentRef Trusted(const Bytes& envelope) {
  Result<DocumentRef> document = Document::OpenTrusted(envelope);
  CHECK(document.has_value());
  return std::move(*document);
}

template <typename Message>
Message Content(const DocumentRef& document) {
  Result<Message> message = Decode<Message>(*document);
  CHECK(message.has_value());
  return std::move(*message);
}

}  // namespace souk::node
