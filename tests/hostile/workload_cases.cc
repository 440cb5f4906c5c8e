// Encodings of workloads that lie, overflow or ask for more than there is, and inputs that are not
// what they say.
#include <algorithm>

#include "gpu/workload/npy.h"
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

constexpr uint64_t kMark = 987'654;  // stands once in an encoding

Case Ends(const std::string& name, std::optional<Code> code, const std::string& sentence,
          const std::function<Job()>& make) {
  return {.name = "workload-" + name, .make = make, .code = code, .sentence = sentence};
}

// A good workload, changed as data; it must still be one that the encoder takes.
std::function<Job()> With(const std::function<void(Workload&)>& change) {
  return [=] {
    std::vector<Bytes> blobs;
    Workload work = PlainWorkload(blobs);
    change(work);
    return Encoded(work, blobs);
  };
}
// The same, and then a mark in its encoding replaced by what the encoder would not take.
std::function<Job()> With(const std::function<void(Workload&)>& change, uint64_t mark,
                          uint64_t instead) {
  return [=] {
    Job job = With(change)();
    Replace(job.encoding, mark, instead);
    return job;
  };
}
std::function<Job()> With(const std::function<void(Workload&)>& change, uint64_t instead) {
  return With(change, kMark, instead);
}
std::function<Job()> WithBytes(const std::function<void(Bytes&)>& change) {
  return [=] {
    Job job = JobOf(Kernel{});
    change(job.encoding);
    return job;
  };
}

Step Repeat(uint64_t count, Step body) {
  Loop loop;
  loop.count = count;
  loop.body = {std::move(body)};
  Step step;
  step.loop = std::move(loop);
  return step;
}

void AddShapes(std::vector<Case>& out) {
  const auto shape = [](const std::vector<uint64_t>& dimensions) {
    return [=](Workload& work) {
      work.buffers[1].shape = dimensions;
      work.limits.memory_bytes = uint64_t{1} << 40;
    };
  };
  out.push_back(Ends("shape-of-2-to-the-63", Code::kOverflow, "shape",
                     With(shape({kMark}), uint64_t{1} << 63)));
  out.push_back(Ends("shape-whose-product-wraps-to-nothing", Code::kOverflow, "shape",
                     With(shape({65536, kMark}), uint64_t{1} << 48)));
  out.push_back(Ends("shape-of-nothing", Code::kInvalidArgument, "zero", With(shape({kMark}), 0)));
  out.push_back(Ends("buffer-larger-than-the-device", Code::kExhausted, "allocating",
                     With(shape({uint64_t{1} << 37}))));
  out.push_back(Ends("buffer-larger-than-its-own-limit", Code::kTooLarge, "limits.memory",
                     With([](Workload& work) { work.limits.memory_bytes = kMark; }, 1)));
}

