// Of leases and jobs, as the renter and as the provider.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "gpu/worker/descriptor.h"
#include "gpu/workload/workload.h"
#include "node/blob_store.h"
#include "node/control/answers.h"
#include "protocol/base/file.h"
#include "protocol/plain_text.h"
#include "protocol/text.h"

namespace souk::node::control {
namespace {

using nlohmann::json;

constexpr size_t kLogBytes = 64 * 1024;
constexpr size_t kMostPrintedBytes = 1 << 20;

LeaseState StateOf(Renter::Phase phase) {
  switch (phase) {
    case Renter::Phase::kEscrowing:
    case Renter::Phase::kOrdering:
    case Renter::Phase::kLost:
      return LeaseState::kNone;
    case Renter::Phase::kCommitting:
      return LeaseState::kReserved;
    case Renter::Phase::kWaiting:
    case Renter::Phase::kPaying:
      return LeaseState::kActive;
    case Renter::Phase::kMetering:
      return LeaseState::kMetering;
    case Renter::Phase::kPaused:
      return LeaseState::kPaused;
    case Renter::Phase::kReleasing:
    case Renter::Phase::kClosing:
      return LeaseState::kClosing;
    case Renter::Phase::kClosed:
      return LeaseState::kClosed;
  }
  std::abort();
}

// One word each, for programs; LeaseStateName is for people.
const char* StateWord(LeaseState state) {
  return state == LeaseState::kMetering ? "Metering" : LeaseStateName(state);
}

// What both sides know of a lease from its order.
json OrderFields(const Asked& asked, const Digest& id, const Order& order, const PeerId& peer) {
  json row = {{"id", id.Hex()},
              {"peer", peer.ToString()},
              {"peer_name", asked.NameOf(peer)},
              {"offer", order.offer.Hex()},
              {"book", order.book.ToString()},
              {"book_name", asked.NameOf(order.book)},
              {"slices", order.slices},
              {"price_micro", order.price.micro_per_hour},
              {"duration_in_ms", order.duration.ms},
              {"max_micro", order.max_cost.micro},
              {"ordered_ms", order.issued.ms}};
  const Directory::KnownOffer* offer =
      asked.agent().directory().FindOffer(order.offer, asked.log_time());
  if (offer != nullptr) {
    row["kind"] = offer->offer.device_kind;
    row["model"] = offer->offer.model;
  }
  return row;
}

void AddAcceptance(const Acceptance& acceptance, json& row) {
  row["device"] = acceptance.device;
  if (acceptance.accepted.ms == 0) return;
  row["accepted_ms"] = acceptance.accepted.ms;
  row["fence"] = acceptance.fence;
}

void AddReason(CloseReason reason, const std::string& sentence, json& row) {
  row["reason"] = reason == CloseReason::kNone ? "" : CloseReasonName(reason);
  row["reason_code"] = static_cast<uint16_t>(reason);
  row["sentence"] = sentence;
}

json StoryRow(Time time, const std::string& who, const std::string& what) {
  return {{"time_ms", time.ms}, {"who", who}, {"what", what}};
}

std::string EntryName(const std::string& who, uint64_t index) {
  return who + "#" + std::to_string(index);
}

json RenterStory(const Asked& asked, const Renter::Lease& lease) {
  const std::string provider = asked.NameOf(lease.order.provider);
  const std::string book = asked.NameOf(lease.order.book);
  static const std::set<std::string> kOwn = {"order", "committed"};
  json story = json::array();
  bool released = false;
  for (const auto& [time, what] : lease.story) {
    if (what == LeaseEventName(LeaseEvent::kReleased)) {
      // The renter's release, then the provider's close because of it; or the close alone.
      const bool ours = !released && lease.release_document;
      story.push_back(StoryRow(time, ours ? "you" : provider, ours ? "released" : "closed"));
      released = true;
      continue;
    }
    const bool by_book = what == "escrow held" || what == "settled";
    json row = StoryRow(time, kOwn.contains(what) ? "you" : by_book ? book : provider, what);
    if (what == LeaseEventName(LeaseEvent::kAccepted)) {
      row["what"] = "accepted, fence " + std::to_string(lease.acceptance.fence);
      row["entry"] = EntryName(provider, lease.accepted_entry);
    } else if (what == LeaseEventName(LeaseEvent::kFirstVoucher)) {
      row["what"] = "metering starts";
    }
    story.push_back(std::move(row));
  }
  return story;
}

// The offer is replaced as soon as its slices are leased: what its provider offers is likely the
// same.
void AddDevice(const Asked& asked, const Renter::Lease& lease, json& row) {
  if (!lease.model.empty()) {
    row["kind"] = lease.device_kind;
    row["model"] = lease.model;
  }
  if (row.contains("model")) return;
  const std::vector<Offer> offers =
      asked.agent().directory().OffersOf(lease.order.provider, asked.log_time());
  if (offers.size() != 1) return;
  row["kind"] = offers[0].device_kind;
  row["model"] = offers[0].model;
}

json RenterRow(const Asked& asked, const Renter::Lease& lease) {
  json row = OrderFields(asked, lease.id, lease.order, lease.order.provider);
  AddDevice(asked, lease, row);
  row["side"] = "renter";
  row["phase"] = Renter::PhaseName(lease.phase);
  row["state"] = StateWord(StateOf(lease.phase));
  row["over"] = lease.phase == Renter::Phase::kClosed;
  AddAcceptance(lease.acceptance, row);
  row["best_micro"] = lease.best.micro;
  row["due_micro"] = lease.due.micro;
  row["paid_micro"] = lease.paid.micro;
  // R6: the renter risks one interval.
  const auto interval = AmountDue(lease.order.price, lease.order.slices, lease.interval);
  const bool open = lease.phase != Renter::Phase::kClosed;
  row["at_risk_micro"] = open && interval ? interval->micro : 0;
  row["interval_in_ms"] = lease.interval.ms;
  if (lease.ready.ms != 0) row["ready_ms"] = lease.ready.ms;
  if (lease.end.ms != 0) row["ends_ms"] = lease.end.ms;
  row["settled"] = lease.settled;
  AddReason(lease.reason, lease.sentence, row);
  row["story"] = RenterStory(asked, lease);
  return row;
}

json ProviderStory(const Asked& asked, const Provider::Lease& lease) {
  const std::string renter = asked.NameOf(lease.renter);
  json story = json::array();
  story.push_back(StoryRow(lease.order.issued, renter, "order"));
  story.push_back(StoryRow(lease.acceptance.accepted, "you",
                           "accepted, fence " + std::to_string(lease.acceptance.fence)));
  story.back()["entry"] = EntryName("you", lease.accepted_entry);
  if (lease.commit_document) {
    const auto leaf = asked.facts.log.Entry(lease.committed_entry);
    const auto entry = leaf ? DecodeEntry(*leaf) : leaf.error();
    story.push_back(StoryRow(entry ? entry->time : Time{}, renter, "committed"));
    story.back()["entry"] = EntryName("you", lease.committed_entry);
  }
  if (lease.ready_document) {
    const auto ready = Decode<Ready>(*lease.ready_document);
    if (ready) story.push_back(StoryRow(ready->ready, "you", "ready"));
  }
  if (lease.first_metered.ms != 0) {
    story.push_back(StoryRow(lease.first_metered, renter, "metering starts"));
  }
  return story;
}

json ProviderRow(const Asked& asked, const Provider::Lease& lease) {
  json row = OrderFields(asked, lease.id, lease.order, lease.renter);
  row["side"] = "provider";
  row["phase"] = LeaseStateName(lease.state);
  row["state"] = StateWord(lease.state);
  const bool closed = lease.state == LeaseState::kClosed;
  row["over"] = closed && lease.settled;
  for (const DeviceForRent& device : asked.settings().provider.devices) {
    if (device.uuid != lease.acceptance.device) continue;
    row["kind"] = device.kind;
    row["model"] = device.model;
  }
  AddAcceptance(lease.acceptance, row);
  const Credits due = closed || lease.state == LeaseState::kClosing
                          ? lease.due
                          : Provider::DueAt(lease, asked.log_time());
  row["best_micro"] = lease.best.micro;
  row["due_micro"] = due.micro;
  row["paid_micro"] = lease.paid.micro;
  row["at_risk_micro"] = closed ? 0 : std::max<int64_t>(0, (due - lease.best).micro);
  row["interval_in_ms"] = 0;
  if (lease.ready_document && lease.end.ms != 0) {
    row["ready_ms"] = (lease.end - lease.order.duration).ms;
    row["ends_ms"] = lease.end.ms;
  }
  row["settled"] = lease.settled;
  AddReason(lease.reason, "", row);
  row["story"] = ProviderStory(asked, lease);
  return row;
}

// Newest first; rows of one moment by id, so that the order is stable.
json Sorted(std::vector<std::pair<Time, json>> rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first > b.first;
    return a.second["id"] < b.second["id"];
  });
  json out = json::array();
  for (auto& [time, row] : rows) out.push_back(std::move(row));
  return out;
}

