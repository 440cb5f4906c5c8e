// How a peer is reached, in one line that people copy: "souk1…@host:port/<64 hex: CURVE key>".
#pragma once

#include <string_view>

#include "node/agent/settings.h"

namespace souk::node {

std::string FormatAddress(const PeerAddress& address);
// kMalformed says which part is wrong and how the whole looks.
Result<PeerAddress> ParseAddress(std::string_view text);

// "host:port" or "[v6]:port" to "tcp://host:port"; the port may be 0 where `free_port` says so.
Result<std::string> ParseHostPort(std::string_view text, bool free_port);

}  // namespace souk::node
