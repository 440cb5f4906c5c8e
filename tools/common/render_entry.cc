#include "tools/common/render_entry.h"

#include <fmt/format.h>

#include "protocol/text.h"

namespace souk::tools {
namespace {

using Fields = std::vector<Field>;

const char* TransferKindName(TransferRecord::Kind kind) {
  switch (kind) {
    case TransferRecord::Kind::kSingle:
      return "single";
    case TransferRecord::Kind::kPending:
      return "pending";
    case TransferRecord::Kind::kPost:
      return "post";
    case TransferRecord::Kind::kVoid:
      return "void";
    case TransferRecord::Kind::kExpire:
      return "expire";
  }
  return "?";
}

const char* JobEventName(JobStep::Event event) {
  switch (event) {
    case JobStep::Event::kSubmitted:
      return "submitted";
    case JobStep::Event::kAccepted:
      return "accepted";
    case JobStep::Event::kStarted:
      return "started";
    case JobStep::Event::kFinished:
      return "finished";
    case JobStep::Event::kSealed:
      return "sealed";
    case JobStep::Event::kRevealed:
      return "revealed";
    case JobStep::Event::kFetched:
      return "fetched";
  }
  return "?";
}

const char* ChallengeEventName(ChallengeStep::Event event) {
  switch (event) {
    case ChallengeStep::Event::kAsked:
      return "asked";
    case ChallengeStep::Event::kTaken:
      return "taken";
    case ChallengeStep::Event::kCommitted:
      return "committed";
    case ChallengeStep::Event::kRowsAsked:
      return "rows asked for";
    case ChallengeStep::Event::kOpened:
      return "rows opened";
    case ChallengeStep::Event::kJudged:
      return "judged";
    case ChallengeStep::Event::kLapsed:
      return "lapsed";
  }
  return "?";
}

std::string DottedVersion(uint32_t times_ten) {
  return fmt::format("{}.{}", times_ten / 10, times_ten % 10);
}

// Amounts are µcredits in a clearing book and slices in a device book.
void AddTransfers(Fields& out, const std::vector<TransferRecord>& transfers, bool slices) {
  for (size_t i = 0; i < transfers.size(); ++i) {
    const TransferRecord& one = transfers[i];
    const std::string at = transfers.size() == 1 ? "transfer" : fmt::format("transfer {}", i);
    out.push_back({at, one.id});
    out.push_back({at + " kind", std::string(TransferKindName(one.kind))});
    if (!one.debit.IsZero()) out.push_back({at + " debit", one.debit});
    if (!one.credit.IsZero()) out.push_back({at + " credit", one.credit});
    if (one.amount != 0) {
      out.push_back({at + " amount",
                     slices ? FieldValue(Slices{one.amount}) : FieldValue(Credits{one.amount})});
    }
    if (!one.pending.IsZero()) out.push_back({at + " pending", one.pending});
    if (one.timeout.ms != 0) out.push_back({at + " timeout", one.timeout});
  }
}

struct OutcomeText {
  std::string summary = {};
  Fields fields = {};
};

struct DescribeOutcome {
  OutcomeText operator()(const Opened& o) const {
    return {fmt::format("{} opens its log", o.name), {{"name", o.name}, {"peer", o.peer}}};
  }
  OutcomeText operator()(const Resumed& o) const {
    return {fmt::format("resumed, down since {}", LocalClock(o.down_since)),
            {{"down since", o.down_since}}};
  }
  OutcomeText operator()(const Published& o) const {
    OutcomeText out{"the provider's devices and offers", {}};
    AddTransfers(out.fields, o.transfers, /*slices=*/true);
    return out;
  }
  OutcomeText operator()(const LeaseStep& o) const {
    OutcomeText out{fmt::format("lease {}: {} → {}", o.lease.Short(), LeaseEventName(o.event),
                                LeaseStateName(o.to)),
                    {{"lease", o.lease},
                     {"event", std::string(LeaseEventName(o.event))},
                     {"to", std::string(LeaseStateName(o.to))}}};
    if (o.reason != CloseReason::kNone) {
      out.fields.push_back({"reason", std::string(CloseReasonName(o.reason))});
      out.fields.push_back({"reason code", static_cast<uint64_t>(o.reason)});
    }
    out.fields.push_back({"metered", o.metered});
    out.fields.push_back({"due", o.due});
    AddTransfers(out.fields, o.transfers, /*slices=*/true);
    return out;
  }
  OutcomeText operator()(const Ordered& o) const {
    return {fmt::format("lease {}: ordered", o.lease.Short()), {{"lease", o.lease}}};
  }
  OutcomeText operator()(const EscrowSeen& o) const {
    OutcomeText out{
        fmt::format("lease {}: escrow {} seen in the book", o.lease.Short(), o.escrow.Short()),
        {{"lease", o.lease}, {"escrow", o.escrow}}};
    if (o.book_size != 0) {
      out.fields.push_back({"book size", o.book_size});
      out.fields.push_back({"book root", o.book_root});
    }
    return out;
  }
  OutcomeText operator()(const VoucherTaken& o) const {
    return {fmt::format("lease {}: voucher of {} cr", o.lease.Short(), FormatCredits(o.best)),
            {{"lease", o.lease}, {"best", o.best}}};
  }
  OutcomeText operator()(const JobStep& o) const {
    OutcomeText out{
        fmt::format("job {}: {}", o.job.Short(), JobEventName(o.event)),
        {{"job", o.job}, {"lease", o.lease}, {"event", std::string(JobEventName(o.event))}}};
    if (o.event == JobStep::Event::kFinished) {
      out.summary += fmt::format(", {}", JobStatusName(o.status));
      out.fields.push_back({"status", std::string(JobStatusName(o.status))});
    }
    return out;
  }
  OutcomeText operator()(const Booked& o) const {
    OutcomeText out{"booked", {}};
    if (o.transfers.size() == 1) {
      const TransferRecord& one = o.transfers[0];
      out.summary = fmt::format("booked: {}", TransferKindName(one.kind));
      if (one.amount != 0) out.summary += fmt::format(" {} cr", FormatCredits({one.amount}));
      if (!one.pending.IsZero()) out.summary += fmt::format(" of {}", one.pending.Short());
    }
    AddTransfers(out.fields, o.transfers, /*slices=*/false);
    return out;
  }
  OutcomeText operator()(const Shown& o) const {
    return {
        fmt::format("escrow {}: acceptance of lease {} shown", o.escrow.Short(), o.lease.Short()),
        {{"escrow", o.escrow}, {"lease", o.lease}}};
  }
  OutcomeText operator()(const Settled& o) const {
    return {fmt::format("lease {}: the book {}", o.lease.Short(),
                        o.paid.micro > 0 ? fmt::format("paid {} cr", FormatCredits(o.paid))
                                         : "returned the escrow"),
            {{"lease", o.lease}, {"escrow", o.escrow}, {"paid", o.paid}}};
  }
  OutcomeText operator()(const ChallengeStep& o) const {
    OutcomeText out{
        fmt::format("challenge {}: {}", o.challenge.Short(), ChallengeEventName(o.event)),
        {{"challenge", o.challenge},
         {"lease", o.lease},
         {"event", std::string(ChallengeEventName(o.event))}}};
    if (o.event == ChallengeStep::Event::kJudged) {
      out.summary += fmt::format(", {}", ChallengeStatusName(o.status));
      out.fields.push_back({"status", std::string(ChallengeStatusName(o.status))});
    }
    if (!o.sentence.empty()) out.fields.push_back({"sentence", o.sentence});
    return out;
  }
  OutcomeText operator()(const Replicated& o) const {
    OutcomeText out{fmt::format("round {}: {} jobs are one computation, {} are to agree",
                                o.round.Short(), o.jobs.size(), o.agree),
                    {{"round", o.round}, {"to agree", uint64_t{o.agree}}}};
    for (const Digest& job : o.jobs) out.fields.push_back({"job", job});
    return out;
  }
  OutcomeText operator()(const Upgraded& o) const {
    return {fmt::format("decides by rules version {} from here on, {} before", o.to, o.from),
            {{"from version", uint64_t{o.from}}, {"to version", uint64_t{o.to}}}};
  }
};

// ---- Documents -------------------------------------------------------------------------------

Fields Describe(const Card& m) {
  Fields out = {{"name", m.name}, {"log", m.log_name}, {"sequence", m.sequence}};
  for (const std::string& endpoint : m.endpoints) out.push_back({"endpoint", endpoint});
  std::string roles;
  if (m.provides) roles += "provider ";
  if (m.clears) roles += "clearing ";
  if (m.rents) roles += "renter ";
  if (m.witness_key) roles += "witness ";
  if (!roles.empty()) roles.pop_back();
  out.push_back({"roles", roles});
  out.push_back({"checkpoint key", m.checkpoint_key});
  if (m.witness_key) out.push_back({"witness key", *m.witness_key});
  if (m.open_log) out.push_back({"log readers", std::string("everyone")});
  for (const PeerId& reader : m.readers) out.push_back({"log reader", reader});
  if (!m.log_url.empty()) out.push_back({"log served at", m.log_url});
  out.push_back({"expires", m.expires});
  return out;
}
Fields Describe(const Offer& m) {
  return {{"device", m.device_kind},
          {"model", m.model},
          {"memory", FormatSize(m.memory_bytes)},
          {"slices", uint64_t{m.slices}},
          {"price", m.price},
          {"hold price", m.hold_price},
          {"hold fee", m.hold_fee},
          {"grace", m.grace},
          {"notice", m.notice},
          {"longest interval", m.longest_interval},
          {"duration from", m.min_duration},
          {"duration to", m.max_duration},
          {"region", m.region},
          {"newest PTX", DottedVersion(m.newest_ptx)},
          {"grade claimed", std::string(GradeName(m.grade))},
          {"jail", std::string(JailGradeName(m.jail))},
          {"sequence", m.sequence},
          {"expires", m.expires}};
}
Fields Describe(const Withdrawal& m) {
  return {{"up to sequence", m.sequence}, {"issued", m.issued}};
}
Fields Describe(const Issue& m) {
  return {{"account", m.account},
          {"amount", m.amount},
          {"reference", m.reference},
          {"issued", m.issued}};
}
Fields Describe(const Escrow& m) {
  return {{"book", m.book},     {"account", m.account},        {"payee", m.payee},
          {"amount", m.amount}, {"accept by", m.accept_by},    {"timeout", m.timeout},
          {"nonce", m.nonce},   {"voucher key", m.voucher_key}};
}
Fields Describe(const Voucher& m) {
  return {{"lease", m.lease}, {"book", m.book}, {"amount", m.amount}};
}
Fields Describe(const Post& m) {
  Fields out = {{"escrow", m.escrow}, {"lease", m.lease}, {"amount", m.amount}};
  const auto voucher = Document::Open(m.voucher);
  const auto said = voucher ? Decode<Voucher>(**voucher) : Result<Voucher>(voucher.error());
  if (said) {
    out.push_back({"voucher", said->amount});
    out.push_back({"voucher key", (*voucher)->signer()});
  } else {
    out.push_back({"voucher", "not readable: " + said.error().message});
  }
  return out;
}
Fields Describe(const Void& m) {
  return {{"escrow", m.escrow}, {"lease", m.lease}};
}
Fields Describe(const Order& m) {
  return {{"offer", m.offer},      {"provider", m.provider},
          {"book", m.book},        {"slices", uint64_t{m.slices}},
          {"price", m.price},      {"duration", m.duration},
          {"at most", m.max_cost}, {"hold fee", m.hold_fee},
          {"account", m.account},  {"voucher key", m.voucher_key},
          {"escrow", m.escrow},    {"nonce", m.nonce},
          {"issued", m.issued},    {"expires", m.expires}};
}
Fields Describe(const Acceptance& m) {
  return {{"order", m.order},         {"fence", m.fence},       {"accepted", m.accepted},
          {"commit by", m.commit_by}, {"ready by", m.ready_by}, {"settle by", m.settle_by},
          {"device", m.device}};
}
Fields Describe(const Commit& m) {
  return {
      {"lease", m.lease}, {"number", m.number}, {"acceptance", m.acceptance}, {"nonce", m.nonce}};
}
Fields Describe(const Ready& m) {
  return {{"lease", m.lease},   {"number", m.number}, {"commit", m.commit},
          {"answer", m.answer}, {"ready", m.ready},   {"end", m.end}};
}
Fields Describe(const Job& m) {
  return {{"lease", m.lease},
          {"number", m.number},
          {"title", m.title},
          {"workload", m.workload.digest},
          {"blobs", static_cast<uint64_t>(m.blobs.size())},
          {"sealed", std::string(m.sealed ? "yes" : "no")}};
}
Fields Describe(const JobSeal& m) {
  return {{"job", m.job}, {"lease", m.lease}, {"fence", m.fence}, {"receipt", m.receipt}};
}
Fields Describe(const JobReveal& m) {
  return {{"job", m.job}, {"lease", m.lease}, {"seal", m.seal}};
}
Fields Describe(const JobReceipt& m) {
  Fields out = {{"job", m.job},
                {"lease", m.lease},
                {"fence", m.fence},
                {"status", std::string(JobStatusName(m.status))}};
  if (!m.sentence.empty()) out.push_back({"sentence", m.sentence});
  out.push_back({"device", m.device_name});
  out.push_back({"class", m.result_class});
  out.push_back({"launches", m.launches});
  out.push_back({"instructions", m.thread_instructions});
  out.push_back({"states root", m.states_root});
  out.push_back({"workload", m.workload});
  for (const JobOutput& output : m.outputs) out.push_back({output.name, output.blob.digest});
  if (m.started.ms != 0) out.push_back({"started", m.started});
  out.push_back({"finished", m.finished});
  return out;
}
Fields Describe(const Challenge& m) {
  Fields out = {{"lease", m.lease},         {"number", m.number},
                {"model", m.model},         {"size", uint64_t{m.size}},
                {"rows", uint64_t{m.rows}}, {"deadline", m.deadline},
                {"nonce", m.nonce},         {"secret's digest", m.secret_digest},
                {"issued", m.issued}};
  for (const std::string& device : m.devices) out.push_back({"device", device});
  return out;
}
Fields Describe(const ChallengeRoot& m) {
  return {{"lease", m.lease},
          {"number", m.number},
          {"challenge", m.challenge},
          {"root", m.root},
          {"took", m.took}};
}
Fields Describe(const ChallengeRows& m) {
  std::string rows;
  for (const uint32_t row : m.rows) rows += (rows.empty() ? "" : " ") + std::to_string(row);
  return {{"lease", m.lease},
          {"number", m.number},
          {"challenge", m.challenge},
          {"root document", m.root},
          {"rows", rows}};
}
Fields Describe(const ChallengeOpening& m) {
  return {{"lease", m.lease},        {"number", m.number},    {"challenge", m.challenge},
          {"rows document", m.rows}, {"blob", m.blob.digest}, {"bytes", m.blob.size}};
}
Fields Describe(const ChallengeVerdict& m) {
  Fields out = {{"provider", m.provider},
                {"model", m.model},
                {"size", uint64_t{m.size}},
                {"rows", uint64_t{m.rows}},
                {"deadline", m.deadline}};
  for (const ChallengeResult& one : m.results) {
    out.push_back({"challenge", one.challenge});
    out.push_back({"device", fmt::format("{}: {}", one.device, ChallengeStatusName(one.status))});
    out.push_back({"took", one.took});
  }
  out.push_back({"nonce", m.nonce});
  out.push_back({"secret", m.secret});
  out.push_back({"judged", m.judged});
  out.push_back({"expires", m.expires});
  return out;
}
Fields Describe(const Release& m) {
  return {{"lease", m.lease}, {"number", m.number}};
}
Fields Describe(const Close& m) {
  return {{"lease", m.lease},
          {"number", m.number},
          {"reason", std::string(CloseReasonName(m.reason))},
          {"metered", m.metered},
          {"due", m.due},
          {"best voucher", m.best}};
}

template <typename Message>
Fields DescribeAs(const Document& document) {
  const auto message = Decode<Message>(document);
  if (!message) return {{"not readable", message.error().message}};
  return Describe(*message);
}

struct Shower {
  std::string operator()(const std::string& v) const { return v; }
  std::string operator()(uint64_t v) const { return std::to_string(v); }
  std::string operator()(bool v) const { return v ? "yes" : "no"; }
  std::string operator()(const Digest& v) const { return v.Short(); }
  std::string operator()(const PublicKey& v) const { return ShortKey(v); }
  std::string operator()(Time v) const { return LocalClockMillis(v); }
  std::string operator()(Duration v) const { return FormatDuration(v); }
  std::string operator()(Credits v) const { return FormatCredits(v) + " cr"; }
  std::string operator()(Rate v) const { return FormatRate(v) + " cr/h"; }
  std::string operator()(Slices v) const {
    return fmt::format("{} slice{}", v.count, v.count == 1 ? "" : "s");
  }
};

void AppendFields(std::string& out, const Fields& fields, const char* indent) {
  size_t width = 0;
  for (const Field& field : fields) width = std::max(width, field.name.size());
  for (const Field& field : fields) {
    out += fmt::format("{}{:<{}}  {}\n", indent, field.name, width, ShowValue(field.value));
  }
}

RenderedDocument RenderDocument(ByteView envelope) {
  RenderedDocument out;
  auto document = Document::Open(envelope);
  if (!document) {
    out.problem = document.error().message;
    // What it claims to be, for the reader's eye.
    document = Document::OpenTrusted(envelope);
    if (!document) return out;
  } else {
    out.opened = true;
  }
  out.kind = KindName((*document)->kind());
  out.id = (*document)->id();
  out.signer = (*document)->signer();
  out.fields = DocumentFields(**document);
  return out;
}

}  // namespace

std::vector<Field> DocumentFields(const Document& document) {
  switch (document.kind()) {
#define SOUK_DESCRIBE(Type) \
  case Kind::k##Type:       \
    return DescribeAs<Type>(document);
    SOUK_DESCRIBE(Card)
    SOUK_DESCRIBE(Offer)
    SOUK_DESCRIBE(Withdrawal)
    SOUK_DESCRIBE(Issue)
    SOUK_DESCRIBE(Escrow)
    SOUK_DESCRIBE(Voucher)
    SOUK_DESCRIBE(Post)
    SOUK_DESCRIBE(Void)
    SOUK_DESCRIBE(Order)
    SOUK_DESCRIBE(Acceptance)
    SOUK_DESCRIBE(Commit)
    SOUK_DESCRIBE(Ready)
    SOUK_DESCRIBE(Job)
    SOUK_DESCRIBE(JobReceipt)
    SOUK_DESCRIBE(JobSeal)
    SOUK_DESCRIBE(JobReveal)
    SOUK_DESCRIBE(Release)
    SOUK_DESCRIBE(Close)
    SOUK_DESCRIBE(Challenge)
    SOUK_DESCRIBE(ChallengeRoot)
    SOUK_DESCRIBE(ChallengeRows)
    SOUK_DESCRIBE(ChallengeOpening)
    SOUK_DESCRIBE(ChallengeVerdict)
#undef SOUK_DESCRIBE
    // Between connected peers only.
    case Kind::kHello:
    case Kind::kHave:
    case Kind::kWant:
    case Kind::kBundle:
    case Kind::kRefusal:
    case Kind::kCarry:
    case Kind::kReply:
    case Kind::kBlobGet:
    case Kind::kBlobChunk:
    case Kind::kEscrowFetch:
    case Kind::kShow:
    case Kind::kAccountQuery:
    case Kind::kStatement:
    case Kind::kVoucherAck:
    case Kind::kProgress:
    case Kind::kLeaseQuery:
    case Kind::kHead:
    case Kind::kFork:
    case Kind::kConsistencyGet:
    case Kind::kConsistency:
    case Kind::kAddCheckpoint:
    case Kind::kCosigned:
    case Kind::kEntryGet:
    case Kind::kEntriesGet:
    case Kind::kEntries:
      return {{"note", std::string("travels between peers, and stands in no log")}};
  }
  return {};
}

Result<RenderedEntry> RenderEntry(ByteView leaf) {
  ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(leaf));
  OutcomeText text = std::visit(DescribeOutcome{}, entry.outcome);
  RenderedEntry out{.sequence = entry.sequence,
                    .time = entry.time,
                    .rules = entry.rules,
                    .kind = OutcomeName(entry.outcome),
                    .summary = std::move(text.summary),
                    .outcome = std::move(text.fields),
                    .bytes = leaf.size()};
  for (const Bytes& envelope : entry.documents) out.documents.push_back(RenderDocument(envelope));
  return out;
}

