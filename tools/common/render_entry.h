// An entry of a log as people and programs read it: its outcome and each document as named values.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "protocol/codec.h"

namespace souk::tools {

struct Slices {
  int64_t count = 0;
};
using FieldValue = std::variant<std::string, uint64_t, bool, Digest, PublicKey, Time, Duration,
                                Credits, Rate, Slices>;
struct Field {
  std::string name;
  FieldValue value;
};

struct RenderedDocument {
  std::string kind = {};
  Digest id = {};
  PublicKey signer = {};
  bool opened = false;  // false: `problem` says why, and there are no fields
  std::string problem = {};
  std::vector<Field> fields = {};
};

struct RenderedEntry {
  uint64_t sequence = 0;
  Time time = {};
  uint32_t rules = 0;
  std::string kind = {};     // "lease-step"
  std::string summary = {};  // one line: "lease 9d24: ready, Active"
  std::vector<Field> outcome = {};
  std::vector<RenderedDocument> documents = {};
  size_t bytes = 0;
};

// Signatures are checked again. kMalformed, kUnsupported as DecodeEntry says.
Result<RenderedEntry> RenderEntry(ByteView leaf);
// The same for lists: what does not read is "unreadable", with the reason as its summary.
RenderedEntry RenderAnyEntry(uint64_t index, ByteView leaf);
// The document's own fields; empty for kinds that never stand in a log.
std::vector<Field> DocumentFields(const Document& document);

// "9d24e1b0", "souk1qqqsyq…", "14:22:06.113", "10m", "0.070000 cr": short, for one's own screen.
std::string ShowValue(const FieldValue& value);

std::string ShortKey(const PublicKey& key);

std::string ToText(const RenderedEntry& entry);

}  // namespace souk::tools
