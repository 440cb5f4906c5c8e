#include "gpu/worker/wire.h"

#include <utility>

#include "gpu/worker/byte_reader.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

constexpr uint8_t kFirstToWorker = 1;
constexpr uint8_t kFirstFromWorker = 65;
constexpr size_t kFileEntryBytes = 1 + 32 + 8;
constexpr size_t kMaxDeviceText = 256;
constexpr uint16_t kLastCode = static_cast<uint16_t>(Code::kFault);

void Put(Bytes& out, const wire::Hello& m) {
  PutLe(out, m.protocol);
  PutLe(out, m.fence);
  PutLe(out, m.keep_ms);
}
void Get(ByteReader& in, wire::Hello& m) {
  m.protocol = in.Int<uint32_t>();
  m.fence = in.Int<uint64_t>();
  m.keep_ms = in.Int<uint64_t>();
}

void Put(Bytes& out, const wire::Challenge& m) {
  Append(out, m.nonce);
}
void Get(ByteReader& in, wire::Challenge& m) {
  m.nonce = in.Array<32>();
}

void Put(Bytes& out, const wire::Files& m) {
  CHECK(!m.entries.empty() && m.entries.size() <= kMaxPacketFiles);
  PutLe(out, static_cast<uint16_t>(m.entries.size()));
  for (const FileEntry& entry : m.entries) {
    PutLe(out, static_cast<uint8_t>(entry.role));
    Append(out, entry.digest.view());
    PutLe(out, entry.bytes);
  }
}
void Get(ByteReader& in, wire::Files& m) {
  const size_t count = in.Int<uint16_t>();
  in.Require(count >= 1 && count <= kMaxPacketFiles);
  m.entries.resize(in.Count(count, kFileEntryBytes));
  for (FileEntry& entry : m.entries) {
    const uint8_t role = in.Int<uint8_t>();
    in.Require(role >= 1 && role <= static_cast<uint8_t>(FileRole::kResult));
    entry.role = static_cast<FileRole>(role);
    entry.digest = in.ReadDigest();
    entry.bytes = in.Int<uint64_t>();
  }
}

void Put(Bytes& out, const wire::Run& m) {
  PutLe(out, m.fence);
  Append(out, m.job.view());
}
void Get(ByteReader& in, wire::Run& m) {
  m.fence = in.Int<uint64_t>();
  m.job = in.ReadDigest();
}

void Put(Bytes&, const wire::Status&) {}
void Get(ByteReader&, wire::Status&) {}
void Put(Bytes&, const wire::Cancel&) {}
void Get(ByteReader&, wire::Cancel&) {}
void Put(Bytes&, const wire::Quit&) {}
void Get(ByteReader&, wire::Quit&) {}

void Put(Bytes& out, const wire::KeepFor& m) {
  PutLe(out, m.keep_ms);
}
void Get(ByteReader& in, wire::KeepFor& m) {
  m.keep_ms = in.Int<uint64_t>();
}

void Put(Bytes& out, const wire::Prove& m) {
  PutLe(out, m.fence);
  Append(out, m.challenge.view());
  Append(out, m.seed.view());
  PutLe(out, m.size);
}
void Get(ByteReader& in, wire::Prove& m) {
  m.fence = in.Int<uint64_t>();
  m.challenge = in.ReadDigest();
  m.seed = in.ReadDigest();
  m.size = in.Int<uint32_t>();
}

void Put(Bytes& out, const wire::Open& m) {
  CHECK(!m.rows.empty() && m.rows.size() <= kMaxOpenRows);
  Append(out, m.challenge.view());
  PutLe(out, static_cast<uint16_t>(m.rows.size()));
  for (const uint32_t row : m.rows) PutLe(out, row);
}
void Get(ByteReader& in, wire::Open& m) {
  m.challenge = in.ReadDigest();
  const size_t count = in.Int<uint16_t>();
  in.Require(count >= 1 && count <= kMaxOpenRows);
  m.rows.resize(in.Count(count, sizeof(uint32_t)));
  for (uint32_t& row : m.rows) row = in.Int<uint32_t>();
}

void Put(Bytes& out, const wire::Ready& m) {
  PutLe(out, m.protocol);
  PutLe(out, static_cast<uint8_t>(m.grade));
  PutLe(out, static_cast<uint8_t>(m.state));
  PutText(out, m.device.kind, kMaxDeviceText);
  PutText(out, m.device.name, kMaxDeviceText);
  PutText(out, m.device.uuid, kMaxDeviceText);
  PutLe(out, m.device.architecture);
  PutLe(out, m.device.newest_ptx);
  PutLe(out, m.device.memory_bytes);
  PutLe(out, m.device.multiprocessors);
  PutText(out, m.device.driver, kMaxDeviceText);
}
void Get(ByteReader& in, wire::Ready& m) {
  m.protocol = in.Int<uint32_t>();
  const uint8_t grade = in.Int<uint8_t>();
  in.Require(grade <= static_cast<uint8_t>(JailGrade::kNamespaces));
  m.grade = static_cast<JailGrade>(grade);
  const uint8_t state = in.Int<uint8_t>();
  in.Require(state >= 1 && state <= static_cast<uint8_t>(WorkerState::kFinished));
  m.state = static_cast<WorkerState>(state);
  m.device.kind = in.Text(kMaxDeviceText);
  m.device.name = in.Text(kMaxDeviceText);
  m.device.uuid = in.Text(kMaxDeviceText);
  m.device.architecture = in.Int<uint32_t>();
  m.device.newest_ptx = in.Int<uint32_t>();
  m.device.memory_bytes = in.Int<uint64_t>();
  m.device.multiprocessors = in.Int<uint32_t>();
  m.device.driver = in.Text(kMaxDeviceText);
}

