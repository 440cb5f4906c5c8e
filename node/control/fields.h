// Reads the fields of a control request: typed, and none that is not known.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "protocol/messages.h"

namespace souk::node::control {

// After the first wrong field every read gives nothing, and Done says what was wrong.
class Fields {
 public:
  explicit Fields(const nlohmann::json& object) : object_(object) { seen_.insert("do"); }

  std::optional<std::string> Text(const char* name);
  std::optional<int64_t> Integer(const char* name);  // not negative
  std::optional<bool> Flag(const char* name);
  std::optional<Digest> Id(const char* name);
  std::optional<std::vector<Digest>> Ids(const char* name, size_t most);
  std::optional<PublicKey> Key(const char* name);
  std::optional<BlobRef> Blob(const char* name);
  std::optional<std::vector<BlobRef>> Blobs(const char* name);

  // The same, and missing is wrong.
  template <typename T>
  T Need(const char* name, std::optional<T> value) {
    if (!value) Fail(name, "is missing");
    return value ? std::move(*value) : T{};
  }

  // kInvalidArgument for the first field that was wrong, or one that nobody asked for.
  Status Done() const;

 private:
  const nlohmann::json* Find(const char* name);
  void Fail(const char* name, const std::string& why);
  static std::optional<BlobRef> ReadBlob(const nlohmann::json& value);

  const nlohmann::json& object_;
  std::set<std::string> seen_ = {};
  std::optional<Error> error_ = {};
};

}  // namespace souk::node::control
