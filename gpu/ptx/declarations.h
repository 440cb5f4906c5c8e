// What may be declared: types of variables and registers, prototypes, directives, pragmas. From PTX
// ISA 9.0 chapters 5 and 11; where ptxas (CUDA 13.0) and they differ, this is what ptxas takes.
#pragma once

#include <string>
#include <string_view>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// Where a declaration stands.
enum class Site : uint8_t { kModule, kFunction, kEntryParam, kFuncParam };

// Empty where a variable (a register: Space::kReg) may have the type there, else what is wrong.
std::string TypeFault(const Module& module, Space space, Site site, Type type, uint8_t vector);

// Empty where `again` may stand behind `before`, both of one name.
std::string RedeclarationFault(const Function& before, const Function& again);

// Whether parameters and return values are the same, but for their names.
bool SameTypes(const Function& a, const Function& b);

// Empty where `alias` may stand for `function`.
std::string AliasFault(const Function& alias, const Function& function);

// Empty where a function or kernel may have these directives.
std::string DirectivesFault(const Function& function);

// Where a .pragma stands.
enum class PragmaSite : uint8_t { kModule, kHeader, kBody };

// Empty where ptxas takes the pragma there; those that it does not know it skips in functions.
std::string PragmaFault(std::string_view pragma, PragmaSite site, bool is_entry);
// The .version that a pragma needs; `otherwise` where that cannot be told.
uint32_t PragmaVersion(std::string_view pragma, uint32_t otherwise);

}  // namespace souk::ptx
