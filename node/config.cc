// The one adapter to toml++.
#include "node/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "ledger/c2sp/cosignature.h"
#include "node/address.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"
#include "protocol/plain_text.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

constexpr size_t kConfigBytes = 256 * 1024;
constexpr ptrdiff_t kMaxDots = 4096;

// Levenshtein's distance; both are short.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row.back();
}

std::string Nearest(std::string_view key, const std::vector<std::string>& known) {
  std::string best;
  size_t least = key.size() / 2 + 2;
  for (const std::string& one : known) {
    const size_t distance = Distance(key, one);
    if (distance < least) {
      least = distance;
      best = one;
    }
  }
  return best;
}

// One table of the file: reads keys, and remembers which there are.
class Section {
 public:
  Section(const std::string& file, std::string name, const toml::table* table)
      : file_(file), name_(std::move(name)), table_(table) {}

  Error At(const toml::source_region& source, const std::string& sentence) const {
    return Error(Code::kInvalidArgument,
                 file_ + ":" + std::to_string(source.begin.line) + ": " + sentence);
  }
  Error At(const std::string& key, const std::string& sentence) const {
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    const std::string what = "[" + name_ + "] " + key + ": " + sentence;
    if (node != nullptr) return At(node->source(), what);
    return Error(Code::kInvalidArgument, file_ + ": " + what);
  }
  bool Has(const std::string& key) const { return table_ != nullptr && table_->contains(key); }

