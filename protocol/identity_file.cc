// The identity file and the successor key's. Both are text, one `key = "value"` per line:
//   format    "souk-identity-1" or "souk-successor-1"
//   id        the public key, which the seed must give
//   epoch     of the derived keys (identity only)
//   successor digest of the successor's public key (identity only)
// and either
//   seed      base64 of the 32-byte seed
// or, locked with a passphrase (Argon2id 1.3 to a key, then XSalsa20-Poly1305, as libsodium's
// crypto_pwhash and crypto_secretbox have it),
//   salt, operations, memory, nonce, sealed
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>

#include "protocol/base/check.h"
#include "protocol/base/file.h"
#include "protocol/identity.h"
#include "protocol/sodium.h"

namespace souk {
namespace {

constexpr size_t kFileBytes = 4096;
constexpr std::string_view kIdentityFormat = "souk-identity-1";
constexpr std::string_view kSuccessorFormat = "souk-successor-1";
// libsodium's "moderate": 256 MiB and about a second, paid once per start of the daemon.
constexpr uint64_t kOperations = crypto_pwhash_OPSLIMIT_MODERATE;
constexpr uint64_t kMemory = crypto_pwhash_MEMLIMIT_MODERATE;
// A file that asks for more was not written by us.
constexpr uint64_t kMostOperations = 16;
constexpr uint64_t kMostMemory = uint64_t{1} << 30;

using Seed = std::array<uint8_t, 32>;
using Fields = std::map<std::string, std::string, std::less<>>;

static_assert(crypto_secretbox_KEYBYTES == 32);

// Wipes what held a secret when the scope is left by any way.
class Wiper {
 public:
  explicit Wiper(Seed& seed) : data_(seed.data()), size_(seed.size()) {}
  ~Wiper() { sodium_memzero(data_, size_); }
  Wiper(const Wiper&) = delete;
  Wiper& operator=(const Wiper&) = delete;

 private:
  void* data_;
  size_t size_;
};

void WipeText(std::string& text) {
  sodium_memzero(text.data(), text.size());
}

void AddLine(std::string& out, std::string_view key, std::string_view value) {
  out.append(key).append(" = \"").append(value).append("\"\n");
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Result<Fields> ParseFields(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#') continue;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return Error(Code::kMalformed, "a line without '='");
    const std::string key(Trim(line.substr(0, equals)));
    const std::string_view value = Trim(line.substr(equals + 1));
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') {
      return Error(Code::kMalformed, key + " is not in quotes");
    }
    if (!fields.emplace(key, value.substr(1, value.size() - 2)).second) {
      return Error(Code::kMalformed, key + " stands twice");
    }
  }
  return fields;
}

// Takes a field out, so that what is left at the end is unknown.
Result<std::string> Take(Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  if (found == fields.end()) return Error(Code::kMalformed, std::string(key) + " is missing");
  std::string value = std::move(found->second);
  fields.erase(found);
  return value;
}

Result<uint64_t> TakeNumber(Fields& fields, std::string_view key, uint64_t most) {
  ASSIGN_OR_RETURN(const std::string text, Take(fields, key));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > most) {
    return Error(Code::kMalformed, std::string(key) + " is out of range");
  }
  return value;
}

Result<Bytes> TakeBytes(Fields& fields, std::string_view key, size_t size) {
  ASSIGN_OR_RETURN(std::string text, Take(fields, key));
  auto bytes = FromBase64(text);
  WipeText(text);
  if (!bytes) return bytes.error().Within(std::string(key));
  if (bytes->size() != size) return Error(Code::kMalformed, std::string(key) + " has a wrong size");
  return bytes;
}

