// OpenCL kernels on one thread of PoCL: what souk-bench kernel compares with. The library is opened
// at run time; nothing here needs it to be there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::bench {

class OpenClDevice {
 public:
  struct Argument {
    int buffer = -1;  // what Allocate gave, else the scalar
    uint32_t scalar = 0;
  };

  // Builds the program. kUnavailable where there is no OpenCL, or no CPU device in it. Sets
  // POCL_MAX_PTHREAD_COUNT, which PoCL reads once per process.
  static Result<std::unique_ptr<OpenClDevice>> Open(const std::string& source);
  ~OpenClDevice();

  const std::string& name() const;
  Result<int> Allocate(ByteView contents);
  Status Read(int buffer, std::span<uint8_t> to);
  // Seconds from enqueuing to the end. global and local as OpenCL has them: items, not groups.
  Result<double> Run(const std::string& kernel, const std::vector<Argument>& arguments,
                     const std::vector<size_t>& global, const std::vector<size_t>& local);

 private:
  struct State;
  explicit OpenClDevice(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace souk::bench
