// A slow, obvious interpreter of straight-line PTX, for comparison with the cpu device: one thread
// at a time, one instruction at a time, a switch over opcodes. It uses gpu/ptx's parser and
// operations, and nothing of gpu/cpu. Semantics by the PTX ISA 9.0, whose sections the rules cite.
//
// Straight-line: no branch, call or barrier; ret and exit end the thread. Memory: parameters,
// .const and .local and .shared variables, and the global ranges that the launch names. As threads
// run one after the other, a program's threads must not touch each other's memory.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu/ptx/module.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "reference/approximate.h"

namespace souk::reference {

// Nothing where the reference runs the operation, else why not.
std::optional<std::string> WhyNot(const ptx::Operation& op);

struct Extent {
  uint32_t x = 1;
  uint32_t y = 1;
  uint32_t z = 1;
};

// Bytes that kernels see at an address. Not owned.
struct GlobalRange {
  uint64_t address = 0;
  std::span<uint8_t> bytes = {};
};

struct Launch {
  Extent grid = {};
  Extent block = {};
  Bytes params = {};
  std::vector<GlobalRange> globals = {};
};

// A store of a result that the ISA only bounds: the bytes at `address` are whatever Accepts takes.
// Such a result may be stored whole and used in no other way.
struct BoundedStore {
  uint64_t address = 0;
  uint32_t bytes = 0;
  Bounded bounded = {};
};

// Runs all threads of the grid; returns the bounded stores. kUnsupported for what is not
// straight-line or not known, kFault for an access outside memory or not aligned.
Result<std::vector<BoundedStore>> Run(const ptx::Module& module, const ptx::Function& kernel,
                                      const Launch& launch);

}  // namespace souk::reference
