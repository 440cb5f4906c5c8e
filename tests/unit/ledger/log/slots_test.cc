// R3's two-slot checkpoint file.
#include "ledger/log/slots.h"

#include <gmock/gmock.h>

#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

TEST(Slots, AreReadAsTheyWereWritten) {
  const Slot slot = DecodeSlot(*EncodeSlot(7, "checkpoint text\n"));
  EXPECT_EQ(slot.state, Slot::State::kReadable);
  EXPECT_EQ(slot.generation, 7u);
  EXPECT_EQ(slot.payload, "checkpoint text\n");
  EXPECT_EQ(DecodeSlot(Bytes(kSlotBytes)).state, Slot::State::kEmpty);
  EXPECT_EQ(DecodeSlot(Bytes(100)).state, Slot::State::kUnreadable);
  EXPECT_EQ(EncodeSlot(1, std::string(kMaxSlotPayload + 1, 'x')).error().code, Code::kTooLarge);
  EXPECT_TRUE(EncodeSlot(1, std::string(kMaxSlotPayload, 'x')));
}

TEST(Slots, NeverReadAFlippedBitAsSomethingElse) {
  const Bytes good = *EncodeSlot(5, "checkpoint text\n");
  for (size_t bit = 0; bit < kSlotBytes * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] = static_cast<uint8_t>(bad[bit / 8] ^ 1 << bit % 8);
    const Slot slot = DecodeSlot(bad);
    if (slot.state == Slot::State::kReadable) {
      EXPECT_EQ(slot.generation, 5u);
      EXPECT_EQ(slot.payload, "checkpoint text\n");
    } else {
      // Its marks still tell what it was.
      EXPECT_THAT(slot.claims, testing::Contains(5u));
    }
  }
}

TEST(Slots, LiveInAFileThatIsThereInFullOrNotAtAll) {
  const TestFolder folder;
  const auto path = folder.path() / "checkpoint";
  const auto file = OpenSlotFile(path);
  EXPECT_FALSE(file->Read()->has_value());
  ASSERT_TRUE(file->Create(*EncodeSlot(0, "zero")));
  ASSERT_TRUE(file->Write(1, *EncodeSlot(1, "one")));
  ASSERT_TRUE(file->Write(0, *EncodeSlot(2, "two")));
  const Bytes both = **OpenSlotFile(path)->Read();
  ASSERT_EQ(both.size(), 2 * kSlotBytes);
  EXPECT_EQ(DecodeSlot(ByteView(both).subspan(0, kSlotBytes)).payload, "two");
  EXPECT_EQ(DecodeSlot(ByteView(both).subspan(kSlotBytes)).payload, "one");
}
}  // namespace
}  // namespace souk::ledger
