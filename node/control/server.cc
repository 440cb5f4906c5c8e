#include "node/control/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "node/control/api.h"
#include "node/control/unix_socket.h"
#include "protocol/base/check.h"

namespace souk::node::control {
namespace {

using nlohmann::json;

std::string Dump(const json& value) {
  // Replaces what is no UTF-8: names of others are checked, paths of ours are not.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

using Question = Answer (*)(const Asked&, Fields&);
const std::map<std::string, Question>& Questions() {
  static const std::map<std::string, Question> kQuestions = {{"id", AnswerId},
                                                             {"status", AnswerStatus},
                                                             {"peers", AnswerPeers},
                                                             {"forks", AnswerForks},
                                                             {"offers", AnswerOffers},
                                                             {"why", AnswerWhy},
                                                             {"leases", AnswerLeases},
                                                             {"jobs", AnswerJobs},
                                                             {"logs", AnswerLogs},
                                                             {"accounts", AnswerAccounts},
                                                             {"challenges", AnswerChallenges},
                                                             {"replications", AnswerReplications}};
  return kQuestions;
}

// A provider is paid at its identity. Anybody else spends from an account key of its own per book
// (R3), so that credits at its identity would be lost to everyone.
Status CheckIsAccount(const Asked& asked, const PublicKey& key) {
  const Directory::KnownCard* known = asked.agent().directory().FindCard(key);
  if (known == nullptr || known->card.provides) return Ok();
  return Error(Code::kDenied,
               "that is the identity of " + known->card.name +
                   ", from which nobody can spend: its account is the one that `souk id` prints "
                   "there after \"account in\"");
}

json StatementFields(const Statement& statement) {
  return {{"account", statement.account.ToString()},
          {"posted_micro", statement.posted.micro},
          {"held_micro", statement.held.micro},
          {"incoming_micro", statement.incoming.micro},
          {"at_ms", statement.at.ms}};
}

}  // namespace

Server::Server(const Facts& facts, int listening) : facts_(facts), listening_(listening) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_ >= 0);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = listening_;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, listening_, &event) == 0);
}

Result<std::unique_ptr<Server>> Server::Open(const Facts& facts) {
  ASSIGN_OR_RETURN(const int listening, ListenAt(facts.dir, kSocketName, kClients));
  return std::unique_ptr<Server>(new Server(facts, listening));
}

Server::~Server() {
  for (auto& [fd, client] : clients_) ::close(fd);
  ::unlink((facts_.dir / kSocketName).c_str());
  ::close(listening_);
  ::close(epoll_);
}

void Server::Accept() {
  while (clients_.size() < kClients) {
    const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
    clients_[fd].fd = fd;
  }
}

void Server::Close(int fd) {
  for (auto& [number, pending] : pending_) {
    if (pending.client == fd) pending.client = -1;
  }
  watches_.erase(fd);
  ::close(fd);
  clients_.erase(fd);
}

void Server::Read(Client& client) {
  char buffer[16 * 1024];
  while (client.in.size() <= kRequestBytes) {
    const ssize_t got = ::recv(client.fd, buffer, sizeof(buffer), 0);
    if (got > 0) {
      client.in.append(buffer, static_cast<size_t>(got));
    } else if (got == 0) {
      client.closing = true;
      return;
    } else if (errno != EINTR) {
      if (errno != EAGAIN) client.closing = true;
      return;
    }
  }
}

void Server::ServeLines(Client& client, Now now, std::vector<Event>& out) {
  while (!client.waiting && !client.closing && client.out.empty()) {
    const size_t end = client.in.find('\n');
    if (end == std::string::npos) {
      if (client.in.size() <= kRequestBytes) return;
      Respond(client, Error(Code::kTooLarge, "a request is one line of at most 64 KiB"));
      client.in.clear();
      client.closing = true;
      return;
    }
    const std::string line = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    Serve(client, line, now, out);
  }
}

