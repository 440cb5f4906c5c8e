#include "node/control/fields.h"

#include "protocol/limits.h"

namespace souk::node::control {

using nlohmann::json;

const json* Fields::Find(const char* name) {
  seen_.insert(name);
  const auto it = object_.find(name);
  return it == object_.end() ? nullptr : &*it;
}

void Fields::Fail(const char* name, const std::string& why) {
  if (!error_) error_ = Error(Code::kInvalidArgument, std::string("\"") + name + "\" " + why);
}

std::optional<std::string> Fields::Text(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Fail(name, "must be a string");
  return std::nullopt;
}

std::optional<int64_t> Fields::Integer(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const bool fits = value->is_number_unsigned() && value->get<uint64_t>() <= INT64_MAX;
  if (fits) return static_cast<int64_t>(value->get<uint64_t>());
  Fail(name, "must be an integer that is not negative");
  return std::nullopt;
}

std::optional<bool> Fields::Flag(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Fail(name, "must be true or false");
  return std::nullopt;
}

std::optional<Digest> Fields::Id(const char* name) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  const auto id = Digest::Parse(*text);
  if (id) return *id;
  Fail(name, "must be an id of 64 hex digits");
  return std::nullopt;
}

std::optional<std::vector<Digest>> Fields::Ids(const char* name, size_t most) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  std::vector<Digest> out;
  bool good = value->is_array() && value->size() <= most;
  for (size_t i = 0; good && i < value->size(); ++i) {
    const json& item = (*value)[i];
    const auto id = item.is_string() ? Digest::Parse(item.get<std::string>())
                                     : Result<Digest>(Error(Code::kMalformed, ""));
    good = id.has_value();
    if (good) out.push_back(*id);
  }
  if (good) return out;
  Fail(name, "must be a list of at most " + std::to_string(most) + " ids of 64 hex digits");
  return std::nullopt;
}

std::optional<PublicKey> Fields::Key(const char* name) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  const auto key = PublicKey::Parse(*text);
  if (key) return *key;
  Fail(name, "is no key: " + key.error().message);
  return std::nullopt;
}

std::optional<BlobRef> Fields::ReadBlob(const json& value) {
  if (!value.is_object() || value.size() != 2) return std::nullopt;
  const auto digest = value.find("digest"), size = value.find("size");
  if (digest == value.end() || size == value.end() || !digest->is_string() ||
      !size->is_number_unsigned()) {
    return std::nullopt;
  }
  const auto parsed = Digest::Parse(digest->get<std::string>());
  if (!parsed) return std::nullopt;
  return BlobRef{*parsed, size->get<uint64_t>()};
}

std::optional<BlobRef> Fields::Blob(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto blob = ReadBlob(*value);
  if (!blob) Fail(name, "must be {\"digest\", \"size\"}");
  return blob;
}

std::optional<std::vector<BlobRef>> Fields::Blobs(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  std::vector<BlobRef> out;
  if (!value->is_array() || value->size() > limits::kBlobsPerJob) {
    Fail(name, "must be a list of at most " + std::to_string(limits::kBlobsPerJob) + " blobs");
    return std::nullopt;
  }
  for (const json& item : *value) {
    const auto blob = ReadBlob(item);
    if (!blob) {
      Fail(name, "must hold {\"digest\", \"size\"} only");
      return std::nullopt;
    }
    out.push_back(*blob);
  }
  return out;
}

Status Fields::Done() const {
  if (error_) return *error_;
  for (const auto& [key, value] : object_.items()) {
    if (!seen_.contains(key)) {
      return Error(Code::kInvalidArgument, "this command has no field \"" + key + "\"");
    }
  }
  return Ok();
}

}  // namespace souk::node::control
