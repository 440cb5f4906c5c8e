// What a node answers to bad messages on the wire: a refusal that says why, and nothing changed.
#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <random>
#include <thread>

#include "integration/nodes.h"
#include "node/address.h"
#include "node/transport/transport.h"

namespace souk::integration {
namespace {

using node::Frames;
using node::SharedBytes;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Time WallNow() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return Time{int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

SharedBytes Share(Bytes bytes) {
  return std::make_shared<const Bytes>(std::move(bytes));
}
SharedBytes Envelope(const DocumentRef& document) {
  return Share(document->envelope());
}

// A peer that says what it likes.
class Stranger {
 public:
  explicit Stranger(const std::string& address)
      : identity_(Identity::Generate()), curve_(identity_.Curve()) {
    auto transport = node::Transport::Open(curve_, {});
    EXPECT_TRUE(transport);
    transport_ = std::move(*transport);
    const auto to = node::ParseAddress(address);
    EXPECT_TRUE(to);
    transport_->Open(node::Connect{2, to->endpoint, to->curve});
  }

  const Identity& identity() const { return identity_; }

  DocumentRef CardOf(const Identity& who) const {
    Card card = {.name = "stranger",
                 .curve = who.Curve().public_key(),
                 .checkpoint_key = who.CheckpointKey().public_key(),
                 .log_name = LogName(who.id()),
                 .sequence = 1,
                 .issued = WallNow(),
                 .expires = WallNow() + Hours(1),
                 .peer = who.id()};
    return SignMessage(card, who.key());
  }
  Frames HelloOf(const Identity& who, Time sent) const {
    const DocumentRef card = CardOf(who);
    const Hello hello = {.card = card->id(), .sent = sent};
    return {Envelope(SignMessage(hello, who.key())), Envelope(card)};
  }

  void Say(Frames frames) { transport_->Deliver(2, std::move(frames)); }

  // The next document of that kind; null after some seconds.
  DocumentRef Hear(Kind kind) {
    const auto give_up = steady_clock::now() + milliseconds(5'000);
    while (steady_clock::now() < give_up) {
      now_ = now_ + Millis(100);  // our own limits are not the matter
      std::vector<node::Transport::Incoming> incoming;
      transport_->Receive(
          100, now_, [](node::ConnectionId) { return true; }, incoming);
      for (const auto& one : incoming) {
        const auto* message = std::get_if<node::MessageArrived>(&one);
        if (message == nullptr) continue;
        const auto document = Document::Open(*message->frames[0]);
        EXPECT_TRUE(document);
        if (document) heard_.push_back(*document);
      }
      for (auto it = heard_.begin(); it != heard_.end(); ++it) {
        if ((*it)->kind() != kind) continue;
        DocumentRef found = *it;
        heard_.erase(it);
        return found;
      }
      std::this_thread::sleep_for(milliseconds(2));
    }
    return nullptr;
  }

  // Says it and gives the refusal.
  Refusal RefusalOf(Frames frames) {
    Say(std::move(frames));
    const DocumentRef heard = Hear(Kind::kRefusal);
    if (!heard) return {.code = RefusalCode{0}, .sentence = "(nothing)"};
    const auto refusal = Decode<Refusal>(*heard);
    EXPECT_TRUE(refusal);
    EXPECT_FALSE(refusal->sentence.empty());
    return *refusal;
  }

  void Bind() {
    Say(HelloOf(identity_, WallNow()));
    ASSERT_TRUE(Hear(Kind::kHello));
  }

 private:
  Identity identity_;
  CurveKeyPair curve_;
  std::unique_ptr<node::Transport> transport_ = {};
  std::vector<DocumentRef> heard_ = {};
  Duration now_ = Seconds(1000);
};

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    coop_.Init({"--roles", "clearing", "--listen", "127.0.0.1:0"});
    coop_.Start();
    entries_ = coop_.Ask({{"do", "id"}})["log_entries"].get<uint64_t>();
    stranger_ = std::make_unique<Stranger>(coop_.address());
  }
  void TearDown() override {
    const json id = coop_.Ask({{"do", "id"}});
    EXPECT_EQ(id["log_entries"], entries_);
    EXPECT_EQ(coop_.Ask({{"do", "accounts"}})["accounts"].size(), 0u);
    EXPECT_EQ(coop_.Stop(), 0);
    EXPECT_EQ(coop_.Errors(), "");
  }
  DocumentRef Fetch(const Identity& signer) {
    EscrowFetch fetch;
    fetch.escrow.bytes[0] = 1;
    return SignMessage(fetch, signer.key());
  }

  TestFolder folder_;
  Node coop_{folder_.path() / "coop", "coop"};
  std::unique_ptr<Stranger> stranger_ = {};
  uint64_t entries_ = 0;
};

TEST_F(BadInputTest, IsRefusedWhereNobodySignedIt) {
  Bytes unsigned_one = Fetch(stranger_->identity())->envelope();
  const size_t signature_at = 1 + KindName(Kind::kEscrowFetch).size() + 32;
  std::fill_n(unsigned_one.begin() + static_cast<ptrdiff_t>(signature_at), 64, uint8_t{0});
  EXPECT_EQ(stranger_->RefusalOf({Share(unsigned_one)}).code, RefusalCode::kBadSignature);
}

TEST_F(BadInputTest, IsRefusedWhereAnotherSignedIt) {
  Bytes forged = Fetch(Identity::Generate())->envelope();
  const size_t signer_at = 1 + KindName(Kind::kEscrowFetch).size();
  const PeerId claimed = stranger_->identity().id();
  std::copy(claimed.bytes.begin(), claimed.bytes.end(),
            forged.begin() + static_cast<ptrdiff_t>(signer_at));
  EXPECT_EQ(stranger_->RefusalOf({Share(forged)}).code, RefusalCode::kBadSignature);
}

TEST_F(BadInputTest, IsRefusedBeforeAHello) {
  EXPECT_EQ(stranger_->RefusalOf({Envelope(Fetch(stranger_->identity()))}).code,
            RefusalCode::kNotBound);
}

TEST_F(BadInputTest, IsRefusedFromAnotherThanTheConnectionsIdentity) {
  stranger_->Bind();
  EXPECT_EQ(stranger_->RefusalOf({Envelope(Fetch(Identity::Generate()))}).code,
            RefusalCode::kWrongSigner);
  // The connection itself is still good.
  EXPECT_EQ(stranger_->RefusalOf({Envelope(Fetch(stranger_->identity()))}).code,
            RefusalCode::kEscrowMissing);
}

TEST_F(BadInputTest, BindsNobodyToAnothersCurveKey) {
  const Identity other = Identity::Generate();
  EXPECT_EQ(stranger_->RefusalOf(stranger_->HelloOf(other, WallNow())).code,
            RefusalCode::kWrongSigner);
}

TEST_F(BadInputTest, BindsNobodyByARecordedHello) {
  const Frames recorded = stranger_->HelloOf(stranger_->identity(), WallNow());
  Stranger thief(coop_.address());
  EXPECT_EQ(thief.RefusalOf(recorded).code, RefusalCode::kWrongSigner);
  // Nor the right peer by an old one.
  EXPECT_EQ(
      stranger_->RefusalOf(stranger_->HelloOf(stranger_->identity(), WallNow() - Minutes(10))).code,
      RefusalCode::kExpired);
}

TEST_F(BadInputTest, IsRefusedWhereItIsTooLargeOrOfAnUnknownKind) {
  EXPECT_EQ(stranger_->RefusalOf({Share(Bytes(limits::kDocumentBytes + 1, 'x'))}).code,
            RefusalCode::kTooLarge);
  Bytes unknown = Fetch(stranger_->identity())->envelope();
  unknown[1] = 'z';
  EXPECT_EQ(stranger_->RefusalOf({Share(unknown)}).code, RefusalCode::kUnknownKind);
  EXPECT_EQ(stranger_->RefusalOf({Share(Bytes(100, 'x'))}).code, RefusalCode::kMalformed);
}

TEST_F(BadInputTest, IsRefusedWithoutTheFramesThatItAnnounces) {
  Frames hello = stranger_->HelloOf(stranger_->identity(), WallNow());
  EXPECT_EQ(stranger_->RefusalOf({hello[0]}).code, RefusalCode::kMalformed);
  EXPECT_EQ(stranger_->RefusalOf({hello[0], hello[1], hello[1]}).code, RefusalCode::kMalformed);
}

TEST_F(BadInputTest, IsRefusedByARoleThatTheNodeHasNot) {
  stranger_->Bind();
  const DocumentRef query = SignMessage(LeaseQuery{}, stranger_->identity().key());
  EXPECT_EQ(stranger_->RefusalOf({Envelope(query)}).code, RefusalCode::kUnsupported);
}

TEST_F(BadInputTest, MovesNoMoneyWithoutTheOwnersSignature) {
  stranger_->Bind();
  // An escrow out of somebody else's account, signed by the one who would gain.
  const Identity owner = Identity::Generate();
  const auto book = node::ParseAddress(coop_.address());
  ASSERT_TRUE(book);
  Escrow escrow = {.book = book->peer,
                   .account = owner.AccountKey(book->peer).public_key(),
                   .payee = stranger_->identity().id(),
                   .amount = Credits{1},
                   .accept_by = WallNow() + Seconds(20),
                   .timeout = WallNow() + Hours(1)};
  escrow.nonce.bytes[0] = 1;
  const DocumentRef document = SignMessage(escrow, stranger_->identity().key());
  const DocumentRef carry =
      SignMessage(Carry{.documents = {document->envelope()}}, stranger_->identity().key());
  const Refusal refusal = stranger_->RefusalOf({Envelope(carry)});
  EXPECT_NE(refusal.sentence, "(nothing)");
}

// Whatever comes, the node goes on, and says no more often than it is asked.
TEST_F(BadInputTest, ChangesNothingByGarbage) {
  std::mt19937 random(1);
  const Bytes good = Fetch(stranger_->identity())->envelope();
  for (int i = 0; i < 150; ++i) {
    Bytes bytes = good;
    for (int flips = 0; flips < 3; ++flips) {
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1u << (random() % 8));
    }
    if (i % 3 == 0) bytes.resize(random() % bytes.size());
    stranger_->Say({Share(bytes)});
    ASSERT_TRUE(stranger_->Hear(Kind::kRefusal)) << i;
  }
}

}  // namespace
}  // namespace souk::integration