void Server::Serve(Client& client, const std::string& line, Now now, std::vector<Event>& out) {
  const json request = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!request.is_object() || !request.contains("do") || !request["do"].is_string()) {
    return Respond(client, Error(Code::kMalformed, "a request is one JSON object with \"do\""));
  }
  auto answer = Dispatch(client, request, now, out);
  if (answer) return Respond(client, std::move(*answer));
  client.waiting = true;
}

std::optional<Answer> Server::Dispatch(Client& client, const json& request, Now now,
                                       std::vector<Event>& out) {
  const std::string what = request["do"].get<std::string>();
  Fields fields(request);
  const auto question = Questions().find(what);
  if (question != Questions().end()) return question->second({facts_, now}, fields);
  if (what == "stop") {
    if (const Status done = fields.Done(); !done) return done.error();
    stop_asked_ = true;
    return json::object();
  }
  if (what == "watch") return StartWatch(client, fields, now);
  return Command(client, what, fields, now, out);
}

std::optional<Answer> Server::StartWatch(Client& client, Fields& fields, Now now) {
  Watch watch = {.lease = fields.Need("id", fields.Id("id")),
                 .phase = fields.Need("phase", fields.Text("phase"))};
  const auto within = Millis(fields.Integer("within_in_ms").value_or(kLongestWatch.ms));
  if (const Status done = fields.Done(); !done) return done.error();
  watch.deadline = now.monotonic + std::min(within, kLongestWatch);
  auto answer = LookAt(watch, now);
  if (!answer) watches_[client.fd] = std::move(watch);
  return answer;
}

std::optional<Answer> Server::LookAt(const Watch& watch, Now now) const {
  Answer answer = AnswerLease({facts_, now}, watch.lease);
  const bool same = answer && (*answer)["leases"][0]["phase"] == watch.phase;
  return same && now.monotonic < watch.deadline ? std::nullopt : std::optional(std::move(answer));
}

void Server::AnswerWatches(Now now) {
  for (auto it = watches_.begin(); it != watches_.end();) {
    auto answer = LookAt(it->second, now);
    if (!answer) {
      ++it;
      continue;
    }
    Client& client = clients_.at(it->first);
    it = watches_.erase(it);
    client.waiting = false;
    Respond(client, std::move(*answer));
  }
}

Result<RentCommand> Server::ReadRent(Fields& fields, const Asked& asked) const {
  RentCommand rent;
  rent.offer = fields.Need("offer", fields.Id("offer"));
  const auto book = fields.Key("book");
  const int64_t slices = fields.Integer("slices").value_or(1);
  rent.duration = Millis(fields.Need("duration_in_ms", fields.Integer("duration_in_ms")));
  rent.max_cost = Credits{fields.Integer("max_cost_micro").value_or(limits::kAmount.micro)};
  RETURN_IF_ERROR(fields.Done());
  if (slices > limits::kSlices) return Error(Code::kTooLarge, "at most 1024 slices");
  if (rent.duration > limits::kLongestLease) return Error(Code::kTooLarge, "at most 366 days");
  rent.slices = static_cast<uint32_t>(slices);
  const Directory::KnownOffer* offer =
      asked.agent().directory().FindOffer(rent.offer, asked.log_time());
  if (offer == nullptr) return Error(Code::kNotFound, "no such live offer; see: souk offers");
  if (book) {
    rent.book = *book;
    return rent;
  }
  for (const PeerId& peer : offer->offer.clearing_peers) {
    if (asked.agent().directory().FindCard(peer) == nullptr) continue;
    rent.book = peer;
    return rent;
  }
  return Error(Code::kUnavailable,
               "no clearing peer of that offer is known here; say --book, and "
               "add it to [node] bootstrap");
}

