#include "tools/common/json.h"

#include <algorithm>

#include "protocol/text.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

struct Value {
  Json operator()(const std::string& v) const { return v; }
  Json operator()(uint64_t v) const { return v; }
  Json operator()(bool v) const { return v; }
  Json operator()(const Digest& v) const { return v.Hex(); }
  Json operator()(const PublicKey& v) const { return v.ToString(); }
  Json operator()(Time v) const { return JsonTime(v); }
  Json operator()(Duration v) const { return v.ms; }
  Json operator()(Credits v) const { return v.micro; }
  Json operator()(Rate v) const { return v.micro_per_hour; }
  Json operator()(Slices v) const { return v.count; }
};

// "metered_ms": a program sees the unit in the name.
std::string NameOf(const Field& field, const Json& so_far) {
  std::string name = field.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  if (std::holds_alternative<Duration>(field.value)) name += "_ms";
  if (std::holds_alternative<Credits>(field.value)) name += "_micro";
  if (std::holds_alternative<Rate>(field.value)) name += "_micro";
  std::string unique = name;
  for (int i = 2; so_far.contains(unique); ++i) unique = name + "_" + std::to_string(i);
  return unique;
}

Json FieldsJson(const std::vector<Field>& fields) {
  Json out = Json::object();
  for (const Field& field : fields) out[NameOf(field, out)] = std::visit(Value{}, field.value);
  return out;
}

}  // namespace

Json JsonTime(Time time) {
  if (time.ms == 0) return nullptr;
  return FormatTime(time);
}

Json ToJson(const RenderedEntry& entry) {
  Json documents = Json::array();
  for (const RenderedDocument& document : entry.documents) {
    Json one = {{"kind", document.kind},
                {"id", document.id.Hex()},
                {"signer", document.signer.ToString()},
                {"signature_ok", document.opened}};
    if (!document.opened) one["problem"] = document.problem;
    one["fields"] = FieldsJson(document.fields);
    documents.push_back(std::move(one));
  }
  return {{"sequence", entry.sequence},
          {"time", JsonTime(entry.time)},
          {"rules", entry.rules},
          {"kind", entry.kind},
          {"summary", entry.summary},
          {"bytes", entry.bytes},
          {"outcome", FieldsJson(entry.outcome)},
          {"documents", std::move(documents)}};
}

std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void PrintJson(const Json& json) {
  Print(JsonText(json));
}

}  // namespace souk::tools
