// crypto.cu: digests, ciphers, checksums, strings, random numbers.
#include <openssl/evp.h>

#include <algorithm>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

using Byte = unsigned char;

std::vector<Byte> RandomBytes(uint64_t seed, size_t count) {
  Random random(seed);
  return Random::Make<Byte>(count, [&] { return random.Next(); });
}
std::vector<Byte> Digest(const EVP_MD* kind, const Byte* data, size_t size) {
  std::vector<Byte> digest(size_t(EVP_MD_get_size(kind)));
  EVP_Digest(data, size, digest.data(), nullptr, kind, nullptr);
  return digest;
}
uint32_t BigEndian(const Byte* b) {
  return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3];
}

TEST(Crypto, Sha256IsOpenSsls) {
  for (const int length : {0, 55, 56, 64, 100}) {
    const int n = 40;
    const std::vector<Byte> in = RandomBytes(uint64_t(length), size_t(n * length) + 1);
    Zoo zoo("crypto");
    const Arg out = zoo.Zeros<uint32_t>(8 * n);
    zoo.Launch("sha256", {1}, {64}, {out, zoo.Add(in), Val(length), Val(n)});
    zoo.Run();
    std::vector<uint32_t> want;
    for (int i = 0; i < n; ++i) {
      const auto d = Digest(EVP_sha256(), in.data() + i * length, size_t(length));
      for (size_t k = 0; k < 8; ++k) want.push_back(BigEndian(&d[4 * k]));
    }
    ExpectSame(zoo.Get<uint32_t>(out), want, "sha256 of " + std::to_string(length) + " bytes");
  }
}

TEST(Crypto, Md5CompressesABlock) {
  // A message of 20 bytes, padded to one block.
  const int n = 70;
  std::vector<Byte> in(64 * n, 0);
  std::vector<Byte> want;
  for (int i = 0; i < n; ++i) {
    const std::vector<Byte> message = RandomBytes(uint64_t(i) + 99, 20);
    std::copy(message.begin(), message.end(), in.begin() + 64 * i);
    in[size_t(64 * i + 20)] = 0x80;
    in[size_t(64 * i + 56)] = 160;
    const auto d = Digest(EVP_md5(), message.data(), message.size());
    want.insert(want.end(), d.begin(), d.end());
  }
  Zoo zoo("crypto");
  const Arg out = zoo.Zeros<Byte>(16 * n);
  zoo.Launch("md5", {2}, {64}, {out, zoo.Add(in), Val(n)});
  zoo.Run();
  ExpectSame(zoo.Get<Byte>(out), want, "md5");
}

TEST(Crypto, CrcIsThatOfTheDefinition) {
  const int n = 100, length = 37;
  const std::vector<Byte> in = RandomBytes(5, n * length);
  Zoo zoo("crypto");
  const Arg out = zoo.Zeros<uint32_t>(n);
  zoo.Launch("crc32", {2}, {64}, {out, zoo.Add(in), Val(length), Val(n)});
  zoo.Run();
  std::vector<uint32_t> want;
  for (int i = 0; i < n; ++i) {
    uint32_t c = ~0u;
    for (int bit = 0; bit < 8 * length; ++bit) {
      const uint32_t b = in[size_t(i * length + bit / 8)] >> bit % 8 & 1;
      c = ((c ^ b) & 1) != 0 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    want.push_back(~c);
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "crc32");
}

TEST(Crypto, AesIsOpenSsls) {
  const int n = 90;
  const std::vector<Byte> in = RandomBytes(6, 16 * n), key = RandomBytes(7, 16);
  Zoo zoo("crypto");
  const Arg out = zoo.Zeros<Byte>(16 * n);
  zoo.Launch("aes128", {3}, {32}, {out, zoo.Add(in), zoo.Add(key), Val(n)});
  zoo.Run();
  std::vector<Byte> want(16 * n + 16);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int written = 0;
  EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), nullptr, key.data(), nullptr);
  EVP_EncryptUpdate(context, want.data(), &written, in.data(), 16 * n);
  EVP_CIPHER_CTX_free(context);
  ASSERT_EQ(written, 16 * n);
  want.resize(16 * n);
  ExpectSame(zoo.Get<Byte>(out), want, "aes128");
}

