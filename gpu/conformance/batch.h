// From forms to modules: forms that read the same columns share a kernel.
#pragma once

#include "gpu/conformance/forms.h"

namespace souk::gpu::conformance {

// One module for each family and target, so that a GPU runs what its architecture has.
std::vector<Module> BatchForms(std::vector<FormCase> forms);

// ".version 6.0 .target sm_50 .address_size 64", for a text that needs these.
std::string ModuleHeader(uint32_t version, uint32_t target);
// The register type that holds values of a type: "b32".
std::string RegisterType(ptx::Type type);

}  // namespace souk::gpu::conformance
