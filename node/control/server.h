// The daemon's end of control.sock: reads requests, answers questions from the agent's state, hands
// commands to the agent as events, and brings their answers back.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "node/control/answers.h"

namespace souk::node::control {

// Loop thread only.
// Invariants: (1) a client's requests are answered in order, one at a time; (2) a client that does
// not read, or writes too much, costs bounded memory and is closed.
class Server {
 public:
  // The caller holds the directory's lock. `facts` outlive the server.
  static Result<std::unique_ptr<Server>> Open(const Facts& facts);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int fd() const { return epoll_; }
  // Accepts, reads, answers, writes; what the agent must decide is put out as CommandArrived.
  void Receive(Now now, std::vector<Event>& out);
  // To a CommandArrived. Unknown numbers (a client that left) are passed over.
  void OnAnswer(const CommandAnswer& answer);
  // After the effects of a turn were carried out: answers those who watch what it changed.
  void AnswerWatches(Now now);

  size_t clients() const { return clients_.size(); }
  // Somebody said "stop" and has been answered.
  bool stop_asked() const { return stop_asked_; }

 private:
  struct Client {
    int fd = -1;
    std::string in = {};
    std::string out = {};
    bool waiting = false;  // for the agent's answer
    bool closing = false;
    bool wants_write = false;
  };
  struct Pending {
    int client = -1;
    std::function<nlohmann::json(const CommandAnswer& answer)> response = {};
    std::optional<Duration> deadline = {};
  };
  struct Watch {
    Digest lease = {};
    std::string phase = {};
    Duration deadline = {};
  };
  Server(const Facts& facts, int listening);
  void Accept();
  void Read(Client& client);
  void ServeLines(Client& client, Now now, std::vector<Event>& out);
  void Serve(Client& client, const std::string& line, Now now, std::vector<Event>& out);
  // Nothing where the agent answers later.
  std::optional<Answer> Dispatch(Client& client, const nlohmann::json& request, Now now,
                                 std::vector<Event>& out);
  // Nothing while the lease is in the phase that the client has seen.
  std::optional<Answer> LookAt(const Watch& watch, Now now) const;
  std::optional<Answer> StartWatch(Client& client, Fields& fields, Now now);
  std::optional<Answer> Command(Client& client, const std::string& what, Fields& fields, Now now,
                                std::vector<Event>& out);
  Result<RentCommand> ReadRent(Fields& fields, const Asked& asked) const;
  static Result<ChallengeCommand> ReadChallenge(Fields& fields);
  Result<JobCommand> ReadJob(Fields& fields) const;
  Result<JobCommand> ReadJobFields(Fields& fields) const;
  Result<ReplicateCommand> ReadReplicate(Fields& fields) const;
  void Respond(Client& client, Answer answer);
  void Write(Client& client);
  void Expire(Now now);
  void Close(int fd);

  const Facts& facts_;
  int listening_ = -1;
  int epoll_ = -1;
  std::map<int, Client> clients_ = {};
  std::map<uint64_t, Pending> pending_ = {};
  std::map<int, Watch> watches_ = {};  // by client
  uint64_t commands_ = 0;
  bool stop_asked_ = false;
};

}  // namespace souk::node::control
