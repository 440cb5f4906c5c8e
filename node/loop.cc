#include "node/loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/base/check.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace {

int64_t ReadMs(clockid_t clock) {
  timespec now = {};
  CHECK(::clock_gettime(clock, &now) == 0);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Beyond it hashing takes longer than waking a thread does.
constexpr size_t kVerifiedHere = 64 * 1024;

size_t TotalBytes(const Frames& frames) {
  size_t total = 0;
  for (const SharedBytes& frame : frames) total += frame->size();
  return total;
}

}  // namespace

Now ReadClocks() {
  return {Time{ReadMs(CLOCK_REALTIME)}, Duration{ReadMs(CLOCK_BOOTTIME)}};
}

Loop::Loop(Parts parts, bool end_when_idle)
    : parts_(std::move(parts)), end_when_idle_(end_when_idle) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  sigset_t ours;
  ::sigemptyset(&ours);
  ::sigaddset(&ours, SIGTERM);
  ::sigaddset(&ours, SIGINT);
  CHECK(::pthread_sigmask(SIG_BLOCK, &ours, nullptr) == 0);
  signals_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  CHECK(epoll_ >= 0 && signals_ >= 0);
  std::vector<int> watched = {signals_, parts_.transport.fd(), parts_.pool.fd(),
                              parts_.control.fd(), parts_.checker.fd()};
  if (parts_.workshop != nullptr) watched.push_back(parts_.workshop->fd());
  for (const int fd : watched) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  now_ = ReadClocks();
  busy_until_ = now_.monotonic;
}

Loop::~Loop() {
  ::close(signals_);
  ::close(epoll_);
}

void Loop::Wait() {
  const bool at_once = !waiting_.empty() || (parts_.pool.room() > 0 && parts_.transport.HasInput());
  epoll_event events[8];
  (void)::epoll_wait(epoll_, events, 8, at_once ? 0 : static_cast<int>(kTick.ms));
  signalfd_siginfo signal = {};
  if (::read(signals_, &signal, sizeof(signal)) == sizeof(signal)) signalled_ = true;
}

void Loop::GatherFromNetwork() {
  const size_t room = std::min({parts_.pool.room(), EventQueue::kTurnEvents,
                                kWaiting - std::min(kWaiting, waiting_.size())});
  if (room == 0) return;
  std::vector<Transport::Incoming> incoming;
  const auto is_bound = [this](ConnectionId id) {
    return parts_.agent.connections().Bound(id).has_value();
  };
  // Losses come on top of what was asked for; each message takes one place in the pool.
  parts_.transport.Receive(room, now_.monotonic, is_bound, incoming);
  if (incoming.size() == 1 && parts_.pool.idle()) {
    auto* const message = std::get_if<MessageArrived>(&incoming[0]);
    if (message != nullptr && TotalBytes(message->frames) <= kVerifiedHere) {
      waiting_.Add(parts_.pool.VerifyHere(*message));
      return;
    }
  }
  for (Transport::Incoming& one : incoming) {
    if (auto* message = std::get_if<MessageArrived>(&one)) {
      parts_.pool.Submit(std::move(*message));
    } else if (auto* refused = std::get_if<MessageRefused>(&one)) {
      parts_.pool.Pass(std::move(*refused));
    } else if (const auto* lost = std::get_if<ConnectionLost>(&one)) {
      parts_.pool.Forget(lost->connection);
      parts_.runner.Forget(lost->connection);
      waiting_.Add(*lost);
    }
  }
}

void Loop::Gather() {
  std::vector<Event> events;
  if (parts_.workshop != nullptr) parts_.workshop->Receive(events);
  parts_.checker.Receive(events);
  parts_.control.Receive(now_, events);
  parts_.pool.Collect(events);
  for (Event& event : events) waiting_.Add(std::move(event));
  GatherFromNetwork();
}

Status Loop::Carry(const Effects& effects) {
  for (const Work& work : effects.work) {
    if (const auto* closed = std::get_if<Disconnect>(&work)) parts_.pool.Forget(closed->connection);
  }
  std::vector<Event> follow;
  RETURN_IF_ERROR(parts_.runner.Run(effects, follow));
  waiting_.AddFirst(std::move(follow));
  return Ok();
}

