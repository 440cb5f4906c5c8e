// What programs read: one JSON document on stdout. Ids and keys in full, times ISO 8601 in UTC; the
// unit stands in the name: "metered_ms", and "due_micro" for µcredits.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/common/render_entry.h"

namespace souk::tools {

// Keeps the order in which the keys were written.
using Json = nlohmann::ordered_json;

Json JsonTime(Time time);  // null where it is zero
Json ToJson(const RenderedEntry& entry);
// Ends in a newline. Text that is not UTF-8 is replaced, never an error.
void PrintJson(const Json& json);
std::string JsonText(const Json& json);

}  // namespace souk::tools
