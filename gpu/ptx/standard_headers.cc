#include "gpu/ptx/standard_headers.h"

namespace souk::ptx {
namespace {

// Those that libcu++ has under the same name.
constexpr const char* kCpp[] = {
    "algorithm", "array",       "atomic",  "bit",        "bitset",           "cassert",  "cfloat",
    "chrono",    "climits",     "cmath",   "complex",    "concepts",         "cstddef",  "cstdint",
    "cstdlib",   "cstring",     "ctime",   "functional", "initializer_list", "iterator", "limits",
    "memory",    "new",         "numeric", "optional",   "ranges",           "ratio",    "span",
    "tuple",     "type_traits", "utility", "variant"};

// C's own names for some of them: what they declare stands outside std.
struct CRow {
  const char* name;
  const char* cpp;
};
constexpr CRow kC[] = {{"assert.h", "cassert"}, {"float.h", "cfloat"},   {"inttypes.h", "cstdint"},
                       {"limits.h", "climits"}, {"math.h", "cmath"},     {"stddef.h", "cstddef"},
                       {"stdint.h", "cstdint"}, {"stdlib.h", "cstdlib"}, {"string.h", "cstring"},
                       {"time.h", "ctime"},     {"cinttypes", "cstdint"}};

// What the C library's math.h has beside its functions (POSIX).
constexpr const char* kMathConstants = R"(#ifndef M_PI
#define M_E 2.7182818284590452354
#define M_LOG2E 1.4426950408889634074
#define M_LOG10E 0.43429448190325182765
#define M_LN2 0.69314718055994530942
#define M_LN10 2.30258509299404568402
#define M_PI 3.14159265358979323846
#define M_PI_2 1.57079632679489661923
#define M_PI_4 0.78539816339744830962
#define M_1_PI 0.31830988618379067154
#define M_2_PI 0.63661977236758134308
#define M_2_SQRTPI 1.12837916709551257390
#define M_SQRT2 1.41421356237309504880
#define M_SQRT1_2 0.70710678118654752440
#endif
#ifndef INFINITY
#define INFINITY (__builtin_huge_valf())
#endif
#ifndef NAN
#define NAN (__builtin_nanf(""))
#endif
#ifndef HUGE_VAL
#define HUGE_VAL (__builtin_huge_val())
#define HUGE_VALF (__builtin_huge_valf())
#endif
)";

// C17 5.2.4.2.2, for IEEE 754's formats.
constexpr const char* kFloatLimits = R"(#ifndef FLT_MAX
#define FLT_RADIX 2
#define FLT_MANT_DIG 24
#define DBL_MANT_DIG 53
#define FLT_DIG 6
#define DBL_DIG 15
#define FLT_DECIMAL_DIG 9
#define DBL_DECIMAL_DIG 17
#define FLT_MIN_EXP (-125)
#define DBL_MIN_EXP (-1021)
#define FLT_MIN_10_EXP (-37)
#define DBL_MIN_10_EXP (-307)
#define FLT_MAX_EXP 128
#define DBL_MAX_EXP 1024
#define FLT_MAX_10_EXP 38
#define DBL_MAX_10_EXP 308
#define FLT_MAX 3.40282346638528859812e+38F
#define DBL_MAX 1.79769313486231570815e+308
#define FLT_EPSILON 1.19209289550781250000e-7F
#define DBL_EPSILON 2.22044604925031308085e-16
#define FLT_MIN 1.17549435082228750797e-38F
#define DBL_MIN 2.22507385850720138309e-308
#define FLT_TRUE_MIN 1.40129846432481707092e-45F
#define DBL_TRUE_MIN 4.94065645841246544177e-324
#endif
)";

// The compiler itself knows printf and va_list. The driver's vprintf takes a generic address; what
// va_start gives is one of .local memory as it stands (PTX ISA 7.1.1, parameters whose address is
// taken), and one that has been made generic may come from elsewhere.
constexpr const char* kStandardIo = R"(#pragma once
extern "C" __device__ int vprintf(const char*, const void*);
__device__ inline int vprintf(const char* format, va_list arguments) {
  const void* generic = arguments;
  asm("{ .reg .pred is; isspacep.local is, %1; mov.b64 %0, %1; @!is cvta.local.u64 %0, %1; }"
      : "=&l"(generic) : "l"(arguments));
  return vprintf(format, generic);
}
)";

// libcu++ hides some from the compiler's own under __name_.
std::string CppHeader(const std::string& name) {
  std::string text = "#pragma once\n#if __has_include(<cuda/std/__" + name +
                     "_>)\n#include <cuda/std/__" + name + "_>\n#else\n#include <cuda/std/" + name +
                     ">\n#endif\nnamespace cuda { namespace std {} }\nnamespace std { using "
                     "namespace ::cuda::std; }\n";
  return text + (name == "cmath" ? kMathConstants : name == "cfloat" ? kFloatLimits : "");
}

}  // namespace

const std::vector<Header>& StandardHeaders() {
  static const auto* const headers = [] {
    auto* const made = new std::vector<Header>();
    for (const char* name : kCpp) {
      made->push_back({name, CppHeader(name)});
    }
    for (const CRow& row : kC) {
      made->push_back({row.name, "#pragma once\n#include <" + std::string(row.cpp) + ">\n"});
    }
    for (const char* name : {"stdarg.h", "stdbool.h", "stdalign.h", "cstdalign"}) {
      made->push_back({name, "#pragma once\n"});  // the compiler itself knows all of it
    }
    made->push_back({"cstdarg", "#pragma once\nnamespace std { using ::va_list; }\n"});
    made->push_back({"stdio.h", kStandardIo});
    made->push_back(
        {"cstdio",
         "#pragma once\n#include <stdio.h>\nnamespace std { using ::printf; using ::vprintf; }\n"});
    return made;
  }();
  return *headers;
}

}  // namespace souk::ptx
