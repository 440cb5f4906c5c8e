#include "hostile/measure.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace souk::gpu::hostile {

Resident ResidentOf(pid_t pid) {
  Resident out;
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(file, line)) {
    const size_t digits = line.find_first_of("0123456789");
    if (line.starts_with("VmRSS:")) out.now_kib = std::strtoull(line.c_str() + digits, nullptr, 10);
    if (line.starts_with("VmHWM:"))
      out.peak_kib = std::strtoull(line.c_str() + digits, nullptr, 10);
  }
  return out;
}

bool ForgetOwnPeak() {
  ::malloc_trim(0);
  std::ofstream file("/proc/self/clear_refs");
  file << "5";
  file.flush();
  return file.good();
}

void Tally::Add(const std::string& name, const std::string& ended, uint64_t peak_kib, uint64_t ms) {
  ++count_;
  total_ms_ += ms;
  ++ends_[ended];
  if (peak_kib > memory_.value) memory_ = {name, peak_kib};
  if (ms > time_.value) time_ = {name, ms};
}

void Tally::Print(const std::string& title) const {
  std::printf("%s: %zu cases in %.1f s\n", title.c_str(), count_,
              static_cast<double>(total_ms_) / 1000);
  for (const auto& [ended, count] : ends_) std::printf("  %-18s %zu\n", ended.c_str(), count);
  std::printf("  most memory        %.1f MiB (%s)\n", static_cast<double>(memory_.value) / 1024,
              memory_.name.c_str());
  std::printf("  slowest            %llu ms (%s)\n", static_cast<unsigned long long>(time_.value),
              time_.name.c_str());
}

}  // namespace souk::gpu::hostile