// ---- Jobs ------------------------------------------------------------------------------------

struct Transfer {
  uint64_t bytes = 0, total = 0;
  bool complete() const { return bytes >= total; }
  json ToJson() const { return {{"bytes", bytes}, {"total", total}}; }
};

// How much of these blobs is here, counting what that peer has sent of partial ones.
Transfer Here(const BlobStore& blobs, const std::vector<BlobRef>& wanted, const PeerId& from) {
  Transfer out;
  for (const BlobRef& blob : wanted) {
    out.total += blob.size;
    const bool whole = blobs.BlobSize(blob.digest).has_value();
    out.bytes += whole ? blob.size : std::min(blob.size, blobs.PartialBlobSize(blob.digest, from));
  }
  return out;
}

std::vector<BlobRef> InputsOf(const Job& job) {
  std::vector<BlobRef> out = job.blobs;
  out.push_back(job.workload);
  return out;
}

std::vector<BlobRef> OutputsOf(const std::optional<JobReceipt>& receipt) {
  std::vector<BlobRef> out;
  if (receipt) {
    for (const JobOutput& output : receipt->outputs) out.push_back(output.blob);
  }
  return out;
}

json JobFields(const Digest& id, const Job& job) {
  json blobs = json::array();
  for (const BlobRef& blob : job.blobs)
    blobs.push_back({{"digest", blob.digest.Hex()}, {"size", blob.size}});
  return {{"id", id.Hex()},
          {"lease", job.lease.Hex()},
          {"title", job.title},
          {"sealed", job.sealed},
          {"workload", {{"digest", job.workload.digest.Hex()}, {"size", job.workload.size}}},
          {"blobs", std::move(blobs)}};
}

