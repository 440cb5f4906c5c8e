// How people write and read amounts, times, sizes and ids: one spelling for every command line,
// page and query. Pure, but for Local*, which read the process's time zone. Thread-safe.
//
// Parsing is strict and exact: what cannot be represented is kMalformed, what is out of range
// kTooLarge, never rounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/sha256.h"
#include "protocol/units.h"

namespace souk {

// "0.070000"; always six decimals, so that columns of money line up. May be negative.
std::string FormatCredits(Credits amount);
// "0.5", "12", at most six decimals, not negative, at most limits::kAmount.
Result<Credits> ParseCredits(std::string_view text);

// "0.42", "2.10", "0.000125": two decimals, or as many more as it takes.
std::string FormatRate(Rate rate);
Result<Rate> ParseRate(std::string_view text);

// "1h30m", "500ms", "1m0.25s" is written "1m250ms", zero "0s". Exact; days are the largest unit.
std::string FormatDuration(Duration duration);
// What FormatDuration writes, and "1.5h". Units d, h, m, s, ms, each once and in this order; not
// negative, at most limits::kLongestLease.
Result<Duration> ParseDuration(std::string_view text);
// The largest unit only, rounded down: "58m", "3d". For columns; negative is "0s".
std::string RoughDuration(Duration duration);

// "24 GiB", "1.2 MiB", "512 B": at most one decimal, rounded to the nearest.
std::string FormatSize(uint64_t bytes);
// "24GiB", "24 GiB", "1.5MiB", "512B", "512"; binary units KiB to EiB, decimal kB to EB. The one
// that rounds: down, to whole bytes.
Result<uint64_t> ParseSize(std::string_view text);

// ISO 8601 in UTC: "2026-03-01T14:22:06.113Z".
std::string FormatTime(Time time);
// The same, with or without the fraction.
Result<Time> ParseTime(std::string_view text);
// "14:22:06.113" and "14:22:06" in the process's time zone.
std::string LocalClockMillis(Time time);
std::string LocalClock(Time time);

// Ids print as their shortest prefix (hex digits, at least four) that no other of `all` begins
// with. `all` may hold `id` itself, in any order. For a list of ids, in the list's order.
std::string ShortId(const Digest& id, const std::vector<Digest>& all);
std::vector<std::string> ShortIds(const std::vector<Digest>& all);
// The one id of `all` (a duplicate counts once) that begins with `prefix`: hex digits, or
// "sha256:" and hex digits. kNotFound; kConflict where several do, naming the first few.
Result<Digest> ResolveId(std::string_view prefix, const std::vector<Digest>& all);

// R3: names, arguments and manifests enter a log so. SHA-256("souk/salted" ‖ 00 ‖ salt ‖ value);
// who holds both can show what was meant, who holds neither cannot guess it.
Digest SaltedDigest(const Digest& salt, ByteView value);

}  // namespace souk
