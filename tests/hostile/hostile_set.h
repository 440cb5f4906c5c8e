// The hostile set: jobs as a renter who means harm would send them, each with the typed error that
// it must end in. A job here is what a provider gets, a workload's encoding and the blobs that it
// names, so that one table serves the cpu device in process, the jailed souk-worker and a whole
// soukd.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "gpu/workload/workload.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "sanitized.h"

namespace souk::gpu::hostile {

struct Job {
  Bytes encoding = {};
  std::vector<Bytes> blobs = {};
};

struct Case {
  std::string name = {};  // "group-what": unique
  std::function<Job()> make = {};
  // How it must end. Nothing: it must run, and its output begin with `words`.
  std::optional<Code> code = {};
  std::string sentence = {};  // an ECMAScript regular expression that the message must contain
  std::vector<uint32_t> words = {};
  // What it may use, loading and running: wall time, and resident memory beyond that of a worker
  // that waits.
  uint32_t milliseconds = 5000;
  uint32_t mebibytes = 32;
  // Its own size makes it take seconds: left to the long form.
  bool is_long = false;
  // One of those that the short form sends through a market, and through the weaker jails (kWorst).
  bool is_worst = false;
};

// What the kernel of a case is made of. It is named k and has two pointers to 250 words each, p0,
// its output, and p1.
struct Kernel {
  std::string before = {};  // module scope
  std::string body = {};
  Dim3 grid = {2, 1, 1};
  Dim3 block = {64, 1, 1};
  uint32_t dynamic_shared_bytes = 0;
  uint64_t thread_instructions = 20'000'000;
  uint64_t milliseconds = kSanitized ? 40'000 : 4000;
};
// Registers %p0-8, %h0-8, %r0-19 (%r0: tid.x), %rd0-8 (%rd0: p0, %rd8: p1), %f0-3, %fd0-3.
std::string TextOf(const Kernel& kernel);

// Whether the module goes as it is written, or canonically where it can be.
enum class Form { kAsWritten, kCanonical };

// A workload of one launch of k in `text`.
Job JobOf(const std::string& text, Form form = Form::kCanonical, const Kernel& kernel = {});
Job JobOf(const Kernel& kernel);
// The workload of JobOf(Kernel{}) with its blobs, to be changed and encoded.
Workload PlainWorkload(std::vector<Bytes>& blobs);
// CHECKs that the workload can be encoded: what cannot is made by changing an encoding's bytes.
Job Encoded(const Workload& work, std::vector<Bytes> blobs);
// Replaces the only place where `from` stands in the encoding, as eight bytes.
void Replace(Bytes& encoding, uint64_t from, uint64_t to);

// For messages of tests.
void PrintTo(const Case& one, std::ostream* out);

std::string Header();  // .version, .target, .address_size
std::string Times(size_t count, const std::string& text);
// make(0) + make(1) + …
std::string Each(size_t count, const std::function<std::string(const std::string&)>& make);

std::vector<Case> MemoryCases();
std::vector<Case> ArithmeticCases();
std::vector<Case> ControlCases();
std::vector<Case> SystemCases();
std::vector<Case> SizeCases();
std::vector<Case> TextCases();
std::vector<Case> WorkloadCases();
// Of every group. The long ones only where SOUK_HOSTILE_LONG is set.
std::vector<Case> AllCases();

// "" where `outcome` is what the case wants, else what is wrong with it. `output`: the bytes of the
// first output, .npy.
std::string WhyWrong(const Case& wanted, const std::optional<Error>& failure, ByteView output);

}  // namespace souk::gpu::hostile