json ReceiptFields(const JobReceipt& receipt, const Digest& id) {
  return {{"id", id.Hex()},
          {"status", JobStatusName(receipt.status)},
          {"sentence", receipt.sentence},
          {"device", receipt.device},
          {"device_name", receipt.device_name},
          {"architecture", receipt.architecture},
          {"driver", receipt.driver},
          {"class", receipt.result_class},
          {"launches", receipt.launches},
          {"thread_instructions", receipt.thread_instructions},
          {"states_root", receipt.states_root.Hex()},
          {"started_ms", receipt.started.ms},
          {"finished_ms", receipt.finished.ms},
          {"fence", receipt.fence}};
}

void AddReceipt(const Asked& asked, const std::optional<JobReceipt>& receipt,
                const DocumentRef& document, json& row) {
  json outputs = json::array();
  if (receipt) {
    for (const JobOutput& output : receipt->outputs) {
      outputs.push_back({{"name", output.name},
                         {"digest", output.blob.digest.Hex()},
                         {"size", output.blob.size},
                         {"here", asked.facts.blobs.BlobSize(output.blob.digest).has_value()}});
    }
    row["receipt"] = ReceiptFields(*receipt, document->id());
  }
  row["outputs"] = std::move(outputs);
}

// Progress is not kept over a restart; the receipt says how many launches there were.
void AddLaunches(const std::optional<JobReceipt>& receipt, uint64_t launch, uint64_t launches,
                 json& row) {
  row["launch"] = receipt ? receipt->launches : launch;
  row["launches"] = receipt ? std::max<uint64_t>(receipt->launches, launches) : launches;
}

std::string RenterJobState(const Renter::JobState& job, const Transfer& sent) {
  if (job.at == JobStep::Event::kSubmitted) {
    if (job.reveal_document) return "revealing";
    if (job.seal) return "sealed";
    if (job.launch > 0 || job.launches > 0) return "running";
    return sent.complete() ? "queued" : "sending";
  }
  if (!job.refused.empty()) return "failed";
  // Without a receipt it was given up, or refused in an earlier run of this node.
  if (!job.receipt) return "lost";
  const bool fetching = job.at == JobStep::Event::kFinished && !job.receipt->outputs.empty();
  return fetching ? "fetching" : JobStatusName(job.receipt->status);
}