Result<ReplicateCommand> Server::ReadReplicate(Fields& fields) const {
  ReplicateCommand out;
  out.leases = fields.Need("leases", fields.Ids("leases", limits::kReplicas));
  const int64_t agree = fields.Need("agree", fields.Integer("agree"));
  auto job = ReadJobFields(fields);
  if (!job) return job.error();
  out.job = std::move(*job);
  if (agree > limits::kReplicas) return Error(Code::kTooLarge, "there are not so many replicas");
  out.agree = static_cast<uint32_t>(agree);
  return out;
}

Result<JobCommand> Server::ReadJob(Fields& fields) const {
  const Digest lease = fields.Need("lease", fields.Id("lease"));
  const bool sealed = fields.Flag("sealed").value_or(false);
  auto job = ReadJobFields(fields);
  if (!job) return job.error();
  job->lease = lease;
  job->sealed = sealed;
  return job;
}

// What is to be run; the fields that say where were read before.
Result<JobCommand> Server::ReadJobFields(Fields& fields) const {
  JobCommand job;
  job.workload = fields.Need("workload", fields.Blob("workload"));
  job.blobs = fields.Need("blobs", fields.Blobs("blobs"));
  job.title = fields.Text("title").value_or("");
  RETURN_IF_ERROR(fields.Done());
  if (job.title.size() > limits::kNameBytes) return Error(Code::kTooLarge, "the title is too long");
  std::vector<BlobRef> all = job.blobs;
  all.push_back(job.workload);
  for (const BlobRef& blob : all) {
    const auto size = facts_.blobs.BlobSize(blob.digest);
    if (!size) return Error(Code::kNotFound, "blob " + blob.digest.ToString() + " is not here");
    if (*size != blob.size) {
      return Error(Code::kMismatch, "blob " + blob.digest.ToString() + " has another size");
    }
  }
  return job;
}

Result<ChallengeCommand> Server::ReadChallenge(Fields& fields) {
  ChallengeCommand challenge;
  challenge.leases = fields.Need("leases", fields.Ids("leases", limits::kChallengeDevices));
  const auto rows = fields.Integer("rows"), size = fields.Integer("size");
  RETURN_IF_ERROR(fields.Done());
  if (rows.value_or(0) > UINT32_MAX || size.value_or(0) > UINT32_MAX) {
    return Error(Code::kTooLarge, "there are not so many rows");
  }
  if (rows) challenge.rows = static_cast<uint32_t>(*rows);
  if (size) challenge.size = static_cast<uint32_t>(*size);
  return challenge;
}

