// souk forks: proof that others' logs have forked, as this node holds it (R3).
#include <fmt/format.h>

#include "protocol/base/file.h"
#include "protocol/text.h"
#include "tools/souk/market.h"

namespace souk::tools {

int RunForks(const Common& common, const std::filesystem::path& out) {
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const auto found = link->Ask({{"do", "forks"}});
  if (!found) return Fail(found.error());
  const Json& forks = (*found)["forks"];
  if (!out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(out, error);
    for (const Json& fork : forks) {
      const auto wrote = WriteFileAtomic(out / (TextAt(fork, "peer") + ".fork"),
                                         AsBytes(TextAt(fork, "evidence")));
      if (!wrote) return Fail(wrote.error());
    }
  }
  if (common.json) {
    PrintJson(*found);
    return kDone;
  }
  if (forks.empty()) {
    Print("no fork is known: every log that this node met is one history so far\n");
    return kDone;
  }
  Table table({{"NAME"}, {"PEER"}, {"AT SIZE"}, {"ONE ROOT"}, {"ANOTHER"}});
  for (const Json& fork : forks) {
    table.Add({Shorten(TextAt(fork, "name"), kNameColumns),
               TextAt(fork, "peer").substr(0, 16) + "…", std::to_string(NumberAt(fork, "size")),
               TextAt(fork, "root").substr(0, 12), TextAt(fork, "other_root").substr(0, 12)});
  }
  Print(table);
  Print(out.empty() ? "for the proofs: souk forks --out DIR\n"
                    : fmt::format("anyone can check them: souk-audit check-fork {}/PEER.fork "
                                  "--key VKEY\n",
                                  out.string()));
  return kDone;
}

}  // namespace souk::tools
