// Writes the seeds of the corpora: one small valid message per kind, outcome and type.
//   fuzz_protocol_seeds FOLDER
#include <cstdio>

#include "protocol/base/file.h"
#include "protocol/codec.h"
#include "unit/protocol/samples.h"

namespace souk::fuzz {
namespace {

constexpr size_t kSmall = 700;

void Write(const std::filesystem::path& path, ByteView bytes) {
  std::filesystem::create_directories(path.parent_path());
  if (const Status written = WriteFileAtomic(path, bytes); !written) {
    std::fprintf(stderr, "%s\n", written.error().message.c_str());
    std::exit(1);
  }
}

// The first that is small.
template <typename Make>
Bytes Small(Make make) {
  samples::Rng rng(1);
  while (true) {
    Bytes bytes = make(rng);
    if (bytes.size() <= kSmall) return bytes;
  }
}

template <typename Message>
void WriteMessage(const std::filesystem::path& folder) {
  const Bytes payload =
      Small([](samples::Rng& rng) { return EncodePayload(samples::Any<Message>(rng)); });
  const std::string name(KindName(KindOf<Message>::value));
  Bytes seed = {static_cast<uint8_t>(KindOf<Message>::value)};
  Append(seed, payload);
  Write(folder / "payload" / name, seed);
  const DocumentRef document =
      Document::Sign(KindOf<Message>::value, payload, SigningKey::FromSeed({1}));
  Write(folder / "envelope" / name, document->envelope());
}

void WriteAll(const std::filesystem::path& folder) {
#define SOUK_WRITE(Type) WriteMessage<Type>(folder);
  SOUK_FOR_EACH_MESSAGE(SOUK_WRITE)
#undef SOUK_WRITE
  for (size_t index = 0; index < std::variant_size_v<Outcome>; ++index) {
    const Bytes leaf = Small([&](samples::Rng& rng) {
      souk::Entry entry = samples::AnyEntry(rng, index);
      for (Bytes& document : entry.documents) document.resize(document.size() % 20);
      return *EncodeEntry(entry);
    });
    Write(folder / "entry" / OutcomeName(DecodeEntry(leaf)->outcome), leaf);
  }
  Write(folder / "receipt" / "small", Small([](samples::Rng& rng) {
          LogReceipt receipt = samples::AnyReceipt(rng);
          receipt.leaf.resize(40);
          receipt.inclusion.resize(3);
          receipt.consistency.resize(2);
          return EncodeReceipt(receipt);
        }));
}

}  // namespace
}  // namespace souk::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_protocol_seeds FOLDER\n");
    return 2;
  }
  souk::fuzz::WriteAll(argv[1]);
  return 0;
}
