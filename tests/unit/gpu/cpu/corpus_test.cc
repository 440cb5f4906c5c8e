// How much of real CUDA the device runs: the instructions of 3,000 kernels (tests/data/ptx-*.csv)
// against the executor's own table.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "gpu/cpu/supported.h"

namespace souk::gpu::cpu_test {
namespace {

std::vector<std::vector<std::string>> ReadCsv(const std::string& name) {
  std::ifstream file(std::string(SOUK_SOURCE_DIR) + "/tests/data/" + name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(file, line);  // the header
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::stringstream stream(line);
    std::string field;
    while (std::getline(stream, field, ',')) fields.push_back(field);
    rows.push_back(fields);
  }
  return rows;
}

TEST(Corpus, InstructionsOfNearlyAllKernelsAreRun) {
  const auto opcodes = ReadCsv("ptx-opcodes.csv");
  const auto kernels = ReadCsv("ptx-kernels.csv");
  ASSERT_EQ(opcodes.size(), 677u);
  ASSERT_EQ(kernels.size(), 3000u);
  std::vector<std::string> why(opcodes.size());
  size_t run = 0;
  for (size_t i = 0; i < opcodes.size(); ++i) {
    const auto reason = cpu::WhyUnsupportedOperation(ptx::DecodeOperation(opcodes[i][0]));
    if (reason) why[i] = *reason;
    run += reason ? 0 : 1;
  }
  size_t supported = 0;
  std::map<std::string, int> blocking;
  for (const auto& kernel : kernels) {
    std::stringstream rows(kernel.at(2));
    size_t row = 0;
    bool all = true;
    while (rows >> row) {
      ASSERT_LT(row, opcodes.size());
      if (why[row].empty()) continue;
      all = false;
      ++blocking[opcodes[row][0] + ": " + why[row]];
    }
    supported += all ? 1 : 0;
  }
  std::cout << run << " of 677 instructions, " << supported << " of 3000 kernels\n";
  for (const auto& [name, count] : blocking) std::cout << "  " << count << " " << name << "\n";
  EXPECT_GE(supported, 2910u);  // 97 %
}

}  // namespace
}  // namespace souk::gpu::cpu_test
