#include <algorithm>

#include "ledger/audit/audit_archive.h"
#include "ledger/audit/audit_fold.h"

namespace souk::ledger {
namespace {

constexpr std::string_view kMagic = "soukaudt";
// Grows with whatever an audit keeps (a field breaks the build of audit_keep.cc), and with whatever
// it checks: what an older program passed over must be looked at again.
constexpr uint32_t kSavedFormat = 2;
constexpr size_t kDigestBytes = 32;

Error NotSaved(const char* why) {
  return Error(Code::kMalformed, std::string("no saved audit: ") + why);
}

// The frame's parts, in order.
class Frame {
 public:
  explicit Frame(ByteView bytes) : rest_(bytes) {}
  std::optional<ByteView> Take(uint64_t size) {
    if (size > rest_.size()) return std::nullopt;
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  template <typename T>
  std::optional<T> Int() {
    const auto raw = Take(sizeof(T));
    return raw ? std::optional<T>(GetLe<T>(raw->data())) : std::nullopt;
  }
  bool empty() const { return rest_.empty(); }

 private:
  ByteView rest_;
};

}  // namespace

SavedAudit::SavedAudit() = default;
SavedAudit::~SavedAudit() = default;
SavedAudit::SavedAudit(SavedAudit&&) noexcept = default;
SavedAudit& SavedAudit::operator=(SavedAudit&&) noexcept = default;

Bytes SaveAudit(AuditFold& fold, const std::string& checkpoint) {
  StateWriter writer;
  fold.Keep(writer);
  const Bytes body = writer.Take();
  Bytes file = ToBytes(AsBytes(kMagic));
  file.reserve(body.size() + checkpoint.size() + 64);
  PutLe(file, kSavedFormat);
  PutLe(file, fold.newest_rules());
  PutLe(file, static_cast<uint8_t>(fold.details()));
  PutLe(file, static_cast<uint32_t>(checkpoint.size()));
  Append(file, AsBytes(checkpoint));
  PutLe(file, static_cast<uint64_t>(body.size()));
  Append(file, body);
  Append(file, Sha256(file).view());
  return file;
}

Result<SavedAudit> SavedAudit::Parse(ByteView file, const NoteVerifier& log, RuleSets known) {
  Frame frame(file);
  const auto magic = frame.Take(kMagic.size());
  if (!magic || AsText(*magic) != kMagic) return NotSaved("it begins otherwise");
  const auto format = frame.Int<uint32_t>();
  if (!format) return NotSaved("it is cut off");
  // What was left unjudged for newer rules may be known now.
  const auto rules = frame.Int<uint32_t>();
  if (*format != kSavedFormat || rules != NewestOf(known)) {
    return Error(Code::kUnsupported,
                 "the saved audit is another version's: verify the whole log once, and save again");
  }
  const auto details = frame.Int<uint8_t>();
  const auto note_size = frame.Int<uint32_t>();
  const auto note = note_size ? frame.Take(*note_size) : std::nullopt;
  const auto body_size = note ? frame.Int<uint64_t>() : std::nullopt;
  const auto body = body_size ? frame.Take(*body_size) : std::nullopt;
  const auto digest = body ? frame.Take(kDigestBytes) : std::nullopt;
  if (!digest || !frame.empty() || *details > 1) return NotSaved("its lengths do not fit");
  const Digest expected = Sha256(file.first(file.size() - kDigestBytes));
  if (!std::equal(digest->begin(), digest->end(), expected.bytes.begin())) {
    return Error(Code::kMismatch, "the saved audit is damaged: its digest does not fit");
  }
  SavedAudit saved;
  ASSIGN_OR_RETURN(saved.head_, OpenCheckpoint(AsText(*note), log));
  AuditOptions options;
  options.details = *details == 1;
  options.rules = known;
  saved.fold_ = std::make_unique<AuditFold>(PeerOfLog(saved.head_.origin), options);
  StateReader reader(*body);
  saved.fold_->Keep(reader);
  if (!reader.Complete() || !saved.fold_->IsWhole()) return NotSaved("a field does not read");
  return saved;
}

}  // namespace souk::ledger
