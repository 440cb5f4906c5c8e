// Somebody who signs two histories of one log, for tests of what becomes of it.
#pragma once

#include <fmt/format.h>

#include "ledger/log/entry_range.h"
#include "unit/node/agent_market.h"

namespace souk::sim {

inline ledger::NoteSigner SignerFor(const Identity& identity) {
  auto key = std::make_shared<SigningKey>(identity.CheckpointKey());
  return {
      LogName(identity.id()), key->public_key().bytes,
      [key](ByteView text) -> Result<ledger::Ed25519Signature> { return key->Sign(text).bytes; }};
}

// One of a forker's two histories: they share their first entries.
struct Branch {
  Branch(const Identity& owner, const std::string& name) {
    log = std::make_unique<ledger::Log>(
        *ledger::Log::Open(store, slots, SignerFor(owner), {.alone = true}));
    Grow("shared", 4);
    Grow(name, 1);
  }
  void Grow(const std::string& name, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const std::string text = fmt::format("{} {}", name, log->size());
      ASSERT_TRUE(log->Commit({{ToBytes(AsBytes(text)), {}}}));
    }
  }
  ledger::MemoryStore store = ledger::MemoryStore();
  ledger::MemorySlotFile slots = ledger::MemorySlotFile();
  std::unique_ptr<ledger::Log> log = {};
};

// Somebody with two histories, who shows each peer one of them and says nothing unasked.
class Forker {
 public:
  explicit Forker(World& world) : world_(world) {}

  void Meet(int peer, const Branch& branch) {
    if (!connections_.contains(peer)) {
      connections_[peer] = world_.Knock(peer, identity.Curve().public_key());
    }
    const souk::Hello hello{
        .card = Card()->id(), .sent = Wall(), .my_checkpoint = branch.log->checkpoint()};
    Say(peer, {SignMessage(hello, identity.key()), Card()});
  }
  DocumentRef Card() {
    if (card_) return card_;
    card_ = SignMessage(souk::Card{.name = "janus",
                                   .curve = identity.Curve().public_key(),
                                   .checkpoint_key = identity.CheckpointKey().public_key(),
                                   .log_name = LogName(identity.id()),
                                   .sequence = 1,
                                   .issued = Wall(),
                                   .expires = Wall() + Hours(1),
                                   .peer = identity.id(),
                                   .readers = readers},
                        identity.key());
    return card_;
  }
  // Answers what it is asked from this history.
  void AnswerFrom(const Branch& branch, int peer) {
    for (const node::Frames& frames : world_.inbox) {
      const DocumentRef document = *Document::OpenTrusted(*frames[0]);
      if (document->kind() == Kind::kConsistencyGet) {
        const auto get = *Decode<ConsistencyGet>(*document);
        Consistency answer{.re = document->id(), .from = get.from, .to = get.to};
        answer.hashes = *ledger::ConsistencyProof(get.from, get.to, branch.log->reader());
        Say(peer, {SignMessage(answer, identity.key())});
      }
      if (document->kind() == Kind::kEntriesGet) GiveEntries(branch, peer, *document);
    }
    world_.inbox.clear();
  }
  template <typename Message>
  void Tell(int peer, const Message& message) {
    Say(peer, {SignMessage(message, identity.key())});
  }
  size_t Questions() const {
    return static_cast<size_t>(
        std::count_if(world_.inbox.begin(), world_.inbox.end(), [](const node::Frames& frames) {
          return (*Document::OpenTrusted(*frames[0]))->kind() == Kind::kConsistencyGet;
        }));
  }

  const Identity identity = Identity::FromSeed({99, 9});
  std::vector<PeerId> readers = {};  // as its card names them
  Branch left{identity, "left"};
  Branch right{identity, "right"};

 private:
  Time Wall() const { return Time{1'700'000'000'000 + world_.now()}; }
  void GiveEntries(const Branch& branch, int peer, const Document& question) {
    const auto get = *Decode<EntriesGet>(question);
    auto range =
        ledger::ReadEntries(branch.log->reader(), get.from, get.size, limits::kBlobChunkBytes);
    if (!range) return;
    Entries answer{.re = question.id(),
                   .log = get.log,
                   .from = get.from,
                   .count = range->count,
                   .size = get.size,
                   .hashes = std::move(range->hashes),
                   .note = branch.log->checkpoint()};
    if (range->count > 0) answer.bundle = Sha256(range->bundle);
    node::Frames frames = {
        std::make_shared<const Bytes>(SignMessage(answer, identity.key())->envelope())};
    if (range->count > 0) frames.push_back(std::make_shared<const Bytes>(range->bundle));
    world_.Say(peer, connections_.at(peer), frames);
  }
  void Say(int peer, const std::vector<DocumentRef>& documents) {
    node::Frames frames;
    for (const DocumentRef& document : documents) {
      frames.push_back(std::make_shared<const Bytes>(document->envelope()));
    }
    world_.Say(peer, connections_.at(peer), frames);
  }
  World& world_;
  DocumentRef card_ = {};
  std::map<int, node::ConnectionId> connections_ = {};
};

}  // namespace souk::sim
