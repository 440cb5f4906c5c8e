#include "tools/bench_lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

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

void MeasureSignatures(Floors& floors) {
  const SigningKey key = SigningKey::Generate();
  const Bytes message(600, 7);
  constexpr int kRounds = 400;
  Signature signature = {};
  auto start = Clock::now();
  for (int i = 0; i < kRounds; ++i) signature = key.Sign(message);
  floors.sign = MillisSince(start) / kRounds;
  start = Clock::now();
  int good = 0;
  for (int i = 0; i < kRounds; ++i) good += VerifySignature(key.public_key(), message, signature);
  floors.verify = MillisSince(start) / good;
}

// What a write of `bytes` and its fdatasync take; `at` tells where the i-th one goes.
Result<double> TimeSyncs(const fs::path& path, size_t bytes, off_t (*at)(off_t i)) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Error(Code::kIo, "no file can be made beside " + path.string());
  std::vector<double> times;
  const Bytes block(bytes, 1);
  bool good = true;
  for (int i = 0; i < 100 && good; ++i) {
    const auto start = Clock::now();
    good = ::pwrite(fd, block.data(), bytes, at(i)) == static_cast<ssize_t>(bytes) &&
           ::fdatasync(fd) == 0;
    times.push_back(MillisSince(start));
  }
  ::close(fd);
  if (!good) return Error(Code::kIo, "writing " + path.string() + " failed");
  return Median(times);
}

Status MeasureSyncs(const fs::path& dir, Floors& floors) {
  constexpr off_t kBatchBytes = 2500;  // an entry with two documents, its tiles and indexes
  constexpr off_t kSlotBytes = 4096;
  ASSIGN_OR_RETURN(floors.append_sync, TimeSyncs(dir / "append-floor", kBatchBytes,
                                                 [](off_t i) { return i * kBatchBytes; }));
  ASSIGN_OR_RETURN(floors.overwrite_sync, TimeSyncs(dir / "overwrite-floor", kSlotBytes,
                                                    [](off_t i) { return i % 2 * kSlotBytes; }));
  return Ok();
}

void Echo(void* server, int rounds) {
  std::array<char, 2048> buffer = {};
  for (int i = 0; i < rounds; ++i) {
    const int size = zmq_recv(server, buffer.data(), buffer.size(), 0);
    zmq_send(server, buffer.data(), size > 0 ? static_cast<size_t>(size) : 0, 0);
  }
}

// A kilobyte there and back over CURVE on loopback, between two threads.
Status MeasureRoundTrip(Floors& floors) {
  void* context = zmq_ctx_new();
  void* server = zmq_socket(context, ZMQ_REP);
  void* client = zmq_socket(context, ZMQ_REQ);
  std::array<char, 41> server_public = {}, server_secret = {}, own_public = {}, own_secret = {};
  zmq_curve_keypair(server_public.data(), server_secret.data());
  zmq_curve_keypair(own_public.data(), own_secret.data());
  const int on = 1;
  const int timeout_ms = 5000;
  zmq_setsockopt(server, ZMQ_CURVE_SERVER, &on, sizeof(on));
  zmq_setsockopt(server, ZMQ_CURVE_SECRETKEY, server_secret.data(), 41);
  zmq_setsockopt(client, ZMQ_CURVE_SERVERKEY, server_public.data(), 41);
  zmq_setsockopt(client, ZMQ_CURVE_PUBLICKEY, own_public.data(), 41);
  zmq_setsockopt(client, ZMQ_CURVE_SECRETKEY, own_secret.data(), 41);
  for (void* socket : {server, client}) {
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
  }
  std::array<char, 256> endpoint = {};
  size_t size = endpoint.size();
  const bool bound = zmq_bind(server, "tcp://127.0.0.1:*") == 0 &&
                     zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint.data(), &size) == 0 &&
                     zmq_connect(client, endpoint.data()) == 0;
  std::vector<double> times;
  if (bound) {
    constexpr int kRounds = 300;
    std::thread echo(Echo, server, kRounds);
    const std::array<char, 1024> message = {};
    std::array<char, 1024> answer = {};
    for (int i = 0; i < kRounds; ++i) {
      const auto start = Clock::now();
      zmq_send(client, message.data(), message.size(), 0);
      if (zmq_recv(client, answer.data(), answer.size(), 0) > 0) {
        times.push_back(MillisSince(start));
      }
    }
    echo.join();
  }
  zmq_close(client);
  zmq_close(server);
  zmq_ctx_term(context);
  if (times.empty()) return Error(Code::kIo, "no CURVE round trip on loopback");
  floors.round_trip = Median(times);
  return Ok();
}

Result<Floors> MeasureFloors(const fs::path& dir) {
  Floors floors;
  MeasureSignatures(floors);
  RETURN_IF_ERROR(MeasureSyncs(dir, floors));
  RETURN_IF_ERROR(MeasureRoundTrip(floors));
  return floors;
}

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
  ASSIGN_OR_RETURN(const Floors before, MeasureFloors(options.dir));
  ASSIGN_OR_RETURN(const auto market, DemoMarket::Start(options.dir));
  RETURN_IF_ERROR(market->IssueToRenter({1'000'000'000}, "bench"));
  std::vector<double> times;
  for (size_t i = 0; i < options.leases + 2; ++i) {
    ASSIGN_OR_RETURN(const Json offer, CheapestOffer(*market));
    ASSIGN_OR_RETURN(const double took, TimeOne(*market, offer));
    if (i >= 2) times.push_back(took);  // the first ones open connections and warm caches
  }
  RETURN_IF_ERROR(market->Stop());
  ASSIGN_OR_RETURN(const Floors after, MeasureFloors(options.dir));
  // On both sides of the figure, since a shared machine's pace drifts.
  const double floor = (before.Path() + after.Path()) / 2;
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const double tail = times[std::min(times.size() - 1, times.size() * 99 / 100)];
  return std::vector<BenchRow>{
      {"lease, median", median, "ms", floor, median / floor, kMedianTarget,
       median / floor <= kMedianTarget},
      {"lease, p99", tail, "ms", floor, tail / floor, kTailTarget, tail / floor <= kTailTarget}};
}

}  // namespace souk::bench