Status StretchPassphrase(std::string_view passphrase, ByteView salt, uint64_t operations,
                         uint64_t memory, Seed& key) {
  CHECK(salt.size() == crypto_pwhash_SALTBYTES);
  if (crypto_pwhash(key.data(), key.size(), passphrase.data(), passphrase.size(), salt.data(),
                    operations, memory, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Error(Code::kExhausted, "not enough memory to unlock the identity: " +
                                       std::to_string(memory >> 20) + " MiB are needed");
  }
  return Ok();
}

Status AddSeed(std::string& out, const Seed& seed, std::string_view passphrase) {
  if (passphrase.empty()) {
    std::string text = ToBase64(seed);
    AddLine(out, "seed", text);
    WipeText(text);
    return Ok();
  }
  Bytes salt(crypto_pwhash_SALTBYTES);
  Bytes nonce(crypto_secretbox_NONCEBYTES);
  randombytes_buf(salt.data(), salt.size());
  randombytes_buf(nonce.data(), nonce.size());
  Seed key = {};
  const Wiper wipe(key);
  RETURN_IF_ERROR(StretchPassphrase(passphrase, salt, kOperations, kMemory, key));
  Bytes sealed(seed.size() + crypto_secretbox_MACBYTES);
  CHECK(crypto_secretbox_easy(sealed.data(), seed.data(), seed.size(), nonce.data(), key.data()) ==
        0);
  AddLine(out, "salt", ToBase64(salt));
  AddLine(out, "operations", std::to_string(kOperations));
  AddLine(out, "memory", std::to_string(kMemory));
  AddLine(out, "nonce", ToBase64(nonce));
  AddLine(out, "sealed", ToBase64(sealed));
  return Ok();
}

Status UnsealSeed(Fields& fields, std::string_view passphrase, Seed& seed) {
  ASSIGN_OR_RETURN(const Bytes salt, TakeBytes(fields, "salt", crypto_pwhash_SALTBYTES));
  ASSIGN_OR_RETURN(const uint64_t operations, TakeNumber(fields, "operations", kMostOperations));
  ASSIGN_OR_RETURN(const uint64_t memory, TakeNumber(fields, "memory", kMostMemory));
  ASSIGN_OR_RETURN(const Bytes nonce, TakeBytes(fields, "nonce", crypto_secretbox_NONCEBYTES));
  ASSIGN_OR_RETURN(const Bytes sealed,
                   TakeBytes(fields, "sealed", seed.size() + crypto_secretbox_MACBYTES));
  if (memory < crypto_pwhash_MEMLIMIT_MIN) return Error(Code::kMalformed, "memory is out of range");
  if (passphrase.empty())
    return Error(Code::kDenied, "it is locked: set SOUK_PASSPHRASE to its passphrase");
  Seed key = {};
  const Wiper wipe(key);
  RETURN_IF_ERROR(StretchPassphrase(passphrase, salt, operations, memory, key));
  if (crypto_secretbox_open_easy(seed.data(), sealed.data(), sealed.size(), nonce.data(),
                                 key.data()) != 0) {
    return Error(Code::kDenied, "the passphrase in SOUK_PASSPHRASE does not fit");
  }
  return Ok();
}

Status TakeSeed(Fields& fields, std::string_view passphrase, Seed& seed) {
  if (fields.find("sealed") != fields.end()) return UnsealSeed(fields, passphrase, seed);
  ASSIGN_OR_RETURN(Bytes bytes, TakeBytes(fields, "seed", seed.size()));
  std::copy(bytes.begin(), bytes.end(), seed.begin());
  sodium_memzero(bytes.data(), bytes.size());
  return Ok();
}

// Fails with kDuplicate where the path exists, even when two programs create it at once.
Status CreateFile(const std::filesystem::path& path, std::string& text) {
  std::error_code ignored;
  const Error exists(Code::kDuplicate, path.string() + " exists already; it is left as it is");
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return exists;
  const std::filesystem::path fresh = path.string() + ".new";
  Status written = WriteFileAtomic(fresh, AsBytes(text), 0600);
  WipeText(text);
  if (!written) {
    std::filesystem::remove(fresh, ignored);  // there where only syncing the folder failed
    return written;
  }
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    const int error_number = errno;
    std::filesystem::remove(fresh, ignored);
    if (error_number == EEXIST) return exists;
    return ErrnoError("creating " + path.string(), error_number);
  }
  return Ok();
}

