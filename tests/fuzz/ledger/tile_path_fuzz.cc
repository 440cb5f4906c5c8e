// A resource has one path, and a log answers every path or says that there is nothing.
#include "ledger/log/memory_store.h"
#include "ledger/log/tile_source.h"
#include "protocol/base/check.h"

namespace {

using namespace souk;

struct ServedLog {
  ledger::MemoryStore store;
  ledger::MemorySlotFile slots;
  ledger::Log log = *ledger::Log::Open(store, slots, ledger::NoteSigner::FromSeed("log", {1}));
  ledger::ServedHead head;

  ServedLog() {
    std::vector<ledger::Draft> drafts(600);
    for (size_t i = 0; i < drafts.size(); ++i) drafts[i].leaf = Bytes(i % 7);
    CHECK(log.Commit(drafts).has_value());
    head = ledger::NewestHead(log.reader());
    // What was appended since is not served.
    CHECK(log.Commit(drafts).has_value());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ServedLog served;
  const std::string_view path = AsText({data, size});
  const auto resource = ledger::ParseLogPath(path);
  if (resource) CHECK(resource->ToPath() == path);
  const auto answer = ledger::AnswerLogPath(served.log.reader(), served.head, path);
  if (!answer) {
    CHECK(answer.error().code == Code::kNotFound);
    return 0;
  }
  CHECK(resource.has_value());
  using Kind = ledger::LogResource::Kind;
  if (resource->kind == Kind::kHashTile) CHECK(answer->body.size() == 32 * resource->width);
  if (resource->kind == Kind::kEntryBundle) {
    CHECK(resource->tile.index * ledger::kTileWidth + resource->width <= served.head.size);
  }
  return 0;
}
