// What can be said of one entry alone: it reads, and each document in it is signed. Pure, so that
// an audit does it on all cores. Internal to the auditor.
#pragma once

#include "ledger/audit/audit.h"
#include "protocol/codec.h"

namespace souk::ledger {

struct CheckedEntry {
  uint64_t index = 0;
  bool readable = false;
  uint32_t newer_rules = 0;  // not readable because this program is too old for this version
  Entry entry = {};
  std::vector<DocumentRef> documents = {};  // as in the entry; null where one does not open
  std::vector<DocumentRef> vouchers = {};   // beside each document that is a post: what it carries
  uint64_t signatures = 0;                  // that stand in it
  std::vector<Finding> findings = {};
};

enum class Signatures : uint8_t { kChecked, kTrusted };
CheckedEntry CheckEntry(uint64_t index, ByteView leaf, Signatures signatures = Signatures::kChecked,
                        uint32_t newest_rules = kRulesVersion);

}  // namespace souk::ledger