RenderedEntry RenderAnyEntry(uint64_t index, ByteView leaf) {
  auto rendered = RenderEntry(leaf);
  if (rendered) return std::move(*rendered);
  return {.sequence = index,
          .kind = "unreadable",
          .summary = rendered.error().message,
          .bytes = leaf.size()};
}

std::string ShortKey(const PublicKey& key) {
  return key.IsZero() ? "–" : key.ToString().substr(0, 13) + "…";
}

std::string ShowValue(const FieldValue& value) {
  return std::visit(Shower{}, value);
}
std::string ToText(const RenderedEntry& entry) {
  std::string out = fmt::format("entry {}  {}  {}\n{}\n", entry.sequence, FormatTime(entry.time),
                                entry.kind, entry.summary);
  AppendFields(out, entry.outcome, "  ");
  for (size_t i = 0; i < entry.documents.size(); ++i) {
    const RenderedDocument& document = entry.documents[i];
    out += fmt::format("{} {}  {}  by {}\n", document.opened ? "✓" : "✗",
                       document.kind.empty() ? "document" : document.kind, document.id.Short(),
                       ShortKey(document.signer));
    if (!document.opened) out += fmt::format("    {}\n", document.problem);
    AppendFields(out, document.fields, "    ");
  }
  return out;
}

}  // namespace souk::tools
