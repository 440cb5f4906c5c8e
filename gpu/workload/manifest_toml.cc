#include "gpu/workload/manifest_toml.h"

#include <algorithm>

namespace souk::gpu {

Error TomlReader::Wrong(const Place& at, const std::string& what, Code code) const {
  const uint32_t line = at.node != nullptr ? at.node->source().begin.line : 0;
  std::string where = path_.string();
  if (line > 0) where += ":" + std::to_string(line);
  if (!at.name.empty()) where += ": " + at.name;
  return Error(code, where + ": " + what);
}

Error TomlReader::Wrong(const Place& at, const Error& error) const {
  return Wrong(at, error.message, error.code);
}

Status TomlReader::OnlyKeys(const Place& at, std::initializer_list<std::string_view> keys) const {
  for (const auto& entry : *at.node->as_table()) {
    const std::string_view key = entry.first.str();
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    std::string known;
    for (const std::string_view k : keys) known += (known.empty() ? "" : ", ") + std::string(k);
    return Wrong({&entry.second, at.name},
                 "unknown key \"" + std::string(key) + "\"; known are " + known);
  }
  return Ok();
}

Result<std::string> TomlReader::TextOf(const Place& at) const {
  const auto* text = at.node->as_string();
  if (text == nullptr) return Wrong(at, "is not a string");
  return text->get();
}

Result<std::string> TomlReader::Text(const Place& table, const char* key,
                                     const std::string& otherwise) const {
  const Place at = Child(table, key);
  if (at.node == nullptr) return otherwise;
  return TextOf(at);
}

Result<uint64_t> TomlReader::WholeOf(const Place& at) const {
  const auto* value = at.node->as_integer();
  if (value == nullptr) return Wrong(at, "is not an integer");
  if (value->get() < 0) return Wrong(at, "is negative");
  return static_cast<uint64_t>(value->get());
}

Result<uint64_t> TomlReader::Whole(const Place& table, const char* key, uint64_t otherwise) const {
  const Place at = Child(table, key);
  if (at.node == nullptr) return otherwise;
  return WholeOf(at);
}

Result<bool> TomlReader::Flag(const Place& table, const char* key, bool otherwise) const {
  const Place at = Child(table, key);
  if (at.node == nullptr) return otherwise;
  const auto* value = at.node->as_boolean();
  if (value == nullptr) return Wrong(at, "is neither true nor false");
  return value->get();
}

Result<uint64_t> TomlReader::WithUnit(const Place& table, const char* key, uint64_t otherwise,
                                      Result<uint64_t> (*parse)(std::string_view)) const {
  const Place at = Child(table, key);
  if (at.node == nullptr) return otherwise;
  if (!at.node->is_string()) return WholeOf(at);
  Result<uint64_t> value = parse(at.node->as_string()->get());
  if (!value) return Wrong(at, value.error());
  return value;
}

}  // namespace souk::gpu