void Put(Bytes& out, const wire::Answer& m) {
  Append(out, m.nonce);
  Append(out, m.answer.view());
}
void Get(ByteReader& in, wire::Answer& m) {
  m.nonce = in.Array<32>();
  m.answer = in.ReadDigest();
}

void Put(Bytes& out, const wire::Progress& m) {
  PutLe(out, m.launches_done);
  PutLe(out, m.launches_total);
  PutLe(out, m.thread_instructions);
  PutLe(out, m.milliseconds);
}
void Get(ByteReader& in, wire::Progress& m) {
  m.launches_done = in.Int<uint64_t>();
  m.launches_total = in.Int<uint64_t>();
  m.thread_instructions = in.Int<uint64_t>();
  m.milliseconds = in.Int<uint64_t>();
}

void Put(Bytes& out, const wire::Finished& m) {
  Append(out, m.job.view());
}
void Get(ByteReader& in, wire::Finished& m) {
  m.job = in.ReadDigest();
}

void Put(Bytes& out, const wire::Refused& m) {
  PutLe(out, m.of);
  PutLe(out, static_cast<uint16_t>(m.code));
  PutText(out, m.message, kMaxWorkerText);
}
void Get(ByteReader& in, wire::Refused& m) {
  m.of = in.Int<uint8_t>();
  const uint16_t code = in.Int<uint16_t>();
  in.Require(code <= kLastCode);
  m.code = static_cast<Code>(code);
  m.message = in.Text(kMaxWorkerText);
}

void Put(Bytes& out, const wire::Committed& m) {
  Append(out, m.challenge.view());
  Append(out, m.root.view());
  PutLe(out, m.milliseconds);
}
void Get(ByteReader& in, wire::Committed& m) {
  m.challenge = in.ReadDigest();
  m.root = in.ReadDigest();
  m.milliseconds = in.Int<uint64_t>();
}

void Put(Bytes& out, const wire::Opened& m) {
  Append(out, m.challenge.view());
  Append(out, m.digest.view());
  PutLe(out, m.bytes);
}
void Get(ByteReader& in, wire::Opened& m) {
  m.challenge = in.ReadDigest();
  m.digest = in.ReadDigest();
  m.bytes = in.Int<uint64_t>();
}

void Put(Bytes& out, const wire::ProofFailed& m) {
  Append(out, m.challenge.view());
  PutLe(out, static_cast<uint16_t>(m.code));
  PutText(out, m.message, kMaxWorkerText);
}
void Get(ByteReader& in, wire::ProofFailed& m) {
  m.challenge = in.ReadDigest();
  const uint16_t code = in.Int<uint16_t>();
  in.Require(code <= kLastCode);
  m.code = static_cast<Code>(code);
  m.message = in.Text(kMaxWorkerText);
}

template <typename Variant>
Bytes Encode(uint8_t first_kind, const Variant& message) {
  Bytes out;
  PutLe(out, static_cast<uint8_t>(first_kind + message.index()));
  std::visit([&](const auto& m) { Put(out, m); }, message);
  CHECK(out.size() <= kMaxPacketBytes);
  return out;
}

template <typename Variant, size_t I>
void DecodeAlternative(ByteReader& in, Variant& out) {
  std::variant_alternative_t<I, Variant> message;
  Get(in, message);
  out = std::move(message);
}

template <typename Variant, size_t... I>
Result<Variant> Decode(uint8_t first_kind, ByteView packet, std::index_sequence<I...>) {
  if (packet.size() > kMaxPacketBytes) {
    return Error(Code::kTooLarge, "a packet has " + std::to_string(packet.size()) + " bytes");
  }
  ByteReader in(packet);
  const uint8_t kind = in.Int<uint8_t>();
  if (!in.ok() || kind < first_kind || kind >= first_kind + sizeof...(I)) {
    return Error(Code::kMalformed, "no message has kind " + std::to_string(kind));
  }
  Variant out;
  ((kind == first_kind + I ? DecodeAlternative<Variant, I>(in, out) : void()), ...);
  if (!in.Complete()) {
    return Error(Code::kMalformed, "a message of kind " + std::to_string(kind) + " does not parse");
  }
  return out;
}

}  // namespace

Bytes EncodeToWorker(const ToWorker& message) {
  return Encode(kFirstToWorker, message);
}
Bytes EncodeFromWorker(const FromWorker& message) {
  return Encode(kFirstFromWorker, message);
}

Result<ToWorker> DecodeToWorker(ByteView packet) {
  return Decode<ToWorker>(kFirstToWorker, packet,
                          std::make_index_sequence<std::variant_size_v<ToWorker>>());
}
Result<FromWorker> DecodeFromWorker(ByteView packet) {
  return Decode<FromWorker>(kFirstFromWorker, packet,
                            std::make_index_sequence<std::variant_size_v<FromWorker>>());
}

}  // namespace souk::gpu
