// One random instruction of a program: operands that the operation takes, by the table of
// gpu/ptx/operands.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reference/program.h"

namespace souk::reference {

// Whether LineMaker knows operands for it.
bool CanMakeLine(const ptx::Operation& op);

class LineMaker {
 public:
  explicit LineMaker(sim::Rng& rng) : rng_(rng) {}

  // Appends the instruction, perhaps after one that it needs; nothing where the program has no
  // register left for its result.
  void Make(const ptx::Operation& op, std::vector<Line>& lines);

 private:
  bool Operands(const ptx::Operation& op, Line& line);
  std::optional<std::string> One(const ptx::Operation& op, char role, char type, size_t position,
                                 Line& line);
  std::optional<std::string> Destination(const ptx::Operation& op, ptx::Type wanted, Line& line);
  std::optional<std::string> Source(const ptx::Operation& op, ptx::Type wanted, Line& line);
  std::optional<std::string> Accessed(const ptx::Operation& op, bool store, Line& line);
  std::optional<std::string> Moved(const ptx::Operation& op, bool destination, Line& line);
  std::string Unpacked(const ptx::Operation& op, bool destination, Line& line);
  std::string Address(const ptx::Operation& op);
  std::string Selection(uint32_t ways);
  std::string ElementMask(uint32_t ways);
  void SimdVideo(const ptx::Operation& op, uint32_t ways, Line& line);
  void ScalarVideo(const ptx::Operation& op, Line& line);
  std::string Constant(ptx::Type wanted);
  std::string Guard(Line& line);

  // Registers that suit, without those in `taken`; nothing where there is none.
  std::optional<uint32_t> Pick(ptx::Type wanted, bool wider, const std::vector<uint32_t>& taken);
  std::string Use(uint32_t reg, Line& line);
  std::string Define(uint32_t reg, Line& line);

  sim::Rng& rng_;
  std::vector<uint32_t> approximate_ = {};  // those that hold a result by now
  bool carry_ = false;                      // an instruction without guard has set the flag
  bool no_guard_ = false;                   // the line being made stands without one
  bool unpacks_ = false;                    // the mov being made has a vector
};

}  // namespace souk::reference
