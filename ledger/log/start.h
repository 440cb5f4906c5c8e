// What R3's start order asks and says in more than one file. Internal to ledger/.
#pragma once

#include "ledger/log/log.h"

namespace souk::ledger {

// Follows the sentence that says why a ledger does not open.
inline constexpr const char* kRefusalAdvice =
    ". Nothing was changed. Put the whole ledger directory back from before the damage, make it "
    "again from a copy of the log (soukd rebuild --from COPY), or begin anew elsewhere: soukd init "
    "--dir OTHER";

// Whether a log may begin, or go on, with what was found. kNotFound: it was there, and is lost.
// Log::OpenInspected asks it, and so does who makes something before calling that.
Status CheckMayBegin(const Inspection& found, const LogOptions& options);

}  // namespace souk::ledger
