#include "node/event_queue.h"

#include <algorithm>
#include <iterator>

namespace souk::node {
namespace {

template <typename T>
void MoveAll(std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Effects of two steps, in order. The runner's order of kinds (batch, sends, work) holds for the
// sum: each send then finds even more on the disk than it needs.
void Merge(Effects more, Effects& into) {
  MoveAll(more.appends, into.appends);
  MoveAll(more.remembers, into.remembers);
  MoveAll(more.sends, into.sends);
  MoveAll(more.work, into.work);
  MoveAll(more.answers, into.answers);
}

// What a peer said it holds of our log must be known to the runner before it makes that peer's next
// receipt; and what waits of a connection that was closed must not reach the agent any more.
bool EndsTurn(const Effects& effects) {
  return std::any_of(effects.work.begin(), effects.work.end(), [](const Work& work) {
    return std::holds_alternative<ConfirmLog>(work) || std::holds_alternative<Disconnect>(work);
  });
}

std::optional<ConnectionId> ConnectionOf(const Event& event) {
  if (const auto* arrived = std::get_if<DocumentArrived>(&event)) return arrived->connection;
  if (const auto* refused = std::get_if<MessageRefused>(&event)) return refused->connection;
  return std::nullopt;
}

}  // namespace

void EventQueue::AddFirst(std::vector<Event> events) {
  waiting_.insert(waiting_.begin(), std::make_move_iterator(events.begin()),
                  std::make_move_iterator(events.end()));
}

Effects EventQueue::Turn(Agent& agent, Now now) {
  Effects sum;
  if (waiting_.empty()) sum = agent.Step(Tick{}, now);
  for (size_t i = 0; i < kTurnEvents && !waiting_.empty() && sum.appends.size() < kTurnAppends;
       ++i) {
    const Event event = std::move(waiting_.front());
    waiting_.pop_front();
    Effects effects = agent.Step(event, now);
    const bool ends = EndsTurn(effects);
    Merge(std::move(effects), sum);
    if (ends) break;
  }
  for (const Work& work : sum.work) {
    const auto* closed = std::get_if<Disconnect>(&work);
    if (closed == nullptr) continue;
    std::erase_if(waiting_,
                  [&](const Event& event) { return ConnectionOf(event) == closed->connection; });
  }
  return sum;
}

}  // namespace souk::node
