#include "node/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "protocol/limits.h"

namespace souk::node {
namespace {

constexpr const char* kShape = "an address is souk1…@host:port/CURVE-KEY, as `soukd id` prints it";

constexpr std::string_view kScheme = "tcp://";

bool IsHost(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '[' || c == ']' || c == '*';
  });
}

}  // namespace

std::string FormatAddress(const PeerAddress& address) {
  std::string_view endpoint = address.endpoint;
  if (endpoint.substr(0, 6) == "tcp://") endpoint.remove_prefix(6);
  return address.peer.ToString() + "@" + std::string(endpoint) + "/" + ToHex(address.curve.view());
}

Result<std::string> ParseHostPort(std::string_view text, bool free_port) {
  if (text.substr(0, 6) == "tcp://") text.remove_prefix(6);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.size() > limits::kEndpointBytes - 6) {
    return Error(Code::kMalformed, "\"" + std::string(text) + "\" is not host:port");
  }
  const std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool number = error == std::errc() && end == digits.data() + digits.size();
  if (!IsHost(host) || !number || port > 65535 || (port == 0 && !free_port)) {
    return Error(Code::kMalformed, "\"" + std::string(text) + "\" is not host:port");
  }
  return "tcp://" + std::string(text);
}

Status CheckEndpoint(std::string_view endpoint) {
  if (endpoint.substr(0, kScheme.size()) == kScheme &&
      ParseHostPort(endpoint.substr(kScheme.size()), /*free_port=*/false)) {
    return Ok();
  }
  return Error(Code::kMalformed, "an endpoint is not tcp://host:port");
}

bool IsNumericEndpoint(std::string_view endpoint) {
  std::string host(endpoint.substr(kScheme.size(), endpoint.rfind(':') - kScheme.size()));
  in_addr v4 = {};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return true;
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return false;
  in6_addr v6 = {};
  host = host.substr(1, host.size() - 2);
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

Result<PeerAddress> ParseAddress(std::string_view text) {
  const size_t at = text.find('@'), slash = text.rfind('/');
  if (at == std::string_view::npos || slash == std::string_view::npos || slash < at) {
    return Error(Code::kMalformed, kShape);
  }
  PeerAddress out;
  const auto peer = PeerId::Parse(text.substr(0, at));
  if (!peer) return peer.error().Within("the part before @");
  out.peer = *peer;
  const auto endpoint = ParseHostPort(text.substr(at + 1, slash - at - 1), /*free_port=*/false);
  if (!endpoint) return endpoint.error().Within(kShape);
  out.endpoint = *endpoint;
  const auto key = FromHex(text.substr(slash + 1));
  if (!key || key->size() != out.curve.bytes.size()) {
    return Error(Code::kMalformed, std::string("the part after / is no CURVE key; ") + kShape);
  }
  std::copy(key->begin(), key->end(), out.curve.bytes.begin());
  return out;
}

}  // namespace souk::node
