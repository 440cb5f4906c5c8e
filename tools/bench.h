// One figure of souk-bench: what was measured beside its floor in the same run.
#pragma once

#include <optional>
#include <string>

namespace souk::bench {

struct BenchRow {
  std::string name;
  double value = 0;
  std::string unit;
  double floor = 0;  // 0: none could be measured here, and nothing is judged
  double ratio = 0;  // value / floor
  double target = 0;
  std::optional<bool> ok = {};  // the ratio meets the target
};

}  // namespace souk::bench