bool IsJobOver(const Renter::JobState& job) {
  if (job.at == JobStep::Event::kSubmitted) return false;
  return job.at == JobStep::Event::kFetched || !job.receipt || job.receipt->outputs.empty();
}

}  // namespace

json RenterJobRow(const Asked& asked, const Renter::JobState& job) {
  json row = JobFields(job.id, job.job);
  row["side"] = "renter";
  Transfer sent = {.bytes = asked.facts.runner.Served(job.id)};
  for (const BlobRef& blob : InputsOf(job.job)) sent.total += blob.size;
  // What the provider had already, it did not ask for.
  if (job.at != JobStep::Event::kSubmitted || job.launches > 0) sent.bytes = sent.total;
  sent.bytes = std::min(sent.bytes, sent.total);
  row["state"] = RenterJobState(job, sent);
  if (job.round) row["round"] = job.round->Hex();
  row["over"] = IsJobOver(job);
  AddLaunches(job.receipt, job.launch, job.launches, row);
  row["sent"] = sent.ToJson();
  const PeerId& provider = asked.agent().renter().leases().at(job.lease).order.provider;
  row["fetched"] = Here(asked.facts.blobs, OutputsOf(job.receipt), provider).ToJson();
  row["due_micro"] = job.due.micro;
  row["refused"] = job.refused;
  row["sentence"] = job.receipt && job.refused.empty() ? job.receipt->sentence : job.refused;
  AddReceipt(asked, job.receipt, job.receipt_document, row);
  return row;
}

