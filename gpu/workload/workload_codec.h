// The one binary form of a workload. Its SHA-256 is the workload's digest, so each value has
// exactly one encoding, and whatever decodes encodes to the same bytes again.
//
// Integers are little-endian. str8, str16: length as u8, u16, then bytes. list T: count as u32,
// then the items; a count that the bytes left could not hold is refused before anything is
// allocated.
//
//   workload = "soukwkl1" name:str8 modules:list blob buffers:list buffer steps:list step
//              outputs:list output limits commit_interval:u64 (top bit: states are kept)
//   blob     = digest:32 bytes:u64
//   buffer   = name:str8 dtype:u8 rank:u8 dimension:u64 × rank
//              initial:u8 (0 cleared | 1 blob | 2 element: bytes × the dtype's width)
//   step     = 1 launch | 2 loop | 3 launch, cooperative
//   launch   = module:u32 kernel:str16 grid:u32×3 block:u32×3 shared:u32 arguments:list argument
//   argument = 1 buffer:u32 expression | 2 width:u8 signed:u8 expression | 3 width:u8 expression
//            | 4 raw:str16
//   loop     = count:u64 swaps:list (u32 u32) body:list step
//   expression = list (op:u8 operand:u64, which is there for ops that have one)
//   output   = buffer:u32 file:str8 image:str8
//   limits   = memory_bytes:u64 milliseconds:u64 thread_instructions:u64
#pragma once

#include "gpu/workload/workload.h"

namespace souk::gpu {

// The workload must pass CheckWorkload; kTooLarge where the encoding exceeds kMaxWorkloadBytes.
Result<Bytes> EncodeWorkload(const Workload& workload);

// Strict: trailing bytes, unknown tags and anything CheckWorkload refuses are errors.
Result<Workload> DecodeWorkload(ByteView bytes);

}  // namespace souk::gpu
