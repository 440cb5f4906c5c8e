#include "tools/bench_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "protocol/base/file.h"
#include "protocol/document.h"
#include "tools/souk/demo_market.h"
#include "tools/souk/market.h"

namespace souk::bench {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
using tools::DaemonLink;
using tools::DemoMarket;
using tools::Json;
using tools::TextAt;

constexpr double kMedianTarget = 2;
constexpr double kTailTarget = 4;
constexpr size_t kProviders = 2;  // of the demo's market

double MillisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// What one step costs, in milliseconds.
struct Floors {
  double sign = 0;
  double verify = 0;
  double append_sync = 0;     // of a file that grows, as a database's log does
  double overwrite_sync = 0;  // in place, as the checkpoint's slot
  double round_trip = 0;

  // The path, step by step. A commit is two syncs (batch, checkpoint slot) and one signature (the
  // checkpoint); a message in is one verification, its receipt's checkpoint one more.
  //   renter    signs escrow, order and carry; commits
  //   book      verifies carry and escrow; commits; signs its reply             round trip
  //   renter    verifies reply and checkpoint; commits
  //   provider  verifies the order; signs the fetch
  //   book      verifies the fetch; signs its reply                             round trip
  //   provider  verifies reply, checkpoint and escrow; signs the acceptance; commits; signs its
  //             reply                                                           round trip
  //   renter    verifies reply, acceptance and checkpoint; commits
  double Path() const {
    constexpr double kCommits = 5;
    constexpr double kSigned = 3 + 1 + 1 + 1 + 1 + 1;
    constexpr double kVerified = 2 + 2 + 1 + 1 + 3 + 3;
    return sign * (kSigned + kCommits) + verify * kVerified +
           (append_sync + overwrite_sync) * kCommits + round_trip * 3;
  }
};

// Measures the steps a few times between any two leases: a shared machine's pace changes from one
// second to the next, and the floor must have met the same one.
class FloorMeter {
 public:
  // Beside the ledgers, on the same file system.
  static Result<std::unique_ptr<FloorMeter>> Open(const fs::path& dir) {
    std::unique_ptr<FloorMeter> meter(new FloorMeter);
    ASSIGN_OR_RETURN(meter->growing_, OpenFile(dir / "append-floor"));
    ASSIGN_OR_RETURN(meter->slots_, OpenFile(dir / "overwrite-floor"));
    RETURN_IF_ERROR(meter->OpenSockets());
    return meter;
  }
  ~FloorMeter() {
    // The echo ends with an empty message.
    if (echo_.joinable()) {
      zmq_send(client_, "", 0, 0);
      echo_.join();
    }
    for (void* socket : {client_, server_}) {
      if (socket != nullptr) zmq_close(socket);
    }
    zmq_ctx_term(context_);
    for (const int fd : {growing_, slots_}) {
      if (fd >= 0) ::close(fd);
    }
  }
  FloorMeter(const FloorMeter&) = delete;
  FloorMeter& operator=(const FloorMeter&) = delete;

  Status Sample() {
    SampleSignatures();
    RETURN_IF_ERROR(SampleSyncs());
    return SampleRoundTrips();
  }
  // Medians of all samples; at least one was taken.
  Floors Measured() const {
    return {.sign = Median(sign_),
            .verify = Median(verify_),
            .append_sync = Median(append_sync_),
            .overwrite_sync = Median(overwrite_sync_),
            .round_trip = Median(round_trip_)};
  }

 private:
  static constexpr int kRounds = 8;
  static constexpr off_t kBatchBytes = 2500;  // an entry with two documents, its tiles and indexes
  static constexpr off_t kSlotBytes = 4096;

  FloorMeter() : context_(zmq_ctx_new()) {}

  static Result<int> OpenFile(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return ErrnoError("opening " + path.string(), errno);
    return fd;
  }

