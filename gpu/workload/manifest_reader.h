// From a TOML table to a Manifest (manifest.h): one pass, a function for each kind of table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/workload/manifest.h"
#include "gpu/workload/manifest_toml.h"

namespace souk::gpu {

// Reads once. Modules and buffers are read before the launches that name them.
class ManifestReader : private TomlReader {
 public:
  explicit ManifestReader(const std::filesystem::path& path) : TomlReader(path) {}

  Result<Manifest> Read(const toml::table& top);

 private:
  Workload& workload() { return manifest_.workload; }

  // manifest.cc: [limits], [market], and what no single key shows
  Status ReadLimits(const Place& root);
  Result<uint64_t> Duration(const Place& table, const char* key, uint64_t otherwise) const;
  Status ReadMarket(const Place& root);
  Status CheckResolved();

  // manifest_modules.cc
  Result<Bytes> ReadBeside(const Place& at, const std::string& name, size_t most) const;
  Status ReadModule(const Place& at);
  Status ReadVariables(const Place& at, ptx::Module& module) const;
  Result<std::string> Compile(const Place& at, const Place& path, const std::string& name,
                              const std::string& source) const;

  // manifest_buffers.cc
  Status ReadBuffer(const Place& at);
  Result<std::optional<DType>> ReadDType(const Place& table) const;
  Result<std::optional<std::vector<uint64_t>>> ReadShape(const Place& table) const;
  Status ReadInput(const Place& table, const std::optional<DType>& dtype,
                   const std::optional<std::vector<uint64_t>>& shape, Buffer& buffer);
  Status ReadFill(const Place& table, Buffer& buffer) const;
  Status ReadOutput(const Place& table, uint32_t buffer);
  std::optional<uint32_t> FindBuffer(const std::string& name);
  Result<uint32_t> BufferNamed(const Place& at);

  // manifest_launches.cc
  Status ReadStep(const Place& at, std::vector<Step>& out, size_t depth);
  Status ReadRepeat(const Place& at, Loop& loop);
  Status ReadSwaps(const Place& at, Loop& loop);
  Status ReadLaunch(const Place& at, std::vector<Step>& out);
  Result<uint32_t> FindModule(const Place& at, const std::string& kernel) const;
  std::string NoKernel(const std::string& kernel) const;
  Result<Dim3> ReadDim(const Place& table, const char* key) const;
  Status ReadArguments(const Place& table, const ptx::Function& kernel, KernelLaunch& launch);
  Result<Argument> ReadArgument(const Place& at, const ptx::Variable* parameter);
  Result<Argument> BareNumber(const Place& at, const ptx::Variable* parameter) const;
  Result<Argument> PointerWithOffset(const Place& at);
  Result<Argument> RawBytes(const Place& at) const;
  Result<Argument> TypedScalar(const Place& at) const;
  Status ReadValue(const Place& at, Expression& out) const;

  Manifest manifest_;
  std::vector<ptx::Module> modules_;
  std::vector<std::string> module_names_;
  std::vector<std::string> variables_;  // of the loops around the step being read
  size_t steps_ = 0;
};

}  // namespace souk::gpu
