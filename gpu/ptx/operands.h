// Which operands each instruction takes: how many, of what kind, in registers of what type.
#pragma once

#include <span>
#include <string>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// Empty where the operands suit the operation as the ISA's syntax boxes and section 9.2 ("Type
// information for instructions and operands") say and ptxas enforces, else what is wrong ("operand
// 2 must be an address"). What passes can be decoded without looking again: counts, kinds, register
// sizes and vector lengths are right. Families whose operands are not tabled (wgmma, sparse mma,
// textures, bulk copies, …) pass unseen.
std::string OperandFault(const Operation& operation, const Module& module, const Function& function,
                         std::span<const Operand> operands, bool guarded);

bool HasBf16(const Operation& operation);  // as its first or second type
bool IsVideo(Opcode opcode);               // vadd … vset4
uint32_t VideoWays(Opcode opcode);  // of a video instruction: 1, or 2 or 4 elements in a register
// What Check of OperandFault does not see of them: selectors, signs. `operands` has passed that.
std::string VideoOperandFault(const Operation& operation, std::span<const Operand> operands);

// One word per operand, a role and a type; "?" before it: may be absent. nullptr where operands are
// not tabled, and for call.
//   Role: D destination register; G destination register or _; N _; Q destination, or
//   destination|p;
//         P destination|p;
//         E setp's p or p|q; S source; A address; V what ld writes; W what st reads; M what mov
//         takes (registers, vectors, addresses); L label; B branch table; I integer constant;
//         X a matrix in registers, whose type says which (matrix.h).
//   Type: t, u: the operation's first, second type; w twice as wide as t; 1 a predicate; 3 any type
//         of 32 bits; 5, 4, 6 a number of 16, 32, 64 bits; 8 one of 32 bits or a constant up to
//         255; b, c a barrier's number, its count of threads; d small numbers packed in 32 bits; f
//         a fraction up to 1; h a cache policy; m a bulk copy's bytes; n a number of 32 bits above
//         0; p a pointer; r a predicate, no constant; v a video instruction's 32 bits; y 0,
//         1 or a register of 32 bits; z how much cp.async reads; x anything.
const char* OperandSignature(const Operation& operation);

}  // namespace souk::ptx
