#include "node/mirror_client.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>

#include "ledger/c2sp/entry_bundle.h"
#include "node/message.h"
#include "node/transport/transport.h"
#include "protocol/codec.h"
#include "protocol/entry.h"

namespace souk::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr ConnectionId kConnection = 2;
constexpr Duration kAgain = Millis(500);
constexpr size_t kAtOnce = 16;

Duration Monotonic() {
  return Millis(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch())
          .count());
}

Time Wall() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Time{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

SharedBytes EnvelopeFrame(const DocumentRef& document) {
  return {document, &document->envelope()};
}

// One connection, one question at a time.
class MirrorClient {
 public:
  MirrorClient(const Identity& identity, const PeerAddress& mirror,
               const MirrorClientOptions& options)
      : identity_(identity), mirror_(mirror), options_(options), curve_(identity.Curve()) {}

  Status Open();
  // The checkpoint of this log that came with the mirror's hello; "" where it said none.
  const std::string& known() const { return known_; }

  struct Answer {
    Entries entries = {};
    SharedBytes bundle = {};
  };
  Result<Answer> Ask(uint64_t from, uint64_t size);

 private:
  DocumentRef SayHello();
  // Sends what `question` makes, again and again, until something comes that answers it.
  using Answers = std::function<bool(const OpenedMessage& message, const Digest& question)>;
  Result<OpenedMessage> Converse(const std::function<DocumentRef()>& question,
                                 const Answers& answers, Duration patience);
  Status Receive(std::vector<OpenedMessage>& out);
  std::string Where() const { return "the mirror at " + mirror_.endpoint; }

  const Identity& identity_;
  const PeerAddress& mirror_;
  const MirrorClientOptions& options_;
  const CurveKeyPair curve_;
  std::unique_ptr<Transport> transport_ = {};
  std::string known_ = {};
};

Status MirrorClient::Open() {
  // A megabyte may take longer than the heartbeats of a busy node.
  ASSIGN_OR_RETURN(transport_, Transport::Open(curve_, {.heartbeat_timeout = options_.patience}));
  transport_->Open(Connect{kConnection, mirror_.endpoint, mirror_.curve});
  ASSIGN_OR_RETURN(const OpenedMessage answer,
                   Converse([this] { return SayHello(); },
                            [](const OpenedMessage& message, const Digest&) {
                              const auto hello = Decode<Hello>(*message.document);
                              return hello && hello->answer;
                            },
                            options_.hello));
  known_ = Decode<Hello>(*answer.document)->your_checkpoint;
  return Ok();
}

DocumentRef MirrorClient::SayHello() {
  const Time now = Wall();
  const Card card{.name = "rebuild",
                  .curve = curve_.public_key(),
                  .checkpoint_key = identity_.CheckpointKey().public_key(),
                  .log_name = LogName(identity_.id()),
                  .epoch = identity_.epoch(),
                  .sequence = 1,
                  .issued = now,
                  .expires = now + Minutes(10),
                  .peer = identity_.id()};
  const DocumentRef document = SignMessage(card, identity_.key());
  DocumentRef hello = SignMessage(Hello{.card = document->id(), .sent = now}, identity_.key());
  transport_->Deliver(kConnection, {EnvelopeFrame(hello), EnvelopeFrame(document)});
  return hello;
}

Status MirrorClient::Receive(std::vector<OpenedMessage>& out) {
  if (!transport_->HasInput()) {
    pollfd one{.fd = transport_->fd(), .events = POLLIN, .revents = 0};
    (void)::poll(&one, 1, 20);
  }
  std::vector<Transport::Incoming> came;
  transport_->Receive(
      kAtOnce, Monotonic(), [](ConnectionId) { return true; }, came);
  for (const Transport::Incoming& one : came) {
    if (std::holds_alternative<ConnectionLost>(one)) {
      return Error(Code::kUnavailable, Where() + " closed the connection, or is not there");
    }
    const auto* message = std::get_if<MessageArrived>(&one);
    if (message == nullptr) continue;
    auto opened = OpenMessage(message->frames);
    // Gossip of others comes too, and is nothing to us.
    if (opened && opened->document->signer() == mirror_.peer) out.push_back(std::move(*opened));
  }
  return Ok();
}

Result<OpenedMessage> MirrorClient::Converse(const std::function<DocumentRef()>& question,
                                             const Answers& answers, Duration patience) {
  const Duration begun = Monotonic();
  Duration again = begun;
  Digest asked;
  while (Monotonic() - begun < patience) {
    if (Monotonic() >= again) {
      asked = question()->id();
      // Each repetition is answered, so that many would fill a slow line.
      again = Monotonic() + Duration{patience.ms / 4};
    }
    std::vector<OpenedMessage> messages;
    RETURN_IF_ERROR(Receive(messages));
    for (OpenedMessage& message : messages) {
      if (answers(message, asked)) return std::move(message);
      if (message.document->kind() != Kind::kRefusal) continue;
      const auto refusal = Decode<Refusal>(*message.document);
      if (!refusal || refusal->re != asked) continue;
      if (refusal->code == RefusalCode::kNotBound) SayHello();
      if (refusal->code != RefusalCode::kNotBound && refusal->code != RefusalCode::kRateLimited &&
          refusal->code != RefusalCode::kBusy) {
        return Error(Code::kDenied, Where() + " refuses: " + refusal->sentence);
      }
      again = Monotonic() + kAgain;
    }
  }
  return Error(Code::kUnavailable,
               fmt::format("{} does not answer within {} s", Where(), patience.ms / 1000));
}

Result<MirrorClient::Answer> MirrorClient::Ask(uint64_t from, uint64_t size) {
  ASSIGN_OR_RETURN(OpenedMessage message,
                   Converse(
                       [&] {
                         DocumentRef get = SignMessage(
                             EntriesGet{.log = identity_.id(), .from = from, .size = size},
                             identity_.key());
                         transport_->Deliver(kConnection, {EnvelopeFrame(get)});
                         return get;
                       },
                       [](const OpenedMessage& answer, const Digest& question) {
                         if (answer.document->kind() != Kind::kEntries) return false;
                         const auto entries = Decode<Entries>(*answer.document);
                         return entries && entries->re == question;
                       },
                       options_.patience));
  Answer answer{*Decode<Entries>(*message.document), std::move(message.bundle)};
  if (answer.entries.log != identity_.id() || answer.entries.from != from ||
      answer.entries.size != size || (answer.entries.count == 0) != (from == size)) {
    return Error(Code::kUnavailable, Where() + " answers otherwise than it was asked");
  }
  return answer;
}

}  // namespace