  // Two ends of a CURVE connection on loopback, the far one with a thread that echoes.
  Status OpenSockets() {
    server_ = zmq_socket(context_, ZMQ_REP);
    client_ = zmq_socket(context_, ZMQ_REQ);
    std::array<char, 41> server_public = {}, server_secret = {}, own_public = {}, own_secret = {};
    zmq_curve_keypair(server_public.data(), server_secret.data());
    zmq_curve_keypair(own_public.data(), own_secret.data());
    const int on = 1;
    const int timeout_ms = 5000, longest_pause_ms = 60'000;
    zmq_setsockopt(server_, ZMQ_CURVE_SERVER, &on, sizeof(on));
    zmq_setsockopt(server_, ZMQ_CURVE_SECRETKEY, server_secret.data(), 41);
    zmq_setsockopt(client_, ZMQ_CURVE_SERVERKEY, server_public.data(), 41);
    zmq_setsockopt(client_, ZMQ_CURVE_PUBLICKEY, own_public.data(), 41);
    zmq_setsockopt(client_, ZMQ_CURVE_SECRETKEY, own_secret.data(), 41);
    zmq_setsockopt(client_, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
    zmq_setsockopt(client_, ZMQ_SNDTIMEO, &timeout_ms, sizeof(timeout_ms));
    zmq_setsockopt(client_, ZMQ_REQ_RELAXED, &on, sizeof(on));  // a farewell after a lost answer
    zmq_setsockopt(server_, ZMQ_RCVTIMEO, &longest_pause_ms, sizeof(longest_pause_ms));
    std::array<char, 256> endpoint = {};
    size_t length = endpoint.size();
    if (zmq_bind(server_, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(server_, ZMQ_LAST_ENDPOINT, endpoint.data(), &length) != 0 ||
        zmq_connect(client_, endpoint.data()) != 0) {
      return Error(Code::kIo, "no CURVE connection on loopback");
    }
    echo_ = std::thread([server = server_] {
      std::array<char, 2048> buffer = {};
      for (int size = 1; size > 0;) {
        size = zmq_recv(server, buffer.data(), buffer.size(), 0);
        if (size > 0) zmq_send(server, buffer.data(), static_cast<size_t>(size), 0);
      }
    });
    return Ok();
  }

  void SampleSignatures() {
    const Bytes message(600, 7);
    auto start = Clock::now();
    Signature signature = {};
    for (int i = 0; i < kRounds; ++i) signature = key_.Sign(message);
    sign_.push_back(MillisSince(start) / kRounds);
    start = Clock::now();
    int good = 0;
    for (int i = 0; i < kRounds; ++i) {
      good += VerifySignature(key_.public_key(), message, signature) ? 1 : 0;
    }
    verify_.push_back(MillisSince(start) / good);
  }

  Status SampleSyncs() {
    for (int i = 0; i < kRounds; ++i) {
      RETURN_IF_ERROR(TimeSync(growing_, kBatchBytes, grown_, append_sync_));
      grown_ += kBatchBytes;
      RETURN_IF_ERROR(TimeSync(slots_, kSlotBytes, i % 2 * kSlotBytes, overwrite_sync_));
    }
    return Ok();
  }

  // What a write of `bytes` and its fdatasync take.
  static Status TimeSync(int fd, off_t bytes, off_t at, std::vector<double>& times) {
    const Bytes block(static_cast<size_t>(bytes), 1);
    const auto start = Clock::now();
    if (::pwrite(fd, block.data(), block.size(), at) != bytes || ::fdatasync(fd) != 0) {
      return ErrnoError("writing beside the ledgers", errno);
    }
    times.push_back(MillisSince(start));
    return Ok();
  }

  // A kilobyte there and back.
  Status SampleRoundTrips() {
    const std::array<char, 1024> message = {};
    std::array<char, 1024> answer = {};
    for (int i = 0; i < kRounds; ++i) {
      const auto start = Clock::now();
      zmq_send(client_, message.data(), message.size(), 0);
      if (zmq_recv(client_, answer.data(), answer.size(), 0) <= 0) {
        return Error(Code::kIo, "no CURVE round trip on loopback");
      }
      round_trip_.push_back(MillisSince(start));
    }
    return Ok();
  }

  const SigningKey key_ = SigningKey::Generate();
  int growing_ = -1, slots_ = -1;
  off_t grown_ = 0;
  void* context_;
  void* server_ = nullptr;
  void* client_ = nullptr;
  std::thread echo_ = {};
  std::vector<double> sign_ = {}, verify_ = {}, append_sync_ = {}, overwrite_sync_ = {},
                      round_trip_ = {};
};

// Of the first provider, whose device takes a moment to be offered again.
Result<Json> CheapestOffer(DemoMarket& market) {
  Json cheapest;
  const auto found = tools::WaitUntil(Seconds(30), Millis(10), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(const Json offers,
                     market.renter().link->Ask({{"do", "offers"}, {"query", "order by price"}}));
    if (offers["offers"].size() < kProviders) return false;
    cheapest = offers["offers"][0];
    return true;
  });
  if (!found) return found.error();
  if (!*found) return Error(Code::kUnavailable, "a provider does not offer its device again");
  return cheapest;
}

// From the request to the moment at which the renter's daemon holds the acceptance.
Result<double> TimeOne(DemoMarket& market, const Json& offer) {
  DaemonLink& link = *market.renter().link;
  ASSIGN_OR_RETURN(const tools::RentPlan plan, tools::PlanRent(offer, Seconds(60), 1, ""));
  const auto start = Clock::now();
  ASSIGN_OR_RETURN(const Json begun, link.Ask({{"do", "rent"},
                                               {"offer", TextAt(offer, "id")},
                                               {"book", plan.book},
                                               {"duration_in_ms", plan.duration.ms}}));
  const std::string id = TextAt(begun, "lease");
  Json lease;
  while (!lease.contains("accepted_ms")) {
    ASSIGN_OR_RETURN(lease, link.WatchLease(id, TextAt(lease, "phase"), Seconds(20)));
    if (tools::FlagAt(lease, "over") || MillisSince(start) > 20'000) {
      return Error(Code::kFault, "the lease was lost: " + TextAt(lease, "sentence"));
    }
  }
  const double took = MillisSince(start);
  // Out of the way before the next one: there is one device and one open reservation.
  const auto working = tools::WaitUntil(Seconds(30), Millis(5), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(lease, link.LeaseById(id));
    return TextAt(lease, "state") == "Metering";
  });
  if (!working) return working.error();
  ASSIGN_OR_RETURN(const Json released, tools::Release(link, id));
  RETURN_IF_ERROR(market.WaitUntilQuiet());
  return took;
}

}  // namespace