void AddRepeats(std::vector<Case>& out) {
  const auto nested = [](size_t depth) {
    return [=](Workload& work) {
      Step step = Repeat(kMark, work.steps[0]);
      for (size_t i = 1; i < depth; ++i) step = Repeat(1, std::move(step));
      work.steps = {std::move(step)};
      work.limits.milliseconds = 1000;
    };
  };
  out.push_back(
      Ends("repeats-of-2-to-the-64", Code::kTooLarge, "launches", With(nested(1), UINT64_MAX)));
  out.push_back(Ends("nested-repeats-whose-product-wraps", Code::kTooLarge, "launches",
                     With(
                         [](Workload& work) {
                           // 16 * 16 * 2^56 is 0 in 64 bits.
                           work.steps = {
                               Repeat(16, Repeat(16, Repeat(kMark / 1000, work.steps[0])))};
                         },
                         kMark / 1000, uint64_t{1} << 56)));
  out.push_back(
      Ends("repeats-of-nothing", Code::kInvalidArgument, "runs nothing", With(nested(4), 0)));
  out.push_back(Ends("a-million-launches-past-the-time", Code::kExhausted, "time limit",
                     With([](Workload& work) {
                       work.steps = {Repeat(1'000'000, work.steps[0])};
                       work.steps[0].loop->body[0].launch->grid = {1000, 1, 1};
                       work.limits.milliseconds = 200;
                       work.limits.thread_instructions = UINT64_MAX;
                     })));
  out.push_back(Ends("commitments-of-much-memory-past-the-time", Code::kExhausted, "time limit",
                     With([](Workload& work) {
                       work.steps = {Repeat(100'000, work.steps[0])};
                       work.buffers[1].shape = {16u << 20};
                       work.limits.memory_bytes = 65u << 20;
                       work.limits.milliseconds = 300;
                       work.limits.thread_instructions = UINT64_MAX;
                       work.commit_interval = 1;
                     })));
  out.push_back(Ends("more-commitments-than-a-receipt-holds", Code::kTooLarge, "state roots",
                     With(
                         [](Workload& work) {
                           work.steps = {Repeat(1'000'000, work.steps[0])};
                           work.commit_interval = kMark;
                         },
                         1)));
  out.push_back(Ends("no-time", Code::kInvalidArgument, "limits.time",
                     With([](Workload& work) { work.limits.milliseconds = kMark; }, 0)));
  out.push_back(Ends("no-instructions", Code::kInvalidArgument, "limits.instructions",
                     With([](Workload& work) { work.limits.thread_instructions = kMark; }, 0)));
}

void AddLaunches(std::vector<Case>& out) {
  // Two dimensions stand side by side: one mark of eight bytes covers both.
  const auto dims = [&](const std::string& name, Code code, const std::string& sentence, bool grid,
                        uint64_t x, uint64_t y) {
    out.push_back(Ends(name, code, sentence, [=] {
      std::vector<Bytes> blobs;
      Workload work = PlainWorkload(blobs);
      KernelLaunch& launch = *work.steps[0].launch;
      (grid ? launch.grid : launch.block) = {777, 1, 1};
      Job job = Encoded(work, blobs);
      Replace(job.encoding, 777 | uint64_t{1} << 32, x | y << 32);
      return job;
    }));
  };
  dims("grid-of-nothing", Code::kInvalidArgument, "grid has a zero", true, 0, 1);
  dims("grid-of-2-to-the-32", Code::kTooLarge, "grid is beyond", true, UINT32_MAX, 1);
  dims("grid-too-high", Code::kTooLarge, "grid is beyond", true, 1, 65536);
  dims("block-of-nothing", Code::kInvalidArgument, "block has a zero", false, 1, 0);
  dims("block-of-1025", Code::kTooLarge, "block is beyond", false, 1025, 1);
  dims("block-whose-product-wraps", Code::kTooLarge, "block is beyond", false, 65536, 65536);
  out.push_back(Ends("no-arguments", Code::kMismatch, "takes 2 arguments",
                     With([](Workload& work) { work.steps[0].launch->arguments.clear(); })));
  out.push_back(
      Ends("arguments-of-the-wrong-width", Code::kMismatch, "8 bytes", With([](Workload& work) {
             Argument& one = work.steps[0].launch->arguments[1];
             one = Argument{.kind = ArgumentKind::kInteger, .buffer = 0, .width = 4};
             one.value = Expression::Integer(1);
           })));
  out.push_back(Ends("pointer-behind-its-buffer", Code::kInvalidArgument, "is outside",
                     With([](Workload& work) {
                       work.steps[0].launch->arguments[0].value = Expression::Integer(251);
                     })));
  out.push_back(Ends("pointer-before-its-buffer", Code::kInvalidArgument, "is outside",
                     With([](Workload& work) {
                       work.steps[0].launch->arguments[0].value = Expression::Integer(INT64_MIN);
                     })));
  // An address that is guessed, not given.
  out.push_back(Ends("address-as-an-integer", Code::kFault, "outside every allocation", [] {
    Job job = JobOf(Kernel{.body = "st.global.u32 [%rd8], %r0;"});
    std::vector<Bytes> blobs;
    Workload work = PlainWorkload(blobs);
    Argument& one = work.steps[0].launch->arguments[1];
    one = Argument{.kind = ArgumentKind::kInteger, .buffer = 0, .width = 8};
    one.value = Expression::Integer(0x7fffffff0000);
    work.modules[0] = {Sha256(job.blobs[0]), job.blobs[0].size()};
    return Encoded(work, job.blobs);
  }));
}

void AddExpressions(std::vector<Case>& out) {
  const auto with = [&](const std::string& name, std::optional<Code> code,
                        const std::string& sentence, const std::vector<ExprStep>& steps) {
    out.push_back(Ends(name, code, sentence, With([=](Workload& work) {
                         work.steps[0].launch->arguments[0].value.steps = steps;
                       })));
  };
  std::vector<ExprStep> squares = {{ExprOp::kInt, 3}};
  for (int i = 0; i < 120; ++i) {
    squares.push_back({ExprOp::kInt, 3});
    squares.push_back({ExprOp::kMul, 0});
  }
  with("expression-that-overflows", Code::kOverflow, "argument 1", squares);
  with("expression-that-divides-by-zero", Code::kInvalidArgument, "argument 1",
       {{ExprOp::kInt, 1}, {ExprOp::kInt, 0}, {ExprOp::kFloorDiv, 0}});
  with("expression-that-divides-the-least-by-minus-one", Code::kOverflow, "argument 1",
       {{ExprOp::kInt, uint64_t{1} << 63}, {ExprOp::kInt, UINT64_MAX}, {ExprOp::kFloorDiv, 0}});
  with("expression-of-a-float-offset", Code::kInvalidArgument, "not an integer",
       {{ExprOp::kFloat, 0x3ff0000000000000}});
  out.push_back(Ends("expression-that-picks-2-to-the-64", Code::kMalformed, "argument 1", [] {
    std::vector<Bytes> blobs;
    Workload work = PlainWorkload(blobs);
    work.steps[0].launch->arguments[0].value.steps = {{ExprOp::kInt, 0},
                                                      {ExprOp::kInt, 0},
                                                      {ExprOp::kInt, 0},
                                                      {ExprOp::kInt, 0},
                                                      {ExprOp::kPick, 3}};
    Job job = Encoded(work, blobs);
    Replace(job.encoding, 3, UINT64_MAX);
    return job;
  }));
  out.push_back(
      Ends("expression-of-a-variable-that-is-not-there", Code::kMalformed, "argument 1", [] {
        std::vector<Bytes> blobs;
        Workload work = PlainWorkload(blobs);
        work.steps[0].launch->arguments[0].value = Expression::Integer(kMark);
        Job job = Encoded(work, blobs);
        Bytes mark;
        PutLe(mark, kMark);
        const auto at =
            std::search(job.encoding.begin(), job.encoding.end(), mark.begin(), mark.end());
        *(at - 1) = static_cast<uint8_t>(ExprOp::kVariable);
        return job;
      }));
}

void AddOutputs(std::vector<Case>& out) {
  // A path as long as the plain name that it takes the place of.
  const auto path = [](const std::string& name) {
    return [=] {
      std::vector<Bytes> blobs;
      Workload work = PlainWorkload(blobs);
      const std::string plain = std::string(name.size() - 4, 'z') + ".npy";
      work.outputs[0].file = plain;
      Job job = Encoded(work, blobs);
      const auto at =
          std::search(job.encoding.begin(), job.encoding.end(), plain.begin(), plain.end());
      std::copy(name.begin(), name.end(), at);
      return job;
    };
  };
  out.push_back(Ends("output-outside-its-folder", Code::kInvalidArgument, "not a plain",
                     path("../../../../etc/cron.d/souk.npy")));
  out.push_back(
      Ends("output-at-the-root", Code::kInvalidArgument, "not a plain", path("/etc/passwd.npy")));
  out.push_back(
      Ends("output-of-a-hidden-name", Code::kInvalidArgument, "not a plain", path(".profile.npy")));
  out.push_back(Ends("output-of-a-name-with-nul", Code::kInvalidArgument, "not a plain",
                     path(std::string("a\0b.npy", 7))));
  out.push_back(Ends("outputs-of-one-buffer", Code::kDuplicate, "an output already", [] {
    std::vector<Bytes> blobs;
    Workload work = PlainWorkload(blobs);
    work.outputs.push_back({.buffer = 1, .file = "second.npy"});
    Job job = Encoded(work, blobs);
    // buffer:u32 before the name's length and "second.npy".
    const std::string name = "\x0asecond.npy";
    const auto at = std::search(job.encoding.begin(), job.encoding.end(), name.begin(), name.end());
    *(at - 4) = 0;
    return job;
  }));
}

void AddBytes(std::vector<Case>& out) {
  out.push_back(Ends("of-no-bytes", Code::kMalformed, "no workload",
                     WithBytes([](Bytes& bytes) { bytes.assign(1, 0); })));
  out.push_back(Ends("cut-short", Code::kMalformed, "cut short",
                     WithBytes([](Bytes& bytes) { bytes.resize(bytes.size() - 1); })));
  out.push_back(Ends("with-bytes-behind", Code::kMalformed, "bytes follow",
                     WithBytes([](Bytes& bytes) { bytes.push_back(0); })));
  out.push_back(Ends("of-more-than-a-mebibyte", Code::kTooLarge, "bytes",
                     WithBytes([](Bytes& bytes) { bytes.resize((1 << 20) + 1); })));
  out.push_back(Ends("of-two-to-the-32-modules", Code::kMalformed, "out of range",
                     WithBytes([](Bytes& bytes) { std::fill_n(bytes.begin() + 16, 4, 0xff); })));
  out.push_back(Ends("of-noise", Code::kMalformed, "description", WithBytes([](Bytes& bytes) {
                       uint32_t state = 1;
                       for (size_t i = 8; i < bytes.size(); ++i) {
                         state = state * 1664525 + 1013904223;
                         bytes[i] = static_cast<uint8_t>(state >> 24);
                       }
                     })));
}

// An input of 250 words whose header says something else.
Job WithInput(const std::function<void(Bytes&)>& change) {
  std::vector<Bytes> blobs;
  Workload work = PlainWorkload(blobs);
  Bytes input = WriteNpy(DType::kU32, {250}, Bytes(1000, 1));
  change(input);
  work.buffers[0].input = BlobRef{Sha256(input), input.size()};
  blobs.push_back(input);
  return Encoded(work, blobs);
}

void AddInputs(std::vector<Case>& out) {
  const auto header = [&](const std::string& name, Code code, const std::string& from,
                          const std::string& to) {
    out.push_back(Ends("input-" + name, code, "buffer \"out\"", [=] {
      return WithInput([&](Bytes& input) {
        const auto at = std::search(input.begin(), input.end(), from.begin(), from.end());
        std::copy(to.begin(), to.end(), at);
      });
    }));
  };
  header("of-a-shape-that-is-no-tuple", Code::kMalformed, "(250,)", "(2500)");
  header("of-another-shape", Code::kMalformed, "(250,)", "(251,)");
  header("of-a-huge-shape", Code::kMalformed, "(250,), }      ", "(99999999999,)}");
  header("of-floats", Code::kMismatch, "<u4", "<f4");
  header("of-objects", Code::kUnsupported, "<u4", "|O8");
  header("of-big-endian-words", Code::kUnsupported, "<u4", ">u4");
  header("in-fortran-order", Code::kUnsupported, "False", "True ");
  header("without-its-magic", Code::kMalformed, "NUMPY", "numpy");
  out.push_back(Ends("input-whose-header-leads-behind-its-end", Code::kTooLarge, "buffer \"out\"",
                     [] { return WithInput([](Bytes& input) { input[8] = input[9] = 0xff; }); }));
  out.push_back(Ends("input-cut-short", Code::kMalformed, "buffer \"out\"",
                     [] { return WithInput([](Bytes& input) { input.resize(1000); }); }));
  out.push_back(Ends("input-that-does-not-come", Code::kNotFound, "sha256:", [] {
    Job job = WithInput([](Bytes&) {});
    job.blobs.pop_back();
    return job;
  }));
}

}  // namespace

std::vector<Case> WorkloadCases() {
  std::vector<Case> out;
  AddShapes(out);
  AddRepeats(out);
  AddLaunches(out);
  AddExpressions(out);
  AddOutputs(out);
  AddBytes(out);
  AddInputs(out);
  return out;
}

}  // namespace souk::gpu::hostile
