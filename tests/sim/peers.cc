#include "sim/peers.h"

#include <algorithm>

#include "gpu/worker/challenge.h"
#include "sim/engine.h"

namespace souk::sim {

std::optional<uint64_t> SimBlobs::BlobSize(const Digest& blob) const {
  const auto it = whole_.find(blob);
  if (it == whole_.end()) return std::nullopt;
  return it->second.size();
}

uint64_t SimBlobs::PartialBlobSize(const Digest& blob, const PeerId& from) const {
  const auto it = partial_.find({blob, from});
  return it == partial_.end() ? 0 : it->second.size();
}

Result<Bytes> SimBlobs::Read(const Digest& blob, uint64_t offset, uint32_t length) const {
  const auto it = whole_.find(blob);
  if (it == whole_.end() || offset + length > it->second.size()) {
    return Error(Code::kNotFound, "no such bytes");
  }
  const auto from = it->second.begin() + static_cast<long>(offset);
  return Bytes(from, from + length);
}

Result<bool> SimBlobs::Write(const node::WriteChunk& chunk) {
  Bytes& part = partial_[{chunk.blob, chunk.from}];
  if (full) return Error(Code::kExhausted, "no space left");
  if (chunk.offset > part.size()) return false;
  const size_t known = std::min<size_t>(part.size() - chunk.offset, chunk.bytes->size());
  Append(part, ByteView(*chunk.bytes).subspan(known));
  if (part.size() < chunk.total) return false;
  const Bytes bytes = std::move(part);
  partial_.erase({chunk.blob, chunk.from});
  if (Sha256(bytes) != chunk.blob) return Error(Code::kMismatch, "other bytes than the digest's");
  whole_[chunk.blob] = bytes;
  return true;
}

BlobRef SimBlobs::Put(Bytes bytes) {
  const BlobRef ref{Sha256(bytes), bytes.size()};
  whole_[ref.digest] = std::move(bytes);
  return ref;
}

// ---- Workers ---------------------------------------------------------------------------------

void SimWorkshop::Start(const node::StartWorker& start) {
  Rng& rng = world_.rng();
  const auto known = workers_.find(start.lease);
  if (known == workers_.end()) {
    workers_[start.lease] = {start.device, start.fence};
    // One in thirty never gets ready: the lease's ready_by must end it.
    if (rng.Chance(33)) return;
  }
  gpu::Nonce nonce = {};
  std::copy(start.nonce.bytes.begin(), start.nonce.bytes.end(), nonce.begin());
  const node::WorkerReady ready{start.lease, gpu::ExpectedAnswer(nonce)};
  world_.At(rng.Between(20, 800), [this, ready] {
    if (workers_.contains(ready.lease)) world_.Tell(peer_, ready);
  });
}

void SimWorkshop::Stop(const node::StopWorker& stop) {
  const auto it = workers_.find(stop.lease);
  if (it != workers_.end()) it->second.stopping = true;
  world_.At(world_.rng().Between(1, 300), [this, lease = stop.lease] {
    workers_.erase(lease);
    std::erase_if(running_, [&](const auto& item) { return item.second == lease; });
    std::erase_if(products_, [&](const auto& item) { return item.second.lease == lease; });
    world_.Tell(peer_, node::WorkerGone{.lease = lease});
  });
}

void SimWorkshop::Run(const node::StartJob& job) {
  const auto done = ended_.find(job.job);
  if (done != ended_.end()) {
    // Never within the turn that asked.
    return world_.At(1, [this, ended = done->second] { world_.Tell(peer_, ended); });
  }
  if (running_.contains(job.job) || !workers_.contains(job.lease)) return;
  running_[job.job] = job.lease;
  Rng& rng = world_.rng();
  const int64_t length = rng.Between(50, 4000);
  for (uint32_t launch = 1; launch <= 3; ++launch) {
    world_.At(length * launch / 4, [this, id = job.job, launch] {
      if (running_.contains(id)) world_.Tell(peer_, node::JobProgressed{id, launch, 4});
    });
  }
  // The same workload comes to the same on every honest device.
  const Digest& work = job.workload.digest;
  const bool fails = work.bytes[0] < 25;
  const size_t size =
      work.bytes[1] % 4 * size_t{64} * (1 + GetLe<uint16_t>(&work.bytes[2]) % 11'000);
  const uint8_t wrong = Lies(job.job) ? 1 : 0;
  world_.At(length, [this, id = job.job, work, fails, size, wrong] {
    if (running_.erase(id) == 0) return;
    node::JobEnded ended{.job = id, .status = fails ? JobStatus::kFailed : JobStatus::kDone};
    if (fails) {
      ended.sentence = "a wild access";
    } else {
      Bytes bytes(1 + size);
      for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = work.bytes[i % 32];
      bytes[0] ^= wrong;
      ended.outputs = {{"out.npy", world_.peer(peer_).blobs.Put(std::move(bytes))}};
      ended.result_class = "exact";
    }
    ended_[id] = ended;
    world_.Tell(peer_, ended);
  });
}

void SimWorkshop::Challenge(const node::StartChallenge& start) {
  if (!workers_.contains(start.lease)) {
    return world_.At(1, [this, id = start.challenge] {
      world_.Tell(peer_, node::ChallengeFailed{id, "its lease has no worker"});
    });
  }
  Rng& rng = world_.rng();
  Product& product = products_[start.challenge];
  product = {.lease = start.lease, .rows = gpu::HostProduct(start.seed, start.size)};
  // By the seed: computed again after a restart it must come to the same.
  if (cheats.value_or(Cheats(start.seed)) ||
      cheating_devices.contains(workers_.at(start.lease).device)) {
    for (auto& row : product.rows) row[0] ^= 1;
  }
  const node::ChallengeCommitted committed{
      .challenge = start.challenge,
      .root = gpu::TreeOf(product.rows).root(),
      .took = product_takes.value_or(Millis(rng.Between(10, 2500)))};
  world_.At(committed.took.ms, [this, committed] {
    const auto it = products_.find(committed.challenge);
    if (it == products_.end()) return;
    it->second.committed = true;
    world_.Tell(peer_, committed);
  });
}

void SimWorkshop::Open(const node::OpenRows& open) {
  const auto it = products_.find(open.challenge);
  if (it == products_.end() || !it->second.committed) return;
  Bytes bytes = gpu::OpeningOf(it->second.rows, gpu::TreeOf(it->second.rows), open.rows);
  const node::ChallengeOpened opened{open.challenge,
                                     world_.peer(peer_).blobs.Put(std::move(bytes))};
  products_.erase(it);
  world_.At(5, [this, opened] { world_.Tell(peer_, opened); });
}

void SimChecker::Check(const node::CheckOpening& check) {
  node::OpeningChecked out{.challenge = check.claim.challenge};
  const auto bytes =
      world_.peer(peer_).blobs.Read(check.blob.digest, 0, static_cast<uint32_t>(check.blob.size));
  const Status checked =
      bytes ? gpu::CheckOpening(check.claim, check.secret, *bytes) : Status(bytes.error());
  out.passed = checked.has_value();
  if (!checked) out.sentence = checked.error().message;
  world_.At(10, [this, out] { world_.Tell(peer_, out); });
}

void SimWorkshop::KillOne(uint64_t which) {
  if (workers_.empty()) return;
  auto it = workers_.begin();
  std::advance(it, static_cast<long>(which % workers_.size()));
  const Digest lease = it->first;
  workers_.erase(it);
  std::erase_if(running_, [&](const auto& item) { return item.second == lease; });
  std::erase_if(products_, [&](const auto& item) { return item.second.lease == lease; });
  world_.Tell(peer_, node::WorkerGone{.lease = lease, .lost = true, .sentence = "killed"});
}

std::map<std::string, int> SimWorkshop::WorkersPerDevice() const {
  std::map<std::string, int> out;
  for (const auto& [lease, worker] : workers_) ++out[worker.device];
  return out;
}

// ---- The network's ends ----------------------------------------------------------------------

Peer::Peer(World& w, int i, Identity id, node::Settings s)
    : world(w),
      index(i),
      identity(std::move(id)),
      settings(std::move(s)),
      curve(identity.Curve().public_key()),
      workshop(w, i),
      checker(w, i) {}

void Peer::Open(const node::Connect& connect) {
  const int other = world.FindEndpoint(connect.endpoint);
  if (other >= 0) links[connect.connection] = {other, 0};
}

void Peer::Close(const node::Disconnect& disconnect) {
  const auto it = links.find(disconnect.connection);
  if (it == links.end()) return;
  const Link link = it->second;
  links.erase(it);
  world.HangUp(index, disconnect.connection, link);
}

void Peer::Deliver(node::ConnectionId to, node::Frames frames) {
  if (sends_left) {
    if (*sends_left == 0) return;
    --*sends_left;
  }
  const auto it = links.find(to);
  if (it == links.end()) return;
  world.OnSent(*this, frames);
  world.Carry(index, to, it->second, std::move(frames));
}

}  // namespace souk::sim
