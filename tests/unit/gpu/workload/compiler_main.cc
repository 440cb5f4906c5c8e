// workload_compiler IN.cu OUT.ptx: what workloads/build runs. Canonical PTX for compute_75, as
// `souk compile` writes it.
#include <cstdio>
#include <filesystem>

#include "gpu/ptx/module.h"
#include "gpu/ptx/nvrtc.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

Status CompileFile(const std::filesystem::path& in, const std::filesystem::path& out) {
  ASSIGN_OR_RETURN(const Bytes source, ReadFile(in, 1 << 20));
  ASSIGN_OR_RETURN(const std::string text,
                   ptx::CompileCuda(AsText(source), {.name = in.filename().string()}));
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(text));
  ASSIGN_OR_RETURN(const ptx::Module module, ptx::Canonicalize(std::move(parsed)));
  return WriteFileAtomic(out, AsBytes(ptx::Write(module)));
}

}  // namespace
}  // namespace souk::gpu

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: workload_compiler IN.cu OUT.ptx\n");
    return 2;
  }
  const souk::Status done = souk::gpu::CompileFile(argv[1], argv[2]);
  if (!done) std::fprintf(stderr, "workload_compiler: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
