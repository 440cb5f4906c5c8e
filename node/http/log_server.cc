// The one adapter to cpp-httplib.
#include "node/http/log_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "node/http/bounded_stream.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

// Mostly they wait for somebody's bytes.
constexpr size_t kThreads = 32;
// Connections that wait for a thread; further ones wait in the kernel, which bounds them too.
constexpr size_t kWaiting = 64;
constexpr size_t kRequestsPerConnection = 100;
constexpr std::string_view kMirror = "mirror/";
constexpr time_t kIdleSeconds = 2;
// In all, not from one byte to the next: until a request is read, and then until it is answered.
constexpr std::chrono::seconds kRequestTime{5};
constexpr std::chrono::seconds kAnswerTime{30};
// The same while others wait for a thread: whoever asks at once gets its turn, however many connect
// and ask for nothing.
constexpr std::chrono::milliseconds kCrowdedRequestTime{200};
constexpr std::chrono::seconds kCrowdedAnswerTime{5};
constexpr size_t kMaxRequestBytes = 32 << 10;

// As httplib's own pool, with a bound: its queue takes every connection that there is.
class BoundedPool : public httplib::TaskQueue {
 public:
  // `crowded`: whether some wait for a thread. Outlives the pool.
  explicit BoundedPool(std::atomic<bool>& crowded) : crowded_(crowded) {
    for (size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Work(); });
  }

  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.size() < kWaiting; });
    tasks_.push_back(std::move(task));
    crowded_ = idle_ < tasks_.size();
    changed_.notify_all();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      --idle_;
      // What waits runs before the end, since each task closes its own socket.
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      crowded_ = idle_ < tasks_.size();
      changed_.notify_all();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_ = {};  // under mutex_
  size_t idle_ = 0;                               // under mutex_
  bool ending_ = false;                           // under mutex_
  std::atomic<bool>& crowded_;
  std::vector<std::thread> threads_ = {};
};

// With httplib's own loop, who sends a byte now and then holds a thread for hours, and the end of
// the server with it.
class BoundedServer final : public httplib::Server {
 public:
  BoundedServer() {
    new_task_queue = [this] { return new BoundedPool(crowded_); };  // NOLINT: httplib deletes it
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool process_and_close_socket(socket_t socket) override {
    Clock::time_point crowded_until = {};
    BoundedStream stream(socket, /*tls=*/nullptr, [this, &crowded_until] {
      return svr_sock_ == INVALID_SOCKET || (crowded_ && Clock::now() >= crowded_until);
    });
    // Whole ones alone are served: thousands of ranges of one tile fit a request.
    const auto accept = [&stream, &crowded_until](httplib::Request& request) {
      request.ranges.clear();
      stream.Allow(kAnswerTime, kMaxRequestBytes);
      crowded_until = Clock::now() + kCrowdedAnswerTime;
    };
    bool closed = false;
    for (size_t left = kRequestsPerConnection; left > 0 && !closed; --left) {
      crowded_until = Clock::now() + kCrowdedRequestTime;
      if (!stream.AwaitInput(std::chrono::seconds(kIdleSeconds))) break;
      stream.Allow(kRequestTime, kMaxRequestBytes);
      if (!process_request(stream, /*close_connection=*/left == 1, closed, accept)) break;
    }
    (void)::shutdown(socket, SHUT_RDWR);
    return ::close(socket) == 0;
  }

  std::atomic<bool> crowded_ = false;
};

// httplib's default lets a second process take the same port.
void SetSocketOptions(int socket) {
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

struct HostPort {
  std::string host = {};
  int port = 0;
};

Result<HostPort> Split(const std::string& listen) {
  const Error bad(Code::kInvalidArgument,
                  "\"" + listen + "\" is no address to serve the log at: say \"127.0.0.1:7180\"");
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) return bad;
  std::string host = listen.substr(0, colon);
  const std::string port = listen.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) > 65'535) {
    return bad;
  }
  return HostPort{std::move(host), std::stoi(port)};
}

}  // namespace

