// The small values of a manifest that are more than TOML's own: sizes, durations, elements.
#pragma once

#include "gpu/workload/workload.h"

namespace souk::gpu {

// "512 MiB", "4KiB", "1 GiB", "100 B". kMalformed, kOverflow.
Result<uint64_t> ParseByteSize(std::string_view text);
// "250ms", "30s", "10m", "2h" → milliseconds.
Result<uint64_t> ParseDurationMs(std::string_view text);
// A decimal number of credits → µcredits, exactly: "0.05" → 50000.
Result<uint64_t> ParseCredits(std::string_view text);

// One element's bytes. kOverflow where the value does not fit; floats round to nearest even.
Result<Bytes> ElementFromInteger(DType dtype, int64_t value);
Result<Bytes> ElementFromReal(DType dtype, double value);

// IEEE binary16, nearest even; overflow gives infinity, which callers refuse.
uint16_t HalfFromReal(double value);

}  // namespace souk::gpu
