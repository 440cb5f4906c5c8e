// What tests of the parser share: a module around a kernel's body, and what Parse says of it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "gpu/ptx/module.h"

namespace souk::ptx {

inline constexpr const char* kHeader = ".version 6.3\n.target sm_75\n.address_size 64\n";

inline std::string Kernel(const std::string& body) {
  return kHeader +
         (".visible .entry k(.param .u64 a, .param .align 8 .b8 s[12]) {\n" + body + "\n}");
}

inline Module Parsed(const std::string& text) {
  auto module = Parse(text);
  EXPECT_TRUE(module) << (module ? "" : module.error().message) << "\n" << text;
  return module ? std::move(*module) : Module{};
}

inline std::string Refusal(const std::string& text) {
  const auto module = Parse(text);
  return module ? "accepted" : module.error().message;
}

inline Code RefusalCode(const std::string& text, const Limits& limits = {}) {
  const auto module = Parse(text, limits);
  return module ? Code::kDuplicate : module.error().code;
}

}  // namespace souk::ptx