void Loop::LoadCosigned() {
  if (parts_.agent.settings().log.witnesses.empty()) return;
  const auto note = ReadFile(parts_.cosigned, ledger::kMaxNoteBytes);
  if (!note) return;
  const auto head = ledger::OpenCheckpoint(AsText(*note), parts_.log.signer().Verifier());
  if (!head || head->size > parts_.log.head().size) return;
  const auto root = parts_.log.reader().RootAt(head->size);
  if (root && *root == head->root) cosigned_ = {head->size, std::string(AsText(*note))};
  cosigned_since_ = now_.monotonic;
}

ledger::ServedHead Loop::HeadToServe() {
  const Cosigning& cosigning = parts_.agent.cosigning();
  if (!cosigning.note().empty() && cosigning.note() != cosigned_.checkpoint) {
    cosigned_ = {cosigning.size(), cosigning.note()};
    cosigned_since_ = now_.monotonic;
  }
  const bool stale = cosigned_.size < parts_.log.head().size &&
                     now_.monotonic - cosigned_since_ >= kCosignedServed;
  if (cosigned_.checkpoint.empty() || stale) return ledger::NewestHead(parts_.log.reader());
  return cosigned_;
}

// For auditors of the directory (R4). A disk that does not take it shows where the ledger is
// written.
void Loop::KeepCosigned() {
  const std::string& note = parts_.agent.cosigning().note();
  if (note == cosigned_kept_ || note.empty()) return;
  cosigned_kept_ = note;
  next_keep_cosigned_ = now_.monotonic + kKeepCosignedEvery;
  (void)WriteFileAtomic(parts_.cosigned, AsBytes(note), 0600);
}

void Loop::PublishLog() {
  if (parts_.log_server == nullptr || !parts_.log.confirmed()) return;
  if (now_.monotonic < next_publish_) return;
  ledger::ServedHead head = HeadToServe();
  if (head.checkpoint == published_) return;
  published_ = head.checkpoint;
  next_publish_ = now_.monotonic + kPublishEvery;
  parts_.log_server->Publish(parts_.log.reader(), std::move(head));
}

void Loop::PublishMirrors() {
  if (parts_.log_server == nullptr || parts_.mirrors == nullptr ||
      now_.monotonic < next_publish_mirrors_) {
    return;
  }
  next_publish_mirrors_ = now_.monotonic + kPublishMirrorsEvery;
  for (const auto& [owner, log] : parts_.agent.mirroring().logs()) {
    const ledger::MirroredLog* const held = parts_.mirrors->Find(LogName(owner));
    const Directory::KnownCard* const known = parts_.agent.directory().FindCard(owner);
    if (held == nullptr || held->note.empty() || known == nullptr) continue;
    const std::pair<std::string, bool> now = {held->note, known->card.open_log};
    if (mirrors_published_[owner] == now) continue;
    auto reader = parts_.mirrors->Read(LogName(owner));
    if (!reader) continue;
    mirrors_published_[owner] = now;
    parts_.log_server->PublishMirror(owner, std::move(*reader), ReadersOf(known->card));
  }
}

bool Loop::ShouldEnd() {
  if (signalled_ || parts_.control.stop_asked()) return true;
  if (!end_when_idle_) return false;
  if (!parts_.agent.renter().Idle() || parts_.control.clients() > 0) {
    busy_until_ = now_.monotonic;
  }
  return now_.monotonic - busy_until_ >= kIdle;
}

Status Loop::Run(const Effects& begun) {
  now_ = ReadClocks();
  LoadCosigned();
  RETURN_IF_ERROR(Carry(begun));
  while (!ShouldEnd()) {
    Wait();
    now_ = ReadClocks();
    Gather();
    RETURN_IF_ERROR(Carry(waiting_.Turn(parts_.agent, now_)));
    parts_.control.AnswerWatches(now_);
    if (now_.monotonic >= next_keep_cosigned_) KeepCosigned();
    PublishLog();
    PublishMirrors();
  }
  KeepCosigned();
  return Carry(parts_.agent.End(now_));
}

}  // namespace souk::node
