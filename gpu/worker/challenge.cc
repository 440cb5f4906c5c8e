#include "gpu/worker/challenge.h"

#include <array>

namespace souk::gpu {
namespace {

// .version 6.3 and sm_50: every driver that Souk meets takes it.
// Parameters: where the answer goes (kChallengeThreads × u64), where the nonce lies (4 × u64).
constexpr std::string_view kPtx = R"(.version 6.3
.target sm_50
.address_size 64

.visible .entry souk_challenge(
	.param .u64 souk_challenge_param_0,
	.param .u64 souk_challenge_param_1
)
{
	.reg .pred %p<2>;
	.reg .b32 %r<6>;
	.reg .b64 %rd<20>;

	ld.param.u64 %rd1, [souk_challenge_param_0];
	ld.param.u64 %rd2, [souk_challenge_param_1];
	cvta.to.global.u64 %rd3, %rd1;
	cvta.to.global.u64 %rd4, %rd2;
	mov.u32 %r1, %tid.x;
	and.b32 %r2, %r1, 3;
	mul.wide.u32 %rd5, %r2, 8;
	add.s64 %rd6, %rd4, %rd5;
	ld.global.u64 %rd7, [%rd6];
	cvt.u64.u32 %rd8, %r1;
	add.s64 %rd9, %rd8, 1;
	mul.lo.s64 %rd9, %rd9, 0x9E3779B97F4A7C15;
	xor.b64 %rd10, %rd7, %rd9;
	mov.u32 %r3, 0;
$round:
	add.s32 %r4, %r1, %r3;
	and.b32 %r4, %r4, 3;
	mul.wide.u32 %rd11, %r4, 8;
	add.s64 %rd12, %rd4, %rd11;
	ld.global.u64 %rd13, [%rd12];
	add.s64 %rd10, %rd10, %rd13;
	shr.u64 %rd14, %rd10, 30;
	xor.b64 %rd10, %rd10, %rd14;
	mul.lo.s64 %rd10, %rd10, 0xBF58476D1CE4E5B9;
	shr.u64 %rd15, %rd10, 27;
	xor.b64 %rd10, %rd10, %rd15;
	mul.lo.s64 %rd10, %rd10, 0x94D049BB133111EB;
	shr.u64 %rd16, %rd10, 31;
	xor.b64 %rd10, %rd10, %rd16;
	add.s32 %r3, %r3, 1;
	setp.lt.u32 %p1, %r3, 64;
	@%p1 bra $round;
	mul.wide.u32 %rd17, %r1, 8;
	add.s64 %rd18, %rd3, %rd17;
	st.global.u64 [%rd18], %rd10;
	ret;
}
)";

uint64_t Mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace

std::string_view ChallengePtx() {
  return kPtx;
}

Digest ExpectedAnswer(const Nonce& nonce) {
  std::array<uint64_t, 4> words = {};
  for (size_t i = 0; i < words.size(); ++i) words[i] = GetLe<uint64_t>(nonce.data() + 8 * i);
  Bytes answer;
  answer.reserve(8 * kChallengeThreads);
  for (uint64_t thread = 0; thread < kChallengeThreads; ++thread) {
    uint64_t x = words[thread % 4] ^ (thread + 1) * 0x9E3779B97F4A7C15;
    for (uint64_t round = 0; round < kChallengeRounds; ++round) {
      x = Mix(x + words[(thread + round) % 4]);
    }
    PutLe(answer, x);
  }
  return Sha256(answer);
}

}  // namespace souk::gpu
