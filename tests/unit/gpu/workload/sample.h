// A workload that uses every part of the format, for tests of what reads workloads. Its blobs are
// named, not there.
#pragma once

#include "gpu/workload/workload.h"

namespace souk::gpu {

inline constexpr char kSampleDigest[] =
    "83ca3d7a5300ca4e5dfa8a765ffef98b7897b79ecc5ce8f8c309de8fe64e1387";

inline Step LaunchStep(KernelLaunch launch) {
  Step step;
  step.launch = std::move(launch);
  return step;
}

inline Workload SampleWorkload() {
  Workload w;
  w.name = "sample";
  w.modules = {BlobRef{Sha256(AsBytes("module")), 6}};
  w.buffers = {Buffer{.name = "a",
                      .dtype = DType::kF32,
                      .shape = {16, 4},
                      .input = BlobRef{Sha256(AsBytes("input")), 384}},
               Buffer{.name = "b", .dtype = DType::kF32, .shape = {16, 4}},
               Buffer{.name = "picture", .dtype = DType::kU8, .shape = {8, 8, 3}, .fill = Bytes{7}},
               Buffer{.name = "scalar", .dtype = DType::kI64, .fill = Bytes(8, 0xff)}};
  KernelLaunch init{.module = 0,
                    .kernel = "init",
                    .grid = {2, 3, 4},
                    .block = {32, 2, 1},
                    .dynamic_shared_bytes = 1024};
  init.arguments = {
      Argument{.kind = ArgumentKind::kPointer, .buffer = 2, .value = Expression::Integer(3)},
      Argument{.kind = ArgumentKind::kInteger,
               .width = 2,
               .is_signed = true,
               .value = Expression::Integer(-5)},
      Argument{.kind = ArgumentKind::kFloat, .width = 4, .value = Expression::Float(0.25)},
      Argument{.kind = ArgumentKind::kRaw, .raw = Bytes{1, 2, 3}}};
  KernelLaunch step{.module = 0, .kernel = "step", .grid = {1, 1, 1}, .block = {16, 1, 1}};
  // a, b, inner + 10 * outer, 1 / (1 + outer)
  step.arguments = {
      Argument{.kind = ArgumentKind::kPointer, .buffer = 0, .value = Expression::Variable(1)},
      Argument{.kind = ArgumentKind::kPointer, .buffer = 1, .value = Expression::Integer(0)},
      Argument{.kind = ArgumentKind::kInteger,
               .width = 4,
               .value = Expression{.steps = {{ExprOp::kVariable, 1},
                                             {ExprOp::kInt, 10},
                                             {ExprOp::kVariable, 0},
                                             {ExprOp::kMul, 0},
                                             {ExprOp::kAdd, 0}}}},
      Argument{.kind = ArgumentKind::kFloat,
               .width = 8,
               .value = Expression{.steps = {{ExprOp::kInt, 1},
                                             {ExprOp::kInt, 1},
                                             {ExprOp::kVariable, 0},
                                             {ExprOp::kAdd, 0},
                                             {ExprOp::kDiv, 0}}}}};
  Loop inner{.count = 3, .swaps = {{0, 1}}, .body = {LaunchStep(step)}};
  Step inner_step;
  inner_step.loop = inner;
  Loop outer{.count = 2, .swaps = {{0, 1}}, .body = {inner_step}};
  Step outer_step;
  outer_step.loop = outer;
  w.steps = {LaunchStep(init), outer_step};
  w.outputs = {Output{.buffer = 0, .file = "a.npy"},
               Output{.buffer = 2, .file = "picture.npy", .image = "picture.png"}};
  w.limits = {1 << 20, 1000, 1'000'000};
  w.commit_interval = 2;
  return w;
}

}  // namespace souk::gpu
