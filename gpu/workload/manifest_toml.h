// A TOML file as a manifest is read from it: places in it, and typed values there. Every error
// names file, line and key: "workload.toml:12: launch[2].args[1]: is not an integer".
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace souk::gpu {

// A TOML node, and how a person would name it: "launch[2].args[1]".
struct TomlPlace {
  const toml::node* node = nullptr;  // nullptr where the key is absent
  std::string name = {};
};

// What a reader of a file derives from. Tables that are passed are tables.
class TomlReader {
 protected:
  using Place = TomlPlace;

  explicit TomlReader(const std::filesystem::path& path) : path_(path) {}

  const std::filesystem::path& file() const { return path_; }

  Error Wrong(const Place& at, const std::string& what, Code code = Code::kInvalidArgument) const;
  Error Wrong(const Place& at, const Error& error) const;

  static Place Child(const Place& table, const char* key) {
    return {table.node->as_table()->get(key), (table.name.empty() ? "" : table.name + ".") + key};
  }

  // kInvalidArgument where the table has another key.
  Status OnlyKeys(const Place& at, std::initializer_list<std::string_view> keys) const;

  // Calls use(table) for each of an array of tables; none where the key is absent.
  template <typename F>
  Status Each(const Place& table, const char* key, F use) const {
    const Place list = Child(table, key);
    if (list.node == nullptr) return Ok();
    const toml::array* items = list.node->as_array();
    if (items == nullptr) return Wrong(list, std::string("write it as [[") + list.name + "]]");
    for (size_t i = 0; i < items->size(); ++i) {
      const Place item{&(*items)[i], list.name + "[" + std::to_string(i + 1) + "]"};
      if (!item.node->is_table()) return Wrong(item, "is not a table");
      RETURN_IF_ERROR(use(item));
    }
    return Ok();
  }

  // Of a place whose node is there.
  Result<std::string> TextOf(const Place& at) const;
  Result<uint64_t> WholeOf(const Place& at) const;  // not negative

  // Of a table's key; `otherwise` where it is absent.
  Result<std::string> Text(const Place& table, const char* key, const std::string& otherwise) const;
  Result<uint64_t> Whole(const Place& table, const char* key, uint64_t otherwise) const;
  Result<bool> Flag(const Place& table, const char* key, bool otherwise) const;
  // A number, or text with a unit.
  Result<uint64_t> WithUnit(const Place& table, const char* key, uint64_t otherwise,
                            Result<uint64_t> (*parse)(std::string_view)) const;

 private:
  const std::filesystem::path path_;
};

}  // namespace souk::gpu
