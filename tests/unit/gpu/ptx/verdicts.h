// What the parser and ptxas both say of a module.
#pragma once

#include <string>
#include <vector>

namespace souk::ptx {

struct Header {
  const char* version = "9.0";
  const char* target = "sm_90";
};

// Each text alone, behind the header: the parser and, where there is one, ptxas refuse all of `bad`
// and take all of `good`, and what the canonicaliser writes of these too.
void ExpectModules(const Header& header, const std::vector<std::string>& bad,
                   const std::vector<std::string>& good);

// The same of instructions, in a kernel that declares %p0 … %p3, %h, %r, %l, %f, %d (.pred, .b16,
// .b32, .b64, .f32, .f64), and variables gv, sv, cv, lv, pv of 64 bytes (.global, .shared, .const,
// .local, .param); kp is the kernel's parameter, of 64 bits.
void ExpectInstructions(const Header& header, const std::vector<std::string>& bad,
                        const std::vector<std::string>& good);

}  // namespace souk::ptx
