#include "gpu/ptx/forms.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gpu/ptx/forms_table.h"

namespace souk::ptx {
namespace {

struct Slot {
  std::vector<std::string_view> members;
  bool optional = false;
  bool is_type = false;  // types match in order; all else in any order
};

struct Form {
  std::vector<Slot> slots;
  std::vector<std::string_view> open = {};  // "*$SET"
  Requirement requirement;
};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

void AddMembers(std::string_view alternatives, std::vector<std::string_view>& members) {
  for (std::string_view part : Split(alternatives, '|')) {
    if (part[0] != '$') {
      members.push_back(part);
      continue;
    }
    for (const SetRow& set : kSets) {
      if (set.name == part) AddMembers(set.members, members);
    }
  }
}

Slot ParseSlot(std::string_view text) {
  Slot slot;
  if (text.back() == '?') {
    slot.optional = true;
    text.remove_suffix(1);
  }
  AddMembers(text, slot.members);
  slot.is_type = FindType(slot.members.front()) != Type::kNone;
  return slot;
}

std::map<Opcode, std::vector<Form>> ParseTable() {
  std::map<Opcode, std::vector<Form>> table;
  for (const FormRow& row : kForms) {
    const std::vector<std::string_view> words = Split(row.form, ' ');
    Form form;
    form.requirement = {row.version, row.target, row.version != kAsWritten};
    for (size_t i = 1; i < words.size(); ++i) {
      if (words[i][0] == '*') {
        AddMembers(words[i].substr(1), form.open);
      } else {
        form.slots.push_back(ParseSlot(words[i]));
      }
    }
    table[FindOpcode(words[0])].push_back(std::move(form));
  }
  return table;
}

const std::map<Opcode, std::vector<Form>>& Table() {
  static const auto* const table = new std::map<Opcode, std::vector<Form>>(ParseTable());
  return *table;
}

bool Contains(const Slot& slot, std::string_view modifier) {
  return std::find(slot.members.begin(), slot.members.end(), modifier) != slot.members.end();
}

// The first slot that is free and takes the modifier; slots.size() where there is none.
size_t FindSlot(const Form& form, const std::vector<bool>& used, std::string_view modifier) {
  const bool is_type = FindType(modifier) != Type::kNone;
  for (size_t i = 0; i < form.slots.size(); ++i) {
    if (used[i] || form.slots[i].is_type != is_type) continue;
    if (Contains(form.slots[i], modifier)) return i;
    if (is_type && !form.slots[i].optional) break;
  }
  return form.slots.size();
}

// Types go with whatever is open; else each of its words once, but for the layouts of two matrices.
bool IsOpenTo(const Form& form, std::span<const std::string_view> before,
              std::string_view modifier) {
  if (form.open.empty()) return false;
  if (FindType(modifier) != Type::kNone) return true;
  const bool may_repeat = modifier == "row" || modifier == "col";
  if (!may_repeat && std::find(before.begin(), before.end(), modifier) != before.end())
    return false;
  return std::any_of(form.open.begin(), form.open.end(), [&](std::string_view word) {
    return word.back() == '*' ? modifier.starts_with(word.substr(0, word.size() - 1))
                              : word == modifier;
  });
}

bool Matches(const Form& form, std::span<const std::string_view> modifiers) {
  std::vector<bool> used(form.slots.size(), false);
  for (size_t i = 0; i < modifiers.size(); ++i) {
    const size_t slot = FindSlot(form, used, modifiers[i]);
    if (slot < form.slots.size()) {
      used[slot] = true;
    } else if (!IsOpenTo(form, modifiers.first(i), modifiers[i])) {
      return false;
    }
  }
  for (size_t i = 0; i < form.slots.size(); ++i) {
    if (!used[i] && !form.slots[i].optional) return false;
  }
  return true;
}

template <typename E, size_t n>
E FindByName(const std::array<std::pair<std::string_view, E>, n>& rows, std::string_view name) {
  const auto at =
      std::lower_bound(rows.begin(), rows.end(), name,
                       [](const auto& row, std::string_view key) { return row.first < key; });
  return at != rows.end() && at->first == name ? at->second : E{};
}

template <typename Rows>
Rows Sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

#define X(name, text, ...) 1 +
constexpr size_t kTypeCount = SOUK_PTX_TYPES(X) 0;
constexpr size_t kOpcodeCount = SOUK_PTX_OPCODES(X) 0;
#undef X

}  // namespace

Opcode FindOpcode(std::string_view mnemonic) {
  using Row = std::pair<std::string_view, Opcode>;
  static const auto* const rows =
      new std::array<Row, kOpcodeCount>(Sorted(std::array<Row, kOpcodeCount>{
#define X(name, text) Row{text, Opcode::name},
          SOUK_PTX_OPCODES(X)
#undef X
      }));
  return FindByName(*rows, mnemonic);
}

Type FindType(std::string_view name) {
  using Row = std::pair<std::string_view, Type>;
  static const auto* const rows =
      new std::array<Row, kTypeCount>(Sorted(std::array<Row, kTypeCount>{
#define X(type, text, bits) Row{text, Type::type},
          SOUK_PTX_TYPES(X)
#undef X
      }));
  return FindByName(*rows, name);
}

std::vector<std::string> Spellings(Opcode opcode) {
  std::vector<std::string> all;
  std::set<std::string> seen;
  const auto at = Table().find(opcode);
  if (at == Table().end()) return all;
  for (const Form& form : at->second) {
    if (!form.open.empty()) continue;
    std::vector<std::string> spellings = {OpcodeName(opcode)};
    for (const Slot& slot : form.slots) {
      std::vector<std::string> longer;
      for (const std::string& spelling : spellings) {
        if (slot.optional) longer.push_back(spelling);
        for (const std::string_view member : slot.members) {
          longer.push_back(spelling + "." + std::string(member));
        }
      }
      spellings = std::move(longer);
    }
    for (std::string& spelling : spellings) {
      if (seen.insert(spelling).second) all.push_back(std::move(spelling));
    }
  }
  return all;
}

FormMatch MatchForm(Opcode opcode, std::span<const std::string_view> modifiers) {
  FormMatch match;
  const auto at = Table().find(opcode);
  if (opcode == Opcode::kUnknown || at == Table().end()) return match;
  match.opcode_known = true;
  for (const Form& form : at->second) {
    if (!Matches(form, modifiers)) continue;
    match.form_known = true;
    match.requirement = form.requirement;
    break;
  }
  for (std::string_view modifier : modifiers) {
    for (const ModifierRow& row : kModifiers) {
      if (row.modifier != modifier) continue;
      match.requirement.version = std::max<uint32_t>(match.requirement.version, row.version);
      match.requirement.target = std::max<uint32_t>(match.requirement.target, row.target);
    }
  }
  return match;
}

}  // namespace souk::ptx
