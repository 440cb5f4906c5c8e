#include "hostile/hostile_set.h"

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <regex>

#include "gpu/ptx/module.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/check.h"

namespace souk::gpu::hostile {
namespace {

constexpr uint32_t kWords = 250;  // 1,000 bytes: no multiple of what allocations are aligned to

std::string Canonical(const std::string& text) {
  Result<ptx::Module> parsed = ptx::Parse(text);
  if (!parsed) return text;
  const Result<ptx::Module> canonical = ptx::Canonicalize(std::move(*parsed));
  return canonical ? ptx::Write(*canonical) : text;
}

}  // namespace

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

std::string Header() {
  return ".version 8.0\n.target sm_80\n.address_size 64\n";
}

std::string Times(size_t count, const std::string& text) {
  std::string out;
  out.reserve(count * text.size());
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string Each(size_t count, const std::function<std::string(const std::string&)>& make) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += make(std::to_string(i));
  return out;
}

std::string TextOf(const Kernel& kernel) {
  return Header() + kernel.before +
         ".visible .entry k(.param .u64 p0, .param .u64 p1) {\n"
         ".reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<20>; .reg .b64 %rd<9>; "
         ".reg .f32 %f<4>; .reg .f64 %fd<4>;\n"
         "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [p0]; ld.param.u64 %rd8, [p1];\n" +
         kernel.body + "\nret;\n}\n";
}

namespace {

Workload WorkloadOf(const BlobRef& module, const Kernel& kernel) {
  Workload work;
  work.name = "hostile";
  work.modules = {module};
  for (const char* name : {"out", "next"}) {
    Buffer buffer;
    buffer.name = name;
    buffer.dtype = DType::kU32;
    buffer.shape = {kWords};
    work.buffers.push_back(buffer);
  }
  KernelLaunch launch;
  launch.kernel = "k";
  launch.grid = kernel.grid;
  launch.block = kernel.block;
  launch.dynamic_shared_bytes = kernel.dynamic_shared_bytes;
  for (const uint32_t buffer : {0u, 1u}) {
    Argument pointer;
    pointer.buffer = buffer;
    pointer.value = Expression::Integer(0);
    launch.arguments.push_back(pointer);
  }
  Step step;
  step.launch = launch;
  work.steps = {step};
  work.outputs = {{.buffer = 0, .file = "out.npy"}};
  work.limits = {.memory_bytes = 1 << 20,
                 .milliseconds = kernel.milliseconds,
                 .thread_instructions = kernel.thread_instructions};
  return work;
}

}  // namespace

Job Encoded(const Workload& work, std::vector<Bytes> blobs) {
  Result<Bytes> encoded = EncodeWorkload(work);
  CHECK(encoded);
  return {.encoding = std::move(*encoded), .blobs = std::move(blobs)};
}

void Replace(Bytes& encoding, uint64_t from, uint64_t to) {
  Bytes old;
  Bytes now;
  PutLe(old, from);
  PutLe(now, to);
  const auto at = std::search(encoding.begin(), encoding.end(), old.begin(), old.end());
  CHECK(at != encoding.end());
  CHECK(std::search(at + 1, encoding.end(), old.begin(), old.end()) == encoding.end());
  std::copy(now.begin(), now.end(), at);
}

Job JobOf(const std::string& text, Form form, const Kernel& kernel) {
  Bytes module = ToBytes(AsBytes(form == Form::kCanonical ? Canonical(text) : text));
  // A size that any module may have, for the encoder's sake; what it really is goes in afterwards.
  constexpr uint64_t kPlaceholder = 0x123456;
  Job job = Encoded(WorkloadOf({Sha256(module), kPlaceholder}, kernel), {});
  Replace(job.encoding, kPlaceholder, module.size());
  job.blobs.push_back(std::move(module));
  return job;
}

Job JobOf(const Kernel& kernel) {
  return JobOf(TextOf(kernel), Form::kCanonical, kernel);
}

Workload PlainWorkload(std::vector<Bytes>& blobs) {
  blobs = {ToBytes(AsBytes(Canonical(TextOf(Kernel{}))))};
  return WorkloadOf({Sha256(blobs[0]), blobs[0].size()}, Kernel{});
}

namespace {

// One of each kind of harm: memory, time, waiting, text, size, encoding.
constexpr const char* kWorst[] = {
    "memory-global-null-store",
    "memory-generic-local-of-the-next-thread",
    "memory-const-store",
    "memory-copy-async-over-the-end",
    "arithmetic-divide-least-by-minus-one",
    "control-loop-of-nothing",
    "control-loop-of-one-lane-while-others-wait",
    "control-loop-past-the-time",
    "control-spin-on-a-later-block",
    "control-all-blocks-of-the-largest-grid",
    "control-barrier-deadlock-of-two-warps",
    "control-recursion",
    "control-calls-that-double-forty-times",
    "control-local-all-touched",
    "system-print-that-only-reads",
    "system-assertion-of-garbage",
    "size-branch-tables-named-again-and-again",
    "size-array-of-16-tebibytes",
    "size-module-of-a-gibibyte",
    "text-scopes-a-million-deep",
    "text-name-of-megabytes",
    "text-nul-within",
    "workload-buffer-larger-than-the-device",
    "workload-repeats-of-2-to-the-64",
    "workload-output-outside-its-folder",
    "workload-of-noise",
};

}  // namespace

std::vector<Case> AllCases() {
  const bool with_long = std::getenv("SOUK_HOSTILE_LONG") != nullptr;
  std::vector<Case> all;
  size_t worst = 0;
  for (std::vector<Case> (*group)() : {&MemoryCases, &ArithmeticCases, &ControlCases, &SystemCases,
                                       &SizeCases, &TextCases, &WorkloadCases}) {
    for (Case& one : group()) {
      one.is_worst = std::find(std::begin(kWorst), std::end(kWorst), one.name) != std::end(kWorst);
      worst += one.is_worst ? 1 : 0;
      if (!one.is_long || with_long) all.push_back(std::move(one));
    }
  }
  CHECK(worst == std::size(kWorst));
  return all;
}

std::string WhyWrong(const Case& wanted, const std::optional<Error>& failure, ByteView output) {
  if (failure) {
    const std::string got = std::string(CodeName(failure->code)) + ": " + failure->message;
    if (!wanted.code) return "must run, but ended in " + got;
    if (failure->code != *wanted.code) {
      return std::string("must end in ") + CodeName(*wanted.code) + ", not in " + got;
    }
    if (!std::regex_search(failure->message, std::regex(wanted.sentence))) {
      return "the sentence does not match \"" + wanted.sentence + "\": " + got;
    }
    return "";
  }
  if (wanted.code) return std::string("must end in ") + CodeName(*wanted.code) + ", but ran";
  const Result<NpyHeader> header = ParseNpy(output);
  if (!header) return "the output is no .npy";
  const ByteView data = output.subspan(header->data_offset);
  for (size_t i = 0; i < wanted.words.size(); ++i) {
    const uint32_t word = GetLe<uint32_t>(data.data() + 4 * i);
    if (word != wanted.words[i]) {
      return "word " + std::to_string(i) + " is " + std::to_string(word) + ", not " +
             std::to_string(wanted.words[i]);
    }
  }
  return "";
}

}  // namespace souk::gpu::hostile