class LogServer::Impl {
 public:
  explicit Impl(LogServerOptions options) : options_(std::move(options)) {
    server_->set_socket_options(SetSocketOptions);
    server_->set_payload_max_length(1024);
    server_->set_keep_alive_timeout(kIdleSeconds);
    server_->set_keep_alive_max_count(kRequestsPerConnection);
    server_->Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
    });
    server_->set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
          Say(response, 500, "this request could not be answered");
        });
  }
  ~Impl() {
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // The URL.
  Result<std::string> Start() {
    ASSIGN_OR_RETURN(HostPort at, Split(options_.listen));
    const bool bound = at.port != 0 ? server_->bind_to_port(at.host, at.port)
                                    : (at.port = server_->bind_to_any_port(at.host)) > 0;
    if (!bound) {
      return Error(Code::kUnavailable,
                   "nothing can listen at " + options_.listen + " to serve the log: set another " +
                       "[log] http in config.toml, or \"\" to serve it to nobody");
    }
    thread_ = std::thread([this] { (void)server_->listen_after_bind(); });
    // Before it runs, it cannot be stopped.
    while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const bool v6 = at.host.find(':') != std::string::npos;
    return "http://" + (v6 ? "[" + at.host + "]" : at.host) + ":" + std::to_string(at.port);
  }

  void Publish(const ledger::LogReader& log, ledger::ServedHead head) {
    auto next = std::make_shared<const Snapshot>(Snapshot{log, std::move(head), tiles_});
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }

  void PublishMirror(const PeerId& owner, const std::shared_ptr<const ledger::MirrorReader>& log,
                     bool tiles) {
    ledger::ServedHead head = ledger::NewestHead(log->log());
    auto next = std::make_shared<const Snapshot>(Snapshot{log->log(), std::move(head), tiles, log});
    const std::lock_guard lock(mutex_);
    mirrors_[owner.ToString()] = std::move(next);
  }

 private:
  // What one request is answered from; never changed once it is published.
  struct Snapshot {
    ledger::LogReader log;
    ledger::ServedHead head;
    bool tiles = false;
    std::shared_ptr<const ledger::MirrorReader> keeps = {};  // what the log reads from
  };

  static void Say(httplib::Response& response, int status, const std::string& sentence) {
    response.status = status;
    response.set_content(sentence + "\n", "text/plain; charset=utf-8");
    response.set_header("Cache-Control", "no-store");
  }

  void Answer(const httplib::Request& request, httplib::Response& response) const {
    // As it was sent: a name has one spelling, so nothing is unescaped and nothing follows it.
    const std::string& target = request.target;
    if (target.empty() || target[0] != '/') return Say(response, 400, "ask for /checkpoint");
    if (target == "/") return Say(response, 200, About());
    std::string_view name = std::string_view(target).substr(1);
    const std::shared_ptr<const Snapshot> snapshot = Find(name);
    if (!snapshot && name.starts_with(kMirror)) {
      return Say(response, 404, "no checkpoint of that log is whole here");
    }
    if (!snapshot || snapshot->head.checkpoint.empty()) {
      response.set_header("Retry-After", "5");
      return Say(response, 503, "this log has signed nothing since the node started");
    }
    if (name != "checkpoint" && !snapshot->tiles) {
      return Say(response, 403,
                 "this log is open to those alone whom its owner's card names as readers");
    }
    // A reader of its own: what it keeps between two reads is for one thread.
    const ledger::LogReader log = snapshot->log;
    auto answer = ledger::AnswerLogPath(log, snapshot->head, name);
    if (!answer && answer.error().code == Code::kNotFound) {
      return Say(response, 404, "this log has nothing of that name");
    }
    if (!answer) return Say(response, 500, answer.error().message);
    response.set_header("Cache-Control",
                        answer->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    response.set_content(reinterpret_cast<const char*>(answer->body.data()), answer->body.size(),
                         answer->content_type);
  }

  // Which log is asked for; what is left of the name is a path within it.
  std::shared_ptr<const Snapshot> Find(std::string_view& name) const {
    const std::lock_guard lock(mutex_);
    if (!name.starts_with(kMirror)) return snapshot_;
    const std::string_view rest = name.substr(kMirror.size());
    const size_t slash = std::min(rest.find('/'), rest.size());
    const auto it = mirrors_.find(rest.substr(0, slash));
    if (it == mirrors_.end() || slash == rest.size()) return nullptr;
    name = rest.substr(slash + 1);
    return it->second;
  }

  std::string About() const {
    return "The log of a Souk node, as C2SP tlog-tiles (c2sp.org/tlog-tiles).\n\n"
           "  /checkpoint\n  /tile/0/000, /tile/entries/000 and so on" +
           std::string(tiles_ ? "" : ": only for readers whom the node's card names") +
           "\n\nIts verifier key:\n\n  " + options_.vkey;
  }

  const LogServerOptions options_;
  // Nobody who connects has a key.
  const bool tiles_ = ShareOf(options_.readers, std::nullopt) == LogShare::kWhole;
  const std::unique_ptr<httplib::Server> server_ = std::make_unique<BoundedServer>();
  std::thread thread_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ = {};  // under mutex_
  // By owner; under mutex_.
  std::map<std::string, std::shared_ptr<const Snapshot>, std::less<>> mirrors_ = {};
};

LogServer::LogServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogServer::~LogServer() = default;

Result<std::unique_ptr<LogServer>> LogServer::Open(const LogServerOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  ASSIGN_OR_RETURN(std::string url, impl->Start());
  std::unique_ptr<LogServer> server(new LogServer(std::move(impl)));
  server->url_ = std::move(url);
  return server;
}

void LogServer::PublishMirror(const PeerId& owner,
                              const std::shared_ptr<const ledger::MirrorReader>& log,
                              const LogReaders& readers) {
  impl_->PublishMirror(owner, log, ShareOf(readers, std::nullopt) == LogShare::kWhole);
}

void LogServer::Publish(const ledger::LogReader& log, ledger::ServedHead head) {
  impl_->Publish(log, std::move(head));
}

}  // namespace souk::node