namespace {

json ProviderJobRow(const Asked& asked, const Provider::JobState& job) {
  json row = JobFields(job.id, job.job);
  std::optional<JobReceipt> receipt;
  if (job.receipt) {
    const auto decoded = Decode<JobReceipt>(*job.receipt);
    if (decoded) receipt = *decoded;
  }
  const bool over = job.at == JobStep::Event::kFinished;
  row["side"] = "provider";
  row["state"] = over && receipt                       ? JobStatusName(receipt->status)
                 : job.at == JobStep::Event::kAccepted ? "sending"
                 : job.launch > 0 || job.launches > 0  ? "running"
                                                       : "queued";
  row["over"] = over;
  AddLaunches(receipt, job.launch, job.launches, row);
  const auto lease = asked.agent().provider().leases().find(job.lease);
  const bool known = lease != asked.agent().provider().leases().end();
  const PeerId renter = known ? lease->second.renter : PeerId{};
  row["sent"] = Here(asked.facts.blobs, InputsOf(job.job), renter).ToJson();
  row["fetched"] = Transfer{}.ToJson();
  row["due_micro"] = known ? Provider::DueAt(lease->second, asked.log_time()).micro : 0;
  row["refused"] = "";
  row["sentence"] = receipt ? receipt->sentence : "";
  AddReceipt(asked, receipt, job.receipt, row);
  return row;
}

Time BeganAt(const Asked& asked, const Digest& lease) {
  const auto& rented = asked.agent().renter().leases();
  const auto& let = asked.agent().provider().leases();
  if (const auto it = rented.find(lease); it != rented.end()) return it->second.order.issued;
  if (const auto it = let.find(lease); it != let.end()) return it->second.order.issued;
  return {};
}

// The provider's side: the file that the workshop writes.
Result<std::string> ReadJobLog(const std::filesystem::path& path, uint64_t from) {
  const gpu::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return std::string();
  std::string text(kLogBytes, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(from));
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

// What the job's kernels printed, once it has come.
std::string PrintedText(const std::filesystem::path& dir, const JobReceipt& receipt) {
  for (const JobOutput& output : receipt.outputs) {
    if (output.name != gpu::kPrintedFile) continue;
    const auto text =
        ReadFile(FileBlobStore::PathOf(dir, output.blob.digest), 2 * kMostPrintedBytes);
    return text ? ToVisible(AsText(*text)) : std::string();
  }
  return {};
}

// A part of a text from `from` on, which ends between two characters.
std::string LogPart(const std::string& whole, uint64_t from) {
  const size_t begin = std::min<size_t>(from, whole.size());
  size_t end = std::min(whole.size(), begin + kLogBytes);
  while (end < whole.size() && end > begin && (static_cast<uint8_t>(whole[end]) & 0xc0) == 0x80) {
    --end;
  }
  return whole.substr(begin, end - begin);
}

std::string RenterJobLog(const std::filesystem::path& dir, const Renter::JobState& job) {
  std::string out = "submitted on lease " + job.lease.Hex() + "\n";
  if (!job.receipt) return out + (job.refused.empty() ? "" : "refused: " + job.refused + "\n");
  const JobReceipt& receipt = *job.receipt;
  if (receipt.started.ms != 0)
    out += FormatTime(receipt.started) + " started on " + receipt.device_name + "\n";
  out += FormatTime(receipt.finished) + " " + JobStatusName(receipt.status) + ", " +
         std::to_string(receipt.launches) + " launches" +
         (receipt.sentence.empty() ? "" : ": " + receipt.sentence) + "\n";
  for (const JobOutput& output : receipt.outputs) {
    out += output.name + " " + output.blob.digest.ToString() + " " + FormatSize(output.blob.size) +
           "\n";
  }
  return out + PrintedText(dir, receipt);
}

Answer ListLeases(const Asked& asked, const std::optional<Digest>& id, bool open) {
  std::vector<std::pair<Time, json>> rows;
  const auto wanted = [&](const Digest& lease, const json& row) {
    return (!id || *id == lease) && (!open || !row["over"].get<bool>());
  };
  for (const auto& [lease_id, lease] : asked.agent().renter().leases()) {
    if (id && *id != lease_id) continue;
    json row = RenterRow(asked, lease);
    if (wanted(lease_id, row)) rows.push_back({lease.order.issued, std::move(row)});
  }
  for (const auto& [lease_id, lease] : asked.agent().provider().leases()) {
    if (id && *id != lease_id) continue;
    json row = ProviderRow(asked, lease);
    if (wanted(lease_id, row)) rows.push_back({lease.order.issued, std::move(row)});
  }
  if (id && rows.empty()) return Error(Code::kNotFound, "no such lease; see: souk leases");
  return json{{"leases", Sorted(std::move(rows))}};
}

}  // namespace

Answer AnswerLeases(const Asked& asked, Fields& fields) {
  const auto id = fields.Id("id");
  const bool open = fields.Flag("open").value_or(false);
  RETURN_IF_ERROR(fields.Done());
  return ListLeases(asked, id, open);
}

Answer AnswerLease(const Asked& asked, const Digest& id) {
  return ListLeases(asked, id, /*open=*/false);
}

Answer AnswerJobs(const Asked& asked, Fields& fields) {
  const auto id = fields.Id("id"), lease = fields.Id("lease");
  RETURN_IF_ERROR(fields.Done());
  std::vector<std::pair<Time, json>> rows;
  const auto wanted = [&](const Digest& job, const Digest& of) {
    return (!id || *id == job) && (!lease || *lease == of);
  };
  // A job carries no time of its own: by its lease, then by its number there.
  const auto at = [&](const Job& job) {
    return BeganAt(asked, job.lease) + Millis(static_cast<int64_t>(job.number));
  };
  for (const auto& [job_id, job] : asked.agent().renter().jobs()) {
    if (wanted(job_id, job.lease)) rows.push_back({at(job.job), RenterJobRow(asked, job)});
  }
  for (const auto& [job_id, job] : asked.agent().provider().jobs()) {
    if (wanted(job_id, job.lease)) rows.push_back({at(job.job), ProviderJobRow(asked, job)});
  }
  if (id && rows.empty()) return Error(Code::kNotFound, "no such job; see: souk jobs");
  return json{{"jobs", Sorted(std::move(rows))}};
}

Answer AnswerLogs(const Asked& asked, Fields& fields) {
  const Digest id = fields.Need("job", fields.Id("job"));
  const auto from = static_cast<uint64_t>(fields.Integer("from").value_or(0));
  RETURN_IF_ERROR(fields.Done());
  const auto& rented = asked.agent().renter().jobs();
  const auto& let = asked.agent().provider().jobs();
  std::string text;
  bool over = false;
  if (const auto it = rented.find(id); it != rented.end()) {
    text = LogPart(RenterJobLog(asked.facts.dir, it->second), from);
    over = IsJobOver(it->second);
  } else if (const auto job = let.find(id); job != let.end()) {
    ASSIGN_OR_RETURN(text, ReadJobLog(asked.facts.dir / "jobs" / id.Hex() / "log", from));
    over = job->second.at == JobStep::Event::kFinished;
  } else {
    return Error(Code::kNotFound, "no such job; see: souk jobs");
  }
  const uint64_t next = from + text.size();
  return json{{"text", std::move(text)}, {"next", next}, {"over", over}};
}

}  // namespace souk::node::control
