#include "unit/gpu/ptx/verdicts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gpu/ptx/module.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::ptx {
namespace {

// CUDA 13's ptxas begins with sm_75.
std::string DeviceOf(const Header& header) {
  const std::string target = header.target;
  return target.size() == 5 && target < "sm_75" ? "sm_75" : target;
}

std::string Whole(const Header& header, const std::string& text) {
  return fmt::format(".version {}\n.target {}\n.address_size 64\n{}\n", header.version,
                     header.target, text);
}

// The canonical form, or why there is none.
Result<std::string> CanonicalOf(const std::string& text) {
  ASSIGN_OR_RETURN(Module module, Parse(text));
  ASSIGN_OR_RETURN(const Module canonical, Canonicalize(std::move(module)));
  return Write(canonical);
}

void ExpectRefused(const Header& header, const std::string& text) {
  const std::string whole = Whole(header, text);
  EXPECT_FALSE(CanonicalOf(whole)) << text;
  if (HavePtxas()) {
    EXPECT_NE(PtxasErrors(whole, DeviceOf(header)), "") << text;
  }
}

void ExpectTaken(const Header& header, const std::string& text) {
  const std::string whole = Whole(header, text);
  const auto canonical = CanonicalOf(whole);
  EXPECT_TRUE(canonical) << text << ": " << (canonical ? "" : canonical.error().message);
  if (!canonical) return;
  const auto again = CanonicalOf(*canonical);
  EXPECT_TRUE(again && *again == *canonical) << text << "\n" << *canonical;
  if (!HavePtxas()) return;
  EXPECT_EQ(PtxasErrors(whole, DeviceOf(header)), "") << text;
  EXPECT_EQ(PtxasErrors(*canonical, DeviceOf(header)), "") << text << "\n" << *canonical;
}

std::string InKernel(const std::string& line) {
  return ".global .align 16 .b8 gv[64]; .shared .align 16 .b8 sv[64]; .const .align 16 .b8 "
         "cv[64];\n"
         ".visible .entry k(.param .u64 kp) {\n"
         ".reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<8>; .reg .b64 %l<8>; .reg .f32 %f<8>;\n"
         ".reg .f64 %d<4>; .local .align 16 .b8 lv[64]; .param .align 16 .b8 pv[64];\n" +
         line + "; ret; }";
}

}  // namespace

void ExpectModules(const Header& header, const std::vector<std::string>& bad,
                   const std::vector<std::string>& good) {
  for (const std::string& text : bad) ExpectRefused(header, text);
  for (const std::string& text : good) ExpectTaken(header, text);
}

void ExpectInstructions(const Header& header, const std::vector<std::string>& bad,
                        const std::vector<std::string>& good) {
  for (const std::string& line : bad) ExpectRefused(header, InKernel(line));
  for (const std::string& line : good) ExpectTaken(header, InKernel(line));
}

}  // namespace souk::ptx
