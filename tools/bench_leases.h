// Ledgers of any length for the benches: really signed, and valid under every rule.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ledger/log/log.h"
#include "protocol/codec.h"
#include "protocol/identity.h"

namespace souk::bench {

// A provider's log of one lease after another: 19 entries and 17 signatures each.
class LeaseWriter {
 public:
  ledger::NoteSigner Signer() const;
  std::string vkey() const { return Signer().Verifier().ToVkey(); }

  // The next whole leases: at least so many entries.
  Result<std::vector<ledger::Draft>> Next(size_t entries);
  uint64_t written() const { return next_; }
  uint64_t signatures() const { return signatures_; }
  // Some of the documents so far, in memory.
  const std::vector<DocumentRef>& kept() const { return kept_; }

 private:
  Status Add(Outcome outcome, const std::vector<DocumentRef>& documents = {});
  Status AddBeginning();
  Status AddLease(uint64_t number);
  LeaseStep Step(LeaseEvent event, LeaseState to) const {
    return {.lease = lease_, .event = event, .to = to};
  }

  Identity provider_ = Identity::FromSeed({11});
  Identity renter_ = Identity::FromSeed({12});
  PeerId book_ = Identity::FromSeed({13}).id();
  SigningKey account_ = renter_.AccountKey(book_);
  Time now_{1'800'000'000'000};
  DocumentRef offer_ = {};
  Offer terms_ = {};
  Digest lease_ = {};
  std::vector<ledger::Draft> drafts_ = {};
  std::vector<DocumentRef> kept_ = {};
  uint64_t next_ = 0;
  uint64_t leases_ = 0;
  uint64_t signatures_ = 0;
};

}  // namespace souk::bench
