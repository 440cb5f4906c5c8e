#include "gpu/ptx/targets.h"

#include <algorithm>
#include <iterator>

namespace souk::ptx {
namespace {

constexpr uint32_t kVersions[] = {60, 61, 62, 63, 64, 65, 70, 71, 72, 73, 74, 75, 76,
                                  77, 78, 80, 81, 82, 83, 84, 85, 86, 87, 88, 90};

struct TargetRow {
  uint32_t target;
  uint32_t plain;
  uint32_t with_a = 0;  // sm_90a; 0: there is none
  uint32_t with_f = 0;
};
constexpr TargetRow kTargets[] = {
    {50, 60},          {52, 60},          {53, 60},          {60, 60},          {61, 60},
    {62, 60},          {70, 60},          {72, 61},          {75, 63},          {80, 70},
    {86, 71},          {87, 74},          {88, 90},          {89, 78},          {90, 78, 80},
    {100, 86, 86, 88}, {101, 86, 86, 88}, {103, 88, 88, 88}, {110, 90, 90, 90}, {120, 87, 87, 88},
    {121, 88, 88, 88}};

}  // namespace

bool IsVersion(uint32_t version) {
  return std::binary_search(std::begin(kVersions), std::end(kVersions), version);
}

uint32_t FirstVersionWith(uint32_t target, std::string_view suffix) {
  for (const TargetRow& row : kTargets) {
    if (row.target != target) continue;
    if (suffix.empty()) return row.plain;
    return suffix == "a" ? row.with_a : suffix == "f" ? row.with_f : 0;
  }
  return 0;
}

uint32_t MostStaticShared(uint32_t target, std::string_view suffix) {
  if (suffix != "a") return 48 * 1024;
  return target < 120 ? 227 * 1024 : 99 * 1024;
}

}  // namespace souk::ptx