Result<std::vector<BenchRow>> RunLeaseBench(const LeaseBench& options) {
  ASSIGN_OR_RETURN(const auto meter, FloorMeter::Open(options.dir));
  ASSIGN_OR_RETURN(const auto market, DemoMarket::Start(options.dir));
  RETURN_IF_ERROR(market->IssueToRenter({1'000'000'000}, "bench"));
  std::vector<double> times;
  for (size_t i = 0; i < options.leases + 2; ++i) {
    ASSIGN_OR_RETURN(const Json offer, CheapestOffer(*market));
    ASSIGN_OR_RETURN(const double took, TimeOne(*market, offer));
    if (i < 2) continue;  // the first ones open connections and warm caches
    times.push_back(took);
    RETURN_IF_ERROR(meter->Sample());
  }
  RETURN_IF_ERROR(market->Stop());
  const double floor = meter->Measured().Path();
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  // Nearest rank: the smallest that 99 % do not exceed.
  const double tail = times[(times.size() * 99 + 99) / 100 - 1];
  return std::vector<BenchRow>{
      {"lease, median", median, "ms", floor, median / floor, kMedianTarget,
       median / floor <= kMedianTarget},
      {"lease, p99", tail, "ms", floor, tail / floor, kTailTarget, tail / floor <= kTailTarget}};
}

}  // namespace souk::bench
