// What Log::OpenInspected asks first, for those who make something before they call it.
#pragma once

#include "ledger/log/log.h"

namespace souk::ledger {

// Whether a log may begin, or go on, with what was found. kNotFound: it was there, and is lost.
Status CheckMayBegin(const Inspection& found, const LogOptions& options);

}  // namespace souk::ledger