Result<Fields> ReadFields(const std::filesystem::path& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoError("opening " + path.string(), errno);
  if ((info.st_mode & 077) != 0) {
    return Error(Code::kDenied,
                 "others may read or change " + path.string() + ": chmod 600 " + path.string());
  }
  ASSIGN_OR_RETURN(Bytes bytes, ReadFile(path, kFileBytes));
  auto fields = ParseFields(AsText(bytes));
  sodium_memzero(bytes.data(), bytes.size());
  if (!fields) return fields.error().Within(path.string());
  return fields;
}

Result<Identity> ParseIdentity(Fields& fields, std::string_view passphrase) {
  ASSIGN_OR_RETURN(const std::string format, Take(fields, "format"));
  if (format != kIdentityFormat) return Error(Code::kUnsupported, "not an identity file");
  ASSIGN_OR_RETURN(const std::string id_text, Take(fields, "id"));
  ASSIGN_OR_RETURN(const PublicKey id, PublicKey::Parse(id_text));
  ASSIGN_OR_RETURN(const uint64_t epoch, TakeNumber(fields, "epoch", UINT32_MAX));
  ASSIGN_OR_RETURN(const std::string successor, Take(fields, "successor"));
  RETURN_IF_ERROR(Digest::Parse(successor));
  Seed seed = {};
  const Wiper wipe(seed);
  RETURN_IF_ERROR(TakeSeed(fields, passphrase, seed));
  if (!fields.empty()) return Error(Code::kMalformed, "unknown key " + fields.begin()->first);
  Identity identity = Identity::FromSeed(seed, static_cast<uint32_t>(epoch));
  if (identity.id() != id) return Error(Code::kCorrupt, "the seed is not that of its id");
  return identity;
}

}  // namespace

Result<Identity> IdentityFile::Create(const std::filesystem::path& path,
                                      const std::filesystem::path& successor_path,
                                      std::string_view passphrase) {
  EnsureSodium();
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
    return Error(Code::kDuplicate, path.string() + " exists already; it is left as it is");
  }
  Seed seed = {};
  Seed successor_seed = {};
  const Wiper wipe(seed);
  const Wiper wipe_successor(successor_seed);
  randombytes_buf(seed.data(), seed.size());
  randombytes_buf(successor_seed.data(), successor_seed.size());
  const PublicKey successor = SigningKey::FromSeed(successor_seed).public_key();
  Identity identity = Identity::FromSeed(seed);

  std::string successor_text =
      "# The only key that can replace the identity. Move it off this machine.\n";
  AddLine(successor_text, "format", kSuccessorFormat);
  AddLine(successor_text, "id", successor.ToString());
  RETURN_IF_ERROR(AddSeed(successor_text, successor_seed, passphrase));

  std::string text = "# Whoever can read this is you. Never share it.\n";
  AddLine(text, "format", kIdentityFormat);
  AddLine(text, "id", identity.id().ToString());
  AddLine(text, "epoch", std::to_string(identity.epoch()));
  AddLine(text, "successor", Sha256(successor.bytes).ToString());
  RETURN_IF_ERROR(AddSeed(text, seed, passphrase));

  // The successor first: an identity whose successor was never written could never be replaced.
  RETURN_IF_ERROR(CreateFile(successor_path, successor_text));
  if (const Status created = CreateFile(path, text); !created) {
    std::filesystem::remove(successor_path, ignored);
    return created.error();
  }
  return identity;
}

Result<Identity> IdentityFile::Load(const std::filesystem::path& path,
                                    std::string_view passphrase) {
  EnsureSodium();
  ASSIGN_OR_RETURN(Fields fields, ReadFields(path));
  auto identity = ParseIdentity(fields, passphrase);
  if (!identity) return identity.error().Within(path.string());
  return identity;
}

Result<Digest> IdentityFile::SuccessorDigest(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(Fields fields, ReadFields(path));
  auto text = Take(fields, "successor");
  if (!text) return text.error().Within(path.string());
  return Digest::Parse(*text);
}

}  // namespace souk