  template <typename T>
  Status Read(const std::string& key, const char* kind, T& out) {
    const toml::node* node = Find(key);
    if (node == nullptr) return Ok();
    const std::optional<T> value = node->value_exact<T>();
    if (!value) return At(key, std::string("must be ") + kind);
    out = *value;
    return Ok();
  }
  // A string that `parse` understands.
  template <typename T, typename Parse>
  Status ReadText(const std::string& key, const Parse& parse, T& out) {
    std::string text;
    if (!Has(key)) {
      Find(key);
      return Ok();
    }
    RETURN_IF_ERROR(Read(key, "a string", text));
    auto value = parse(text);
    if (!value) return At(key, value.error().message);
    out = std::move(*value);
    return Ok();
  }
  // A list of such strings, or one alone.
  template <typename T, typename Parse>
  Status ReadList(const std::string& key, const Parse& parse, std::vector<T>& out) {
    const toml::node* node = Find(key);
    if (node == nullptr) return Ok();
    std::vector<std::string> texts;
    if (const auto one = node->value_exact<std::string>()) {
      texts.push_back(*one);
    } else if (const toml::array* list = node->as_array()) {
      for (const toml::node& item : *list) {
        const auto text = item.value_exact<std::string>();
        if (!text) return At(key, "must be a list of strings");
        texts.push_back(*text);
      }
    } else {
      return At(key, "must be a list of strings");
    }
    out.clear();
    for (const std::string& text : texts) {
      auto value = parse(text);
      if (!value) return At(key, value.error().message);
      out.push_back(std::move(*value));
    }
    return Ok();
  }
  // What was not read is not known.
  Status Done() const {
    if (table_ == nullptr) return Ok();
    for (const auto& [key, node] : *table_) {
      const std::string name(key.str());
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const std::string nearest = Nearest(name, known_);
      return At(node.source(), "[" + name_ + "] has no key \"" + name + "\"" +
                                   (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
    }
    return Ok();
  }

 private:
  const toml::node* Find(const std::string& key) {
    known_.push_back(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }

  const std::string& file_;
  const std::string name_;
  const toml::table* table_;
  std::vector<std::string> known_ = {};
};

Result<std::string> ParseName(const std::string& text) {
  if (text.size() > limits::kNameBytes || !IsName(text)) {
    return Error(Code::kInvalidArgument, "must be plain, visible text of 1 to 64 bytes");
  }
  return text;
}

Result<std::string> ParseListen(const std::string& text) {
  if (text.empty()) return std::string();
  return ParseHostPort(text, /*free_port=*/true);
}

Result<std::string> ParseDevice(const std::string& text) {
  if (text == "auto" || text == "cpu" || text == "cuda") return text;
  const bool numbered =
      text.size() > 5 && text.size() < 8 && text.compare(0, 5, "cuda:") == 0 &&
      std::all_of(text.begin() + 5, text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool by_uuid = text.starts_with("cuda:GPU-") || text.starts_with("cuda:MIG-");
  if (numbered || (by_uuid && text.size() < 80)) return text;
  return Error(Code::kInvalidArgument,
               "\"" + text + "\" is no device; say auto, cpu, cuda, cuda:0 or cuda:GPU-UUID");
}

Result<std::string> ParseRegion(const std::string& text) {
  const bool two =
      text.size() == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z';
  if (two) return text;
  return Error(Code::kInvalidArgument, "must be two capital letters (ISO 3166), as \"DE\"");
}

Result<std::string> ParseAdvertised(const std::string& text) {
  ASSIGN_OR_RETURN(std::string endpoint, ParseHostPort(text, /*free_port=*/false));
  for (const char* anywhere : {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"}) {
    if (endpoint.rfind(anywhere, 0) != 0) continue;
    return Error(
        Code::kInvalidArgument,
        "\"" + text + "\" leads nowhere: name the address at which others reach this node");
  }
  return endpoint;
}

Status ReadNode(Section& node, const PeerId& self, Config& out) {
  RETURN_IF_ERROR(node.ReadText("name", ParseName, out.name));
  RETURN_IF_ERROR(node.ReadText("listen", ParseListen, out.listen));
  RETURN_IF_ERROR(node.ReadList("advertise", ParseAdvertised, out.advertise));
  RETURN_IF_ERROR(node.ReadList("bootstrap", ParseAddress, out.bootstrap));
  RETURN_IF_ERROR(node.Done());
  if (out.name.empty()) return node.At("name", "is missing; what shall others call this node?");
  if (out.advertise.size() > limits::kEndpoints) return node.At("advertise", "at most 8 addresses");
  if (!out.advertise.empty() && out.listen.empty()) {
    return node.At("advertise", "nobody can connect there: listen is not set");
  }
  for (const PeerAddress& address : out.bootstrap) {
    if (address.peer == self) return node.At("bootstrap", "this is the node's own address");
    for (const PeerAddress& other : out.bootstrap) {
      if (other.peer == address.peer && other.curve != address.curve) {
        return node.At("bootstrap", "names two keys for " + address.peer.ToString());
      }
    }
  }
  return Ok();
}

Status ReadProvider(Section& section, ProviderConfig& out) {
  RETURN_IF_ERROR(section.Read("enabled", "true or false", out.enabled));
  RETURN_IF_ERROR(section.ReadList("device", ParseDevice, out.devices));
  RETURN_IF_ERROR(section.ReadText("price", ParseRate, out.price));
  RETURN_IF_ERROR(section.ReadText("hold_price", ParseRate, out.hold_price));
  RETURN_IF_ERROR(section.ReadText("hold_fee", ParseCredits, out.hold_fee));
  RETURN_IF_ERROR(section.ReadList("clearing", PeerId::Parse, out.clearing_peers));
  RETURN_IF_ERROR(section.ReadText("region", ParseRegion, out.region));
  RETURN_IF_ERROR(section.ReadText("min_duration", ParseDuration, out.min_duration));
  RETURN_IF_ERROR(section.ReadText("max_duration", ParseDuration, out.max_duration));
  RETURN_IF_ERROR(section.ReadText("grace", ParseDuration, out.grace));
  RETURN_IF_ERROR(section.ReadText("notice", ParseDuration, out.notice));
  RETURN_IF_ERROR(section.ReadText("longest_interval", ParseDuration, out.longest_interval));
  RETURN_IF_ERROR(section.ReadText("offer_life", ParseDuration, out.offer_life));
  RETURN_IF_ERROR(section.ReadText("lease_storage", ParseSize, out.lease_bytes));
  RETURN_IF_ERROR(section.Read("allow_weak_jail", "true or false", out.allow_weak_jail));
  RETURN_IF_ERROR(section.ReadText("cpu_memory", ParseSize, out.cpu_memory_bytes));
  int64_t threads = out.cpu_threads;
  RETURN_IF_ERROR(section.Read("cpu_threads", "a number", threads));
  RETURN_IF_ERROR(section.Done());
  if (threads < 1 || threads > 256) return section.At("cpu_threads", "must be 1 to 256");
  out.cpu_threads = static_cast<uint32_t>(threads);
  return Ok();
}

// [log]: who reads this node's whole log, and where.
Status ReadLog(Section& section, Config& out) {
  if (section.Has("http")) {
    std::string http;
    RETURN_IF_ERROR(section.ReadText("http", ParseListen, http));
    out.log_http = http.empty() ? "" : http.substr(std::string_view("tcp://").size());
  }
  const auto parse_reader = [](const std::string& text) -> Result<std::optional<PeerId>> {
    if (text == "everyone") return std::optional<PeerId>();
    ASSIGN_OR_RETURN(const PeerId peer, PeerId::Parse(text));
    return std::optional<PeerId>(peer);
  };
  std::vector<std::optional<PeerId>> readers;
  RETURN_IF_ERROR(section.ReadList("readers", parse_reader, readers));
  RETURN_IF_ERROR(section.ReadList("witnesses", PeerId::Parse, out.log_witnesses));
  int64_t quorum = 0;
  RETURN_IF_ERROR(section.Read("quorum", "a number", quorum));
  RETURN_IF_ERROR(section.Done());
  for (const std::optional<PeerId>& reader : readers) {
    if (reader) out.log_readers.push_back(*reader);
    if (!reader) out.log_everyone = true;
  }
  if (out.log_readers.size() > limits::kLogReaders) {
    return section.At("readers", "at most 16 peers");
  }
  const std::set<PeerId> witnesses(out.log_witnesses.begin(), out.log_witnesses.end());
  if (witnesses.size() != out.log_witnesses.size()) {
    return section.At("witnesses", "names a peer twice");
  }
  if (witnesses.size() > limits::kWitnesses) return section.At("witnesses", "at most 32 peers");
  // R3: two quorums must share an honest witness while fewer than a third lie.
  const auto least = static_cast<int64_t>(ledger::SafeQuorum(witnesses.size()));
  if (quorum != 0 && (quorum < least || quorum > static_cast<int64_t>(witnesses.size()))) {
    return section.At("quorum", fmt::format("must be 0, or {} to {} of {} witnesses", least,
                                            witnesses.size(), witnesses.size()));
  }
  out.log_quorum = static_cast<size_t>(quorum);
  return Ok();
}

// [mirror]: whose logs this node keeps copies of.
Status ReadMirror(Section& section, const PeerId& self, MirrorSettings& out) {
  RETURN_IF_ERROR(section.ReadList("of", PeerId::Parse, out.of));
  RETURN_IF_ERROR(section.ReadList("books", PeerId::Parse, out.books));
  RETURN_IF_ERROR(section.ReadText("limit", ParseSize, out.most_bytes));
  RETURN_IF_ERROR(section.Done());
  if (out.of.size() > limits::kMirrored) return section.At("of", "at most 256 peers");
  if (out.books.size() > limits::kClearingPeersPerOffer) {
    return section.At("books", "at most 16 clearing peers");
  }
  if (std::find(out.of.begin(), out.of.end(), self) != out.of.end()) {
    return section.At("of", "names this node: a copy beside the log is lost with it");
  }
  return Ok();
}

Status CheckProvider(const Section& section, const Config& config) {
  const ProviderConfig& provider = config.provider;
  if (!provider.enabled) return Ok();
  if (config.listen.empty()) {
    return section.At("enabled", "a provider must be reachable: set [node] listen");
  }
  if (!section.Has("price"))
    return section.At("price", "is missing, in credits per slice and hour");
  if (provider.price > limits::kPrice) return section.At("price", "is out of bounds");
  if (provider.notice > limits::kLongestNotice) {
    return section.At("notice", "must be at most 1h: no renter takes more");
  }
  if (provider.devices.empty()) return section.At("device", "names no device");
  if (provider.devices.size() > 1 && std::find(provider.devices.begin(), provider.devices.end(),
                                               "auto") != provider.devices.end()) {
    return section.At("device", "auto takes every device: name it alone");
  }
  std::set<std::string> devices;
  for (const std::string& device : provider.devices) {
    // The first GPU is what "cuda" takes too.
    if (!devices.insert(device == "cuda" ? "cuda:0" : device).second) {
      return section.At("device", "names \"" + device + "\" twice");
    }
  }
  if (provider.clearing_peers.empty()) {
    return section.At("clearing", "is empty: in whose book shall this provider be paid?");
  }
  if (provider.clearing_peers.size() > limits::kClearingPeersPerOffer) {
    return section.At("clearing", "at most 16 clearing peers");
  }
  if (provider.min_duration.ms < 1 || provider.min_duration > provider.max_duration) {
    return section.At("min_duration", "must be above 0 and at most max_duration (" +
                                          FormatDuration(provider.max_duration) + ")");
  }
  if (provider.longest_interval < limits::kFirstInterval) {
    return section.At("longest_interval", "must be at least 1s");
  }
  if (provider.longest_interval > provider.max_duration) {
    return section.At("longest_interval", "is longer than max_duration (" +
                                              FormatDuration(provider.max_duration) +
                                              "): a renter would pay for more than it can rent");
  }
  if (provider.grace.ms < 1) {
    return section.At("grace", "must be above 0: every voucher takes a moment to arrive");
  }
  if (provider.offer_life > limits::kOfferLife) {
    return section.At("offer_life", "must be at most 24h");
  }
  if (provider.offer_life < Seconds(10)) return section.At("offer_life", "must be at least 10s");
  return Ok();
}

}  // namespace

Result<Config> ParseConfig(std::string_view text, const std::string& file, const PeerId& self) {
  // Dotted keys nest without a bound in the parser, whose tables are destroyed recursively.
  if (std::count(text.begin(), text.end(), '.') > kMaxDots) {
    return Error(Code::kTooLarge, file + ": more than " + std::to_string(kMaxDots) + " dots");
  }
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return Error(Code::kMalformed, file + ":" + std::to_string(error.source().begin.line) + ": " +
                                       std::string(error.description()));
  }
  static const std::vector<std::string> kSections = {"node", "provider", "clearing", "renter",
                                                     "log",  "witness",  "mirror"};
  std::map<std::string, const toml::table*> tables;
  for (const auto& [key, value] : root) {
    const std::string name(key.str());
    const bool known = std::find(kSections.begin(), kSections.end(), name) != kSections.end();
    if (!known || !value.is_table()) {
      const std::string nearest = Nearest(name, kSections);
      const std::string hint = nearest.empty() ? "" : "; did you mean [" + nearest + "]?";
      std::string sentence = file + ":" + std::to_string(value.source().begin.line);
      sentence.append(": there is no section \"").append(name).append("\"").append(hint);
      return Error(Code::kInvalidArgument, std::move(sentence));
    }
    tables[name] = value.as_table();
  }
  const auto section = [&](const char* name) { return Section(file, name, tables[name]); };
  Config out;
  Section node = section("node"), provider = section("provider");
  Section clearing = section("clearing"), renter = section("renter");
  RETURN_IF_ERROR(ReadNode(node, self, out));
  RETURN_IF_ERROR(ReadProvider(provider, out.provider));
  RETURN_IF_ERROR(clearing.Read("enabled", "true or false", out.clearing));
  RETURN_IF_ERROR(clearing.Done());
  RETURN_IF_ERROR(renter.Read("enabled", "true or false", out.renter));
  RETURN_IF_ERROR(renter.ReadList("trust", PeerId::Parse, out.trusted_verifiers));
  RETURN_IF_ERROR(renter.Done());
  Section log = section("log"), witness = section("witness");
  RETURN_IF_ERROR(ReadLog(log, out));
  RETURN_IF_ERROR(witness.Read("enabled", "true or false", out.witness));
  RETURN_IF_ERROR(witness.Done());
  Section mirror = section("mirror");
  RETURN_IF_ERROR(ReadMirror(mirror, self, out.mirror));
  RETURN_IF_ERROR(CheckProvider(provider, out));
  const std::vector<PeerId>& books = out.provider.clearing_peers;
  if (out.provider.enabled && !out.clearing &&
      std::find(books.begin(), books.end(), self) != books.end()) {
    return provider.At("clearing", "names this node, which keeps no book: set [clearing] enabled");
  }
  if (out.witness && out.listen.empty()) {
    return witness.At("enabled", "a witness must be reachable: set [node] listen");
  }
  if (out.clearing && out.listen.empty()) {
    return clearing.At("enabled", "a clearing peer must be reachable: set [node] listen");
  }
  return out;
}

Result<Config> LoadConfig(const std::filesystem::path& path, const PeerId& self) {
  const auto bytes = ReadFile(path, kConfigBytes);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    std::error_code error;
    const bool lost = std::filesystem::exists(path.parent_path() / "identity", error);
    return Error(Code::kNotFound,
                 "there is no " + path.string() +
                     (lost ? " beside the identity; soukd init --dir OTHER with the same options "
                             "makes one to copy"
                           : "; begin with: soukd init --dir " + path.parent_path().string()));
  }
  if (!bytes) return bytes.error();
  return ParseConfig(AsText(*bytes), path.string(), self);
}

namespace {

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

template <typename T, typename Text>
std::string List(const std::vector<T>& items, const Text& text) {
  std::string out = "[";
  for (size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ", ") + Quote(text(items[i]));
  return out + "]";
}

std::string HostPort(const std::string& endpoint) {
  return endpoint.compare(0, 6, "tcp://") == 0 ? endpoint.substr(6) : endpoint;
}

std::string ReadersText(const Config& config) {
  std::vector<std::string> readers;
  if (config.log_everyone) readers.emplace_back("everyone");
  for (const PeerId& peer : config.log_readers) readers.push_back(peer.ToString());
  return List(readers, [](const std::string& reader) { return reader; });
}

}  // namespace

std::string WriteConfig(const Config& config) {
  const ProviderConfig& p = config.provider;
  const auto on = [](bool value) { return std::string(value ? "true" : "false"); };
  const auto length = [](Duration value) { return Quote(FormatDuration(value)); };
  std::string out =
      "# What this node is. soukd reads it when it starts.\n\n"
      "[node]\n"
      "name = " +
      Quote(config.name) +
      "\n"
      "# host:port to listen at; \"\" where this node only opens connections itself.\n"
      "listen = " +
      Quote(HostPort(config.listen)) +
      "\n"
      "# As others reach it, where that is not what it listens at.\n"
      "advertise = " +
      List(config.advertise, HostPort) +
      "\n"
      "# Whom to ask first: address lines, as `soukd id` prints them.\n"
      "bootstrap = " +
      List(config.bootstrap, FormatAddress) +
      "\n\n"
      "[renter]\n"
      "enabled = " +
      on(config.renter) +
      "\n"
      "# Whose challenges of others' devices are believed, beside one's own: souk1…\n"
      "trust = " +
      List(config.trusted_verifiers, [](const PeerId& peer) { return peer.ToString(); }) +
      "\n\n"
      "[clearing]\n"
      "# Keeps a book in which others' leases are settled.\n"
      "enabled = " +
      on(config.clearing) +
      "\n\n"
      "[log]\n"
      "# Where this node's log is served over HTTP as C2SP tiles, host:port; \"\" serves it to "
      "nobody.\n"
      "http = " +
      Quote(config.log_http) +
      "\n"
      "# Who may read all of it: \"everyone\", or mirrors and auditors, souk1…. Others see "
      "checkpoints.\n"
      "readers = " +
      ReadersText(config) +
      "\n"
      "# Peers that cosign this log's checkpoints, and how many of them a receipt waits for (0: "
      "none;"
      " else\n# more than two thirds).\n"
      "witnesses = " +
      List(config.log_witnesses, [](const PeerId& peer) { return peer.ToString(); }) +
      "\n"
      "quorum = " +
      std::to_string(config.log_quorum) +
      "\n\n"
      "[witness]\n"
      "# Cosigns others' checkpoints that continue those before.\n"
      "enabled = " +
      on(config.witness) +
      "\n\n"
      "[mirror]\n"
      "# Peers whose logs this node keeps copies of, where their cards name it as a reader; and "
      "clearing\n# peers: their logs, and those of all providers that are paid in their books. It "
      "cosigns what it\n# has stored.\n"
      "of = " +
      List(config.mirror.of, [](const PeerId& peer) { return peer.ToString(); }) +
      "\n"
      "books = " +
      List(config.mirror.books, [](const PeerId& peer) { return peer.ToString(); }) +
      "\n"
      "limit = " +
      Quote(FormatSize(config.mirror.most_bytes)) +
      "\n\n"
      "[provider]\n"
      "enabled = " +
      on(p.enabled) +
      "\n"
      "# \"auto\" (every GPU, or the CPU reference where there is none), \"cpu\", \"cuda:0\"; or a "
      "list.\n"
      "device = " +
      List(p.devices, [](const std::string& device) { return device; }) +
      "\n"
      "# Credits per slice and hour.\n"
      "price = " +
      Quote(FormatRate(p.price)) +
      "\n"
      "# Peers in whose books this provider may be paid. Their operators' word is all that stands "
      "behind it.\n"
      "clearing = " +
      List(p.clearing_peers, [](const PeerId& peer) { return peer.ToString(); }) +
      "\n"
      "# Where the devices are: ISO 3166, two letters; ZZ says nothing.\n"
      "region = " +
      Quote(p.region) +
      "\n"
      "# What a lease may last.\n"
      "min_duration = " +
      length(p.min_duration) +
      "\n"
      "max_duration = " +
      length(p.max_duration) +
      "\n"
      "# How late a voucher may be before the lease is paused.\n"
      "grace = " +
      length(p.grace) +
      "\n"
      "# The most that a renter pays ahead; the most that this provider waits for.\n"
      "longest_interval = " +
      length(p.longest_interval) +
      "\n"
      "# After so long an offer is published anew.\n"
      "offer_life = " +
      length(p.offer_life) +
      "\n"
      "# Said in each offer, and nothing acts on it yet: how long before a draining lease is "
      "closed\n# its renter is told; credits per slice and hour of a pause; credits per "
      "reservation.\n"
      "notice = " +
      length(p.notice) +
      "\n"
      "hold_price = " +
      Quote(FormatRate(p.hold_price)) +
      "\n"
      "hold_fee = " +
      Quote(FormatCredits(p.hold_fee)) +
      "\n"
      "# What one lease's jobs may have this provider store, inputs and outputs together. It is "
      "kept "
      "for seven\n# days after the lease.\n"
      "lease_storage = " +
      Quote(FormatSize(p.lease_bytes)) +
      "\n"
      "# A GPU driver in a jail weaker than namespaces can be attacked by a hostile kernel.\n"
      "allow_weak_jail = " +
      on(p.allow_weak_jail) +
      "\n"
      "# What the CPU reference device takes of this machine.\n"
      "cpu_memory = " +
      Quote(FormatSize(p.cpu_memory_bytes)) +
      "\n"
      "cpu_threads = " +
      std::to_string(p.cpu_threads) + "\n";
  return out;
}

}  // namespace souk::node