TEST(Crypto, ChachaIsOpenSsls) {
  const std::vector<Byte> key = RandomBytes(8, 32);
  Zoo zoo("crypto");
  const Arg out = zoo.Zeros<Byte>(64 * 64);
  zoo.Launch("chacha20", {2}, {32}, {out, zoo.Add(key), Val(1u)});
  zoo.Run();
  // Counter 1 and RFC 8439's nonce, as OpenSSL's 16-byte IV.
  const Byte iv[16] = {1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
  const std::vector<Byte> zeros(64 * 64, 0);
  std::vector<Byte> want(64 * 64);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int written = 0;
  EVP_EncryptInit_ex(context, EVP_chacha20(), nullptr, key.data(), iv);
  EVP_EncryptUpdate(context, want.data(), &written, zeros.data(), int(zeros.size()));
  EVP_CIPHER_CTX_free(context);
  ExpectSame(zoo.Get<Byte>(out), want, "chacha20");
}

TEST(Crypto, SiphashGivesItsPapersVector) {
  // SipHash-2-4 of 00 … 07 under the key 00 … 0f; the paper's appendix and reference vectors.
  std::vector<uint64_t> in(32 * 2, 0x0706050403020100);
  Zoo zoo("crypto");
  const Arg out = zoo.Zeros<uint64_t>(64);
  zoo.Launch("siphash", {1}, {64},
             {out, zoo.Add(in), Val(1), Val(uint64_t{0x0706050403020100}),
              Val(uint64_t{0x0f0e0d0c0b0a0908}), Val(64)});
  zoo.Run();
  ExpectSame(zoo.Get<uint64_t>(out), std::vector<uint64_t>(64, 0x93f5f5799a932462), "siphash");
}

TEST(Crypto, StringsAreFoundWhereTheyStand) {
  Random random(9);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + random.Below(3));
  const std::string pattern = "abca";
  Zoo zoo("crypto");
  const Arg found = zoo.Zeros<Byte>(1000), count = zoo.Zeros<uint32_t>(1);
  zoo.Launch("find_string", {8}, {128},
             {found, count, zoo.Add(std::vector<char>(text.begin(), text.end())), Val(1000),
              zoo.Add(std::vector<char>(pattern.begin(), pattern.end())), Val(4)});
  zoo.Run();
  std::vector<Byte> want(1000, 0);
  uint32_t number = 0;
  for (size_t at = text.find(pattern); at != std::string::npos; at = text.find(pattern, at + 1)) {
    want[at] = 1;
    ++number;
  }
  ExpectSame(zoo.Get<Byte>(found), want, "find_string");
  ExpectSame(zoo.Get<uint32_t>(count), {number}, "count");
}

uint64_t Xorshift(uint64_t& a, uint64_t& b) {
  uint64_t x = a;
  const uint64_t y = b;
  a = y;
  x ^= x << 23;
  b = x ^ y ^ (x >> 17) ^ (y >> 26);
  return b + y;
}

TEST(Crypto, RandomNumbersFollowTheirRecurrences) {
  Zoo zoo("crypto");
  const Arg shifted = zoo.Zeros<uint64_t>(64 * 10), inside = zoo.Zeros<uint64_t>(1),
            jumped = zoo.Zeros<uint64_t>(20), rounds = zoo.Zeros<uint32_t>(4 * 100);
  const uint32_t key[2] = {0xa4093822, 0x299f31d0};
  zoo.Launch("xorshift", {2}, {32}, {shifted, Val(10)});
  zoo.Launch("pi_by_throws", {4}, {64}, {inside, Val(50)});
  zoo.Launch("lcg_jump", {1}, {32}, {jumped, Val(uint64_t{42}), Val(20)});
  zoo.Launch("philox", {1}, {128}, {rounds, Val(key), Val(100)});
  zoo.Run();
  std::vector<uint64_t> want;
  for (uint64_t i = 0; i < 64; ++i) {
    uint64_t a = (i + 1) * 0x9e3779b97f4a7c15ull, b = a ^ 0xdeadbeefcafef00dull;
    for (int k = 0; k < 10; ++k) want.push_back(Xorshift(a, b));
  }
  ExpectSame(zoo.Get<uint64_t>(shifted), want, "xorshift");
  uint64_t hits = 0;
  for (uint64_t i = 0; i < 256; ++i) {
    uint64_t a = i * 7919 + 1, b = ~i;
    for (int k = 0; k < 50; ++k) {
      const uint64_t r = Xorshift(a, b), x = r & 0xffffffff, y = r >> 32;
      hits += (x * x / 2) + (y * y / 2) < uint64_t{1} << 63 ? 1 : 0;
    }
  }
  ExpectSame(zoo.Get<uint64_t>(inside), {hits}, "pi_by_throws");
  want.clear();
  uint64_t state = 42;
  for (uint64_t i = 0; i < 20; ++i) {
    want.push_back(state);
    for (int k = 0; k < 1000003; ++k) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
    }
  }
  ExpectSame(zoo.Get<uint64_t>(jumped), want, "lcg_jump");
  std::vector<uint32_t> want_rounds;
  for (uint32_t i = 0; i < 100; ++i) {
    uint32_t c[4] = {i, i >> 3, 0x12345, ~i}, k[2] = {key[0], key[1]};
    for (int r = 0; r < 10; ++r) {
      const uint64_t p = uint64_t{0xD2511F53} * c[0], q = uint64_t{0xCD9E8D57} * c[2];
      const uint32_t next[4] = {uint32_t(q >> 32) ^ c[1] ^ k[0], uint32_t(q),
                                uint32_t(p >> 32) ^ c[3] ^ k[1], uint32_t(p)};
      std::copy(next, next + 4, c);
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    want_rounds.insert(want_rounds.end(), c, c + 4);
  }
  ExpectSame(zoo.Get<uint32_t>(rounds), want_rounds, "philox");
}

TEST(Crypto, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("crypto", {{"sha256", kExact},
                           {"md5", kOrdered},  // its table stands in .global memory
                           {"crc32", kExact},
                           {"aes128", kExact},
                           {"chacha20", kExact},
                           {"siphash", kOrdered},  // 64-bit keys may be addresses
                           {"find_string", kOrdered},
                           {"xorshift", kExact},
                           {"philox", kOrdered},
                           {"lcg_jump", kOrdered},
                           {"pi_by_throws", kOrdered}});
}

}  // namespace
}  // namespace souk::gpu::zoo
