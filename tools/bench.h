// One figure of souk-bench (DESIGN section 9): what was measured beside its floor in the same run.
#pragma once

#include <string>

namespace souk::bench {

struct BenchRow {
  std::string name;
  double value = 0;
  std::string unit;
  double floor = 0;
  double ratio = 0;
  double target = 0;
  bool ok = false;
};

}  // namespace souk::bench
