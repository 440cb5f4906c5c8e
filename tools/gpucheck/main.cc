// The command line of souk-gpucheck. Read by hand, because the program is carried as one file and
// has a handful of options.
#include <cstdio>
#include <cstring>

#include "protocol/base/file.h"
#include "tools/gpucheck/check.h"

namespace {

constexpr char kHelp[] =
    R"(souk-gpucheck: whether this machine's GPUs compute as Souk's reference does

Runs every instruction family that the reference (device cpu) runs, over values
where instructions go wrong, on the reference and on each GPU, and compares: bit
for bit, or within the PTX ISA's bounds where an instruction is approximate.
Then times kernels against the same PTX launched by hand. Where there is no GPU,
the reference is compared with stored expectations, and the last line says so.

usage: souk-gpucheck [options]
  --device NAME          only this one: cuda:0, or cuda:UUID (a MIG instance
                         too); may be repeated; default: every GPU
  --family NAME          only this family; may be repeated
  --list                 print the families and stop
  --no-timing            do not time kernels
  --shrink N             time kernels on an N-th of the data
  --require-gpu          having no GPU is a failure
  --json                 one JSON document instead
  --print-expectations   the reference's results, in the form of
                         gpu/conformance/expected.inc
  --version              which version this is
  -h, --help             this text

exit status: 0 all is as it should be, 1 it is not, 2 the command line is wrong
)";

int Misuse(const std::string& why) {
  std::fprintf(stderr, "souk-gpucheck: %s; see --help\n", why.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  souk::tools::GpuCheckOptions options;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& one = arguments[i];
    if (one == "-h" || one == "--help") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (one == "--version") {
      std::printf("souk-gpucheck %s\n", SOUK_VERSION);
      return 0;
    }
    if (one == "--json") {
      options.json = true;
    } else if (one == "--list") {
      options.list = true;
    } else if (one == "--no-timing") {
      options.time = false;
    } else if (one == "--require-gpu") {
      options.require_gpu = true;
    } else if (one == "--print-expectations") {
      options.print_expectations = true;
    } else if (one == "--device" || one == "--family" || one == "--shrink") {
      if (++i == arguments.size()) return Misuse(one + " needs a value");
      const std::string& value = arguments[i];
      if (one == "--device") options.devices.push_back(value);
      if (one == "--family") options.families.push_back(value);
      if (one != "--shrink") continue;
      const bool number = !value.empty() && value.size() < 6 &&
                          value.find_first_not_of("0123456789") == std::string::npos;
      options.shrink = number ? static_cast<uint32_t>(std::stoul(value)) : 0;
      if (options.shrink == 0) return Misuse("--shrink takes a number from 1 to 99999");
    } else {
      return Misuse("unknown option " + one);
    }
  }
  return souk::tools::RunGpuCheck(options, SOUK_VERSION);
}
