// Names in scope while a module is parsed (ISA 9.0 section 5.4 and chapter 11.5.2 for "name<n>").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "gpu/ptx/operation.h"

namespace souk::ptx {

enum class SymbolKind : uint8_t {
  kRegister,          // index: Function::registers, kNone until it is first used
  kModuleVariable,    // index: Module::variables
  kFunctionVariable,  // index: Function::variables
  kFunction,          // index: Module::functions
};

struct Symbol {
  SymbolKind kind = SymbolKind::kRegister;
  uint32_t index = UINT32_MAX;
  Type type = Type::kNone;  // of kRegister
  uint8_t vector = 1;
  uint32_t depth = 0;     // set by Names
  bool in_range = false;  // set by Names: one of a range
};

// Keys are views into the module's text, which outlives this.
// Ordered maps, as hostile names could make a hash table slow.
class Names {
 public:
  Names() : undo_(1) {}

  void Enter() { undo_.emplace_back(); }
  void Leave();
  size_t depth() const { return undo_.size() - 1; }
  size_t size() const { return symbols_.size() + ranges_.size(); }

  // False where the scope has that name already, be it as one of a range.
  bool Declare(std::string_view name, Symbol symbol);
  // prefix0 … prefix(count-1), all registers of one type. False where the scope has the range or
  // one of its names already.
  bool DeclareRange(std::string_view prefix, uint32_t count, Type type, uint8_t vector);
  // Whether the innermost scope declares the name, singly.
  bool IsDeclaredHere(std::string_view name) const;

  // nullptr where there is none. Valid until the next call of anything here.
  Symbol* Find(std::string_view name);

 private:
  struct Range {
    uint32_t count = 0;
    Type type = Type::kNone;
    uint8_t vector = 1;
    uint32_t depth = 0;
  };
  struct Undo {
    std::vector<std::pair<std::string_view, std::optional<Symbol>>> symbols = {};
    std::vector<std::pair<std::string_view, std::optional<Range>>> ranges = {};
    // The least number that the scope declares singly behind a prefix: "%r3" and "%r7" give %r 3.
    std::map<std::string_view, uint32_t> least = {};
    bool has_ranges = false;
  };

  const Range* FindRange(std::string_view name) const;
  void Put(std::string_view name, const Symbol& symbol);

  std::map<std::string_view, Symbol> symbols_;
  std::map<std::string_view, Range> ranges_;
  std::vector<Undo> undo_;  // one per open scope; [0] is the module's
};

}  // namespace souk::ptx