std::optional<Answer> Server::Command(Client& client, const std::string& what, Fields& fields,
                                      Now now, std::vector<Event>& out) {
  CommandArrived arrived;
  Pending pending = {.client = client.fd};
  const auto id_named = [](const char* name) {
    return [name](const CommandAnswer& answer) { return json{{name, answer.id.Hex()}}; };
  };
  const Asked asked = {facts_, now};
  if (what == "rent") {
    auto rent = ReadRent(fields, asked);
    if (!rent) return rent.error();
    arrived.what = *rent;
    pending.response = id_named("lease");
  } else if (what == "release") {
    ReleaseCommand release{fields.Need("lease", fields.Id("lease"))};
    if (const Status done = fields.Done(); !done) return done.error();
    arrived.what = release;
    pending.response = id_named("lease");
  } else if (what == "job") {
    auto job = ReadJob(fields);
    if (!job) return job.error();
    arrived.what = std::move(*job);
    pending.response = id_named("job");
  } else if (what == "replicate") {
    auto replicate = ReadReplicate(fields);
    if (!replicate) return replicate.error();
    arrived.what = std::move(*replicate);
    pending.response = id_named("round");
  } else if (what == "challenge") {
    auto challenge = ReadChallenge(fields);
    if (!challenge) return challenge.error();
    arrived.what = std::move(*challenge);
    pending.response = id_named("round");
  } else if (what == "issue") {
    IssueCommand issue{.account = fields.Need("account", fields.Key("account")),
                       .amount = {fields.Need("amount_micro", fields.Integer("amount_micro"))},
                       .reference = fields.Need("reference", fields.Text("reference"))};
    if (const Status done = fields.Done(); !done) return done.error();
    if (const Status ok = CheckIsAccount(asked, issue.account); !ok) return ok.error();
    pending.response = [account = issue.account, amount = issue.amount](const auto& answer) {
      return json{
          {"id", answer.id.Hex()}, {"account", account.ToString()}, {"amount_micro", amount.micro}};
    };
    arrived.what = std::move(issue);
  } else if (what == "balance") {
    const auto named = fields.Key("book");
    if (const Status done = fields.Done(); !done) return done.error();
    const Result<PeerId> book = named ? *named : OnlyClearingPeer(asked);
    if (!book) return book.error();
    if (*book == asked.agent().identity().id()) return AnswerOwnBalance(asked);
    pending.response = [book = *book, name = asked.NameOf(*book)](const auto& answer) {
      json response = {{"book", book.ToString()}, {"book_name", name}};
      if (answer.statement) response.update(StatementFields(*answer.statement));
      return response;
    };
    pending.deadline = now.monotonic + kBalanceWait;
    arrived.what = BalanceCommand{*book};
  } else if (what == "drain" || what == "resume") {
    if (const Status done = fields.Done(); !done) return done.error();
    pending.response = [drains = what == "drain"](const auto&) {
      return json{{"draining", drains}};
    };
    arrived.what = DrainCommand{what == "drain"};
  } else {
    return Error(Code::kUnsupported, "this daemon does not know \"" + what + "\"");
  }
  arrived.command = ++commands_;
  pending_[arrived.command] = std::move(pending);
  out.push_back(std::move(arrived));
  return std::nullopt;
}

void Server::OnAnswer(const CommandAnswer& answer) {
  const auto it = pending_.find(answer.command);
  if (it == pending_.end()) return;
  const Pending pending = std::move(it->second);
  pending_.erase(it);
  const auto client = clients_.find(pending.client);
  if (client == clients_.end()) return;
  client->second.waiting = false;
  if (!answer.status) return Respond(client->second, answer.status.error());
  Respond(client->second, pending.response(answer));
}

void Server::Expire(Now now) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (!it->second.deadline || now.monotonic < *it->second.deadline) {
      ++it;
      continue;
    }
    const auto client = clients_.find(it->second.client);
    if (client != clients_.end()) {
      client->second.waiting = false;
      Respond(client->second,
              Error(Code::kUnavailable, "the book did not answer in time; is its node up?"));
    }
    it = pending_.erase(it);
  }
}

void Server::Respond(Client& client, Answer answer) {
  json response;
  if (answer) {
    response = std::move(*answer);
    response["ok"] = true;
  } else {
    response = {
        {"ok", false}, {"code", CodeName(answer.error().code)}, {"error", answer.error().message}};
  }
  client.out += Dump(response) + "\n";
  Write(client);
}

void Server::Write(Client& client) {
  while (!client.out.empty()) {
    const ssize_t sent =
        ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      client.out.erase(0, static_cast<size_t>(sent));
    } else if (errno != EINTR) {
      if (errno != EAGAIN) {
        client.closing = true;
        client.out.clear();
      }
      break;
    }
  }
  const bool wants_write = !client.out.empty();
  if (wants_write == client.wants_write) return;
  client.wants_write = wants_write;
  epoll_event event = {};
  event.events = wants_write ? EPOLLOUT : EPOLLIN;
  event.data.fd = client.fd;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event) == 0);
}

void Server::Receive(Now now, std::vector<Event>& out) {
  Accept();
  Expire(now);
  std::vector<int> done;
  for (auto& [fd, client] : clients_) {
    if (client.wants_write) Write(client);
    if (!client.wants_write) Read(client);
    ServeLines(client, now, out);
    if (client.closing && client.out.empty()) done.push_back(fd);
  }
  for (const int fd : done) Close(fd);
}

}  // namespace souk::node::control
