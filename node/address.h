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

// As it stands on a card: "tcp://host:port" and nothing else that libzmq would take.
Status CheckEndpoint(std::string_view endpoint);
// Of an endpoint that was checked: whether no name has to be looked up for it.
bool IsNumericEndpoint(std::string_view endpoint);

}  // namespace souk::node
