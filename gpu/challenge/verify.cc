#include "gpu/challenge/verify.h"

#include <algorithm>
#include <set>
#include <string>

#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

__extension__ using Signed128 = __int128;

// An endless stream of words that only the secret's holder can tell ahead.
class SecretWords {
 public:
  SecretWords(std::string_view purpose, const Digest& secret, const Digest& challenge) {
    Append(input_, AsBytes(purpose));
    Append(input_, secret.view());
    Append(input_, challenge.view());
  }
  template <typename Word>
  Word Next() {
    if (at_ + sizeof(Word) > block_.bytes.size()) Refill();
    const Word word = GetLe<Word>(block_.bytes.data() + at_);
    at_ += sizeof(Word);
    return word;
  }

 private:
  void Refill() {
    Bytes counter;
    PutLe(counter, counter_++);
    block_ = Sha256Hasher().Update(input_).Update(counter).Finish();
    at_ = 0;
  }

  Bytes input_ = {};
  uint64_t counter_ = 0;
  Digest block_ = {};
  size_t at_ = sizeof(Digest::bytes);
};

uint64_t Modulo(Signed128 value) {
  const auto rest = static_cast<int64_t>(value % static_cast<Signed128>(kChallengePrime));
  return static_cast<uint64_t>(rest < 0 ? rest + static_cast<int64_t>(kChallengePrime) : rest);
}

// Σ a[i]·b[i] modulo p. |a| ≤ 2^31, b < 2^61 and n ≤ 2^16: below 2^108.
template <typename Element>
uint64_t Dot(std::span<const Element> a, const std::vector<uint64_t>& b) {
  Signed128 sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<Signed128>(b[i]) * a[i];
  return Modulo(sum);
}

}  // namespace

std::vector<uint32_t> ChosenRows(const Digest& secret, const Digest& challenge, uint32_t size,
                                 uint32_t count) {
  CHECK(IsProductSize(size) && count <= size);
  SecretWords words("souk/rows", secret, challenge);
  std::set<uint32_t> chosen;
  while (chosen.size() < count) chosen.insert(words.Next<uint32_t>() & (size - 1));
  return {chosen.begin(), chosen.end()};
}

std::vector<uint64_t> SecretVector(const Digest& secret, const Digest& challenge, uint32_t size) {
  SecretWords words("souk/vector", secret, challenge);
  std::vector<uint64_t> out;
  out.reserve(size);
  while (out.size() < size) {
    const uint64_t word = words.Next<uint64_t>() & kChallengePrime;
    if (word != kChallengePrime) out.push_back(word);
  }
  return out;
}

std::vector<uint64_t> TimesVector(const MatrixKey& key, const std::vector<uint64_t>& r) {
  const size_t n = r.size();
  std::vector<int8_t> column(n);
  std::vector<int64_t> low(n), high(n);
  for (size_t j = 0; j < n; ++j) {
    FillRow(key, Matrix::kBTransposed, static_cast<uint32_t>(j), column);
    const auto l = static_cast<int64_t>(r[j] & 0x7fff'ffff);
    const auto h = static_cast<int64_t>(r[j] >> 31);
    for (size_t t = 0; t < n; ++t) {
      low[t] += column[t] * l;
      high[t] += column[t] * h;
    }
  }
  std::vector<uint64_t> out(n);
  for (size_t t = 0; t < n; ++t) {
    out[t] = Modulo(static_cast<Signed128>(high[t]) * (int64_t{1} << 31) + low[t]);
  }
  return out;
}

bool IsRowOfProduct(const MatrixKey& key, uint32_t row, std::span<const int32_t> elements,
                    const std::vector<uint64_t>& r, const std::vector<uint64_t>& b_r) {
  std::vector<int8_t> a(r.size());
  FillRow(key, Matrix::kA, row, a);
  return Dot(elements, r) == Dot(std::span<const int8_t>(a), b_r);
}

Status CheckOpening(const ProductClaim& claim, const Digest& secret, ByteView bytes) {
  ASSIGN_OR_RETURN(const Opening opening, DecodeOpening(bytes, claim.size, claim.rows));
  for (const OpenedRow& row : opening.rows) {
    if (RootFromProof(RowLeaf(row.elements), row.row, row.proof) != claim.root) {
      return Error(Code::kMismatch,
                   "row " + std::to_string(row.row) + " does not stand under the committed root");
    }
  }
  const MatrixKey key(claim.seed);
  const std::vector<uint64_t> r = SecretVector(secret, claim.challenge, claim.size);
  const std::vector<uint64_t> b_r = TimesVector(key, r);
  for (const OpenedRow& row : opening.rows) {
    if (!IsRowOfProduct(key, row.row, row.elements, r, b_r)) {
      return Error(Code::kMismatch,
                   "row " + std::to_string(row.row) + " is not that of the product");
    }
  }
  return Ok();
}

}  // namespace souk::gpu