Result<ledger::Checkpoint> FetchFromMirror(const Identity& identity, const PeerAddress& mirror,
                                           ledger::Mirrors& into,
                                           const MirrorClientOptions& options) {
  const ledger::NoteVerifier log{LogName(identity.id()),
                                 identity.CheckpointKey().public_key().bytes};
  MirrorClient client(identity, mirror, options);
  RETURN_IF_ERROR(client.Open());
  ledger::Checkpoint known;
  if (!client.known().empty()) {
    ASSIGN_OR_RETURN(known, ledger::OpenCheckpoint(client.known(), log));
  }
  ASSIGN_OR_RETURN(const MirrorClient::Answer newest, client.Ask(0, 0));
  ASSIGN_OR_RETURN(const ledger::Checkpoint head, ledger::OpenCheckpoint(newest.entries.note, log));
  for (uint64_t done = 0; done < head.size;) {
    ASSIGN_OR_RETURN(const MirrorClient::Answer part, client.Ask(done, head.size));
    ASSIGN_OR_RETURN(const auto entries,
                     ledger::ParseEntryBundle(*part.bundle, part.entries.count));
    ASSIGN_OR_RETURN(const ledger::MirroredLog held,
                     into.Append(log, {.from = done,
                                       .entries = entries,
                                       .note = newest.entries.note,
                                       .hashes = part.entries.hashes}));
    done = held.size;
    if (options.progress) options.progress(done, head.size);
  }
  return known.size > head.size ? known : head;
}

}  // namespace souk::node
