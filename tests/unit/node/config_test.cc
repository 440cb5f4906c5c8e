// config.toml: what is taken, and what is refused with which words.
#include "node/config.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "node/address.h"
#include "node/node_dir.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace {

Identity Somebody(uint8_t seed) {
  std::array<uint8_t, 32> bytes = {};
  bytes[0] = seed;
  return Identity::FromSeed(bytes);
}

const PeerId kSelf = Somebody(1).id();
const PeerId kBook = Somebody(2).id();

PeerAddress BookAddress() {
  return {kBook, "tcp://127.0.0.1:7100", Somebody(2).Curve().public_key()};
}

std::string ProviderText(const std::string& more) {
  return "[node]\nname = \"kite\"\nlisten = \"0.0.0.0:7100\"\n[provider]\nenabled = true\n"
         "price = \"0.42\"\nclearing = [\"" +
         kBook.ToString() + "\"]\n" + more;
}

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "config.toml", kSelf);
  return config ? "" : config.error().message;
}

TEST(Config, ReadsWhatItWrites) {
  Config config;
  config.name = "a \"name\" with \\ in it";
  config.listen = "tcp://0.0.0.0:7100";
  config.advertise = {"tcp://example.org:7100"};
  config.bootstrap = {BookAddress()};
  config.renter = true;
  config.trusted_verifiers = {kBook};
  config.provider.enabled = true;
  config.provider.devices = {"cuda:0", "cuda:1"};
  config.provider.price = Rate{420'000};
  config.provider.clearing_peers = {kBook};
  config.provider.region = "DE";
  config.provider.max_duration = Minutes(90);
  config.provider.allow_weak_jail = true;
  config.provider.cpu_threads = 2;
  config.provider.lease_bytes = uint64_t{3} << 30;
  config.mirror = {.of = {Somebody(3).id()}, .books = {kBook}, .most_bytes = uint64_t{3} << 30};
  const auto read = ParseConfig(WriteConfig(config), "config.toml", kSelf);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, config.name);
  EXPECT_EQ(read->listen, config.listen);
  EXPECT_EQ(read->advertise, config.advertise);
  ASSERT_EQ(read->bootstrap.size(), 1u);
  EXPECT_EQ(read->bootstrap[0].peer, kBook);
  EXPECT_EQ(read->bootstrap[0].endpoint, "tcp://127.0.0.1:7100");
  EXPECT_EQ(read->bootstrap[0].curve, BookAddress().curve);
  EXPECT_TRUE(read->renter);
  EXPECT_EQ(read->trusted_verifiers, config.trusted_verifiers);
  EXPECT_FALSE(read->clearing);
  EXPECT_EQ(read->mirror.of, config.mirror.of);
  EXPECT_EQ(read->mirror.books, config.mirror.books);
  EXPECT_EQ(read->mirror.most_bytes, config.mirror.most_bytes);
  EXPECT_EQ(read->provider.devices, config.provider.devices);
  EXPECT_EQ(read->provider.price, config.provider.price);
  EXPECT_EQ(read->provider.clearing_peers, config.provider.clearing_peers);
  EXPECT_EQ(read->provider.region, "DE");
  EXPECT_EQ(read->provider.max_duration, Minutes(90));
  EXPECT_TRUE(read->provider.allow_weak_jail);
  EXPECT_EQ(read->provider.cpu_threads, 2u);
  EXPECT_EQ(read->provider.lease_bytes, uint64_t{3} << 30);
  EXPECT_EQ(read->provider.cpu_memory_bytes, uint64_t{1} << 30);
}

TEST(Config, RefusesWhatContradictsItself) {
  EXPECT_NE(ErrorOf(ProviderText("grace = \"0s\"\n")).find("grace: must be above 0"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("longest_interval = \"10d\"\n")).find("longer than max_duration"),
            std::string::npos);
}

TEST(Config, RefusesToBePaidInTheBookOfANodeThatKeepsNone) {
  const auto text = [](const char* clears) {
    return "[node]\nname = \"kite\"\nlisten = \"0.0.0.0:7100\"\n[clearing]\nenabled = " +
           std::string(clears) + "\n[provider]\nenabled = true\nprice = \"0.42\"\nclearing = [\"" +
           kSelf.ToString() + "\"]\n";
  };
  EXPECT_NE(ErrorOf(text("false")).find("keeps no book"), std::string::npos);
  EXPECT_EQ(ErrorOf(text("true")), "");
}

TEST(Config, RefusesNamesThatShowNothingOrHideSomething) {
  for (const char* name : {"", "   ", "kite\u200b", "\ufeffkite", "\u3164"}) {
    EXPECT_NE(ErrorOf("[node]\nname = \"" + std::string(name) + "\"\n").find("visible"),
              std::string::npos)
        << name;
  }
  EXPECT_EQ(ErrorOf("[node]\nname = \"Kite zwei\"\n"), "");
}

TEST(Config, RefusesDeepNestingWithoutOverflowingTheStack) {
  std::string dotted = "a";
  for (int i = 0; i < 60'000; ++i) dotted += ".a";
  EXPECT_EQ(ErrorOf(dotted + " = 1\n"), "config.toml: more than 4096 dots");
}

TEST(Config, NamesAnUnknownKeyItsLineAndTheNearestKnownOne) {
  EXPECT_EQ(ErrorOf(ProviderText("prise = \"1\"\n")),
            "config.toml:8: [provider] has no key \"prise\"; did you mean \"price\"?");
  EXPECT_EQ(ErrorOf("[node]\nname = \"a\"\nzzzzzzzzzz = 1\n"),
            "config.toml:3: [node] has no key \"zzzzzzzzzz\"");
  EXPECT_EQ(ErrorOf("[node]\nname = \"a\"\n[provder]\n"),
            "config.toml:3: there is no section \"provder\"; did you mean [provider]?");
}

TEST(Config, RefusesAValueOfAnotherTypeOrOutOfBounds) {
  EXPECT_EQ(ErrorOf(ProviderText("cpu_threads = \"two\"\n")),
            "config.toml:8: [provider] cpu_threads: must be a number");
  EXPECT_EQ(ErrorOf(ProviderText("cpu_threads = 0\n")),
            "config.toml:8: [provider] cpu_threads: must be 1 to 256");
  EXPECT_EQ(ErrorOf("[node]\nname = 7\n"), "config.toml:2: [node] name: must be a string");
  EXPECT_NE(ErrorOf(ProviderText("max_duration = \"ten minutes\"\n")).find("config.toml:8:"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("region = \"Germany\"\n")).find("two capital letters"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("device = \"gpu\"\n")).find("\"gpu\" is no device"),
            std::string::npos);
  EXPECT_NE(ErrorOf("[node]\nname = \"a\"\nlisten = \"here\"\n").find("not host:port"),
            std::string::npos);
}

TEST(Config, RefusesKeysThatContradictEachOther) {
  const std::string provider = "[provider]\nenabled = true\nprice = \"1\"\n";
  EXPECT_NE(ErrorOf("[node]\nname = \"a\"\n" + provider).find("must be reachable"),
            std::string::npos);
  EXPECT_NE(ErrorOf("[node]\nname = \"a\"\nlisten = \"0.0.0.0:1\"\n" + provider).find("clearing"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("min_duration = \"2h\"\nmax_duration = \"1h\"\n"))
                .find("config.toml:8: [provider] min_duration"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("notice = \"61m\"\n")).find("at most 1h"), std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("device = [\"auto\", \"cpu\"]\n")).find("auto takes every device"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("device = [\"cpu\", \"cpu\"]\n")).find("names \"cpu\" twice"),
            std::string::npos);
  EXPECT_NE(ErrorOf(ProviderText("device = [\"cuda:0\", \"cuda\"]\n")).find("twice"),
            std::string::npos);
  EXPECT_NE(ErrorOf("[node]\nname = \"a\"\n[clearing]\nenabled = true\n").find("must be reachable"),
            std::string::npos);
  for (const char* anywhere : {"*:7100", "0.0.0.0:7100", "[::]:7100"}) {
    EXPECT_NE(ErrorOf(std::string("[node]\nname = \"a\"\nlisten = \"*:7100\"\nadvertise = [\"") +
                      anywhere + "\"]\n")
                  .find("leads nowhere"),
              std::string::npos);
  }
  EXPECT_NE(ErrorOf("[node]\nname = \"a\"\nadvertise = [\"h:1\"]\n").find("listen is not set"),
            std::string::npos);
  PeerAddress own = BookAddress();
  own.peer = kSelf;
  EXPECT_NE(ErrorOf("[node]\nname = \"a\"\nbootstrap = [\"" + FormatAddress(own) + "\"]\n")
                .find("the node's own address"),
            std::string::npos);
}

TEST(Config, TellsTheLineOfASyntaxError) {
  const std::string error = ErrorOf("[node]\nname = \"a\nb\"\n");
  EXPECT_NE(error.find("config.toml:2:"), std::string::npos) << error;
}

TEST(Address, IsReadBackFromItsLine) {
  const auto address = ParseAddress(FormatAddress(BookAddress()));
  ASSERT_TRUE(address) << address.error().message;
  EXPECT_EQ(address->peer, kBook);
  EXPECT_EQ(address->endpoint, BookAddress().endpoint);
  EXPECT_EQ(address->curve, BookAddress().curve);
}

TEST(Address, RefusesATypoInAnyPart) {
  const std::string good = FormatAddress(BookAddress());
  for (const size_t at : {size_t{6}, good.find('@') - 1, good.find('/') + 1}) {
    std::string bad = good;
    bad[at] = bad[at] == 'q' ? 'p' : at > good.find('/') ? 'x' : 'q';
    EXPECT_FALSE(ParseAddress(bad)) << bad;
  }
  EXPECT_FALSE(ParseAddress(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(ParseAddress(kBook.ToString() + "@host/" + std::string(64, '0')));
  EXPECT_FALSE(ParseAddress("tcp://host:7100"));
}

class NodeDirTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(testing::TempDir()) / ("souk-dir-" + std::to_string(::getpid()));
    std::filesystem::remove_all(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  std::filesystem::path path_ = {};
};

TEST_F(NodeDirTest, IsMadeWithAnIdentityAndAConfigThatLoads) {
  Config config;
  config.name = "kite";
  config.listen = "tcp://0.0.0.0:7100";
  config.bootstrap = {BookAddress()};
  config.provider.enabled = true;
  config.provider.price = Rate{100'000};
  const NodeDir dir = {path_};
  const auto identity = InitNodeDir(dir, config, "");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms::owner_all);
  const auto loaded = LoadIdentity(dir);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->id(), identity->id());
  EXPECT_TRUE(std::filesystem::exists(dir.checkpoint())) << "a node without one lost its ledger";
  const auto read = LoadConfig(dir.config(), loaded->id());
  ASSERT_TRUE(read) << read.error().message;
  // Whom a provider asks first is whom it is paid by, where nothing else was said.
  EXPECT_EQ(read->provider.clearing_peers, std::vector<PeerId>{kBook});
}

TEST_F(NodeDirTest, IsNotMadeTwice) {
  Config config;
  config.name = "kite";
  config.renter = true;
  ASSERT_TRUE(InitNodeDir({path_}, config, ""));
  const auto before = LoadIdentity({path_});
  const auto again = InitNodeDir({path_}, config, "");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kDuplicate);
  EXPECT_EQ(LoadIdentity({path_})->id(), before->id());
}

// Its log goes on under its own key alone.
TEST_F(NodeDirTest, ALostIdentityIsNotMadeAnew) {
  Config config;
  config.name = "kite";
  config.renter = true;
  ASSERT_TRUE(InitNodeDir({path_}, config, ""));
  std::filesystem::remove(path_ / "identity");
  const auto identity = LoadIdentity({path_});
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, Code::kNotFound);
  EXPECT_NE(identity.error().message.find("put its file back"), std::string::npos);
  // Nor where the config is lost, too; what was signed stays.
  std::filesystem::remove(path_ / "config.toml");
  std::filesystem::remove(path_ / "successor");
  const Bytes before = *ReadFile(path_ / "checkpoint", 1 << 20);
  EXPECT_FALSE(InitNodeDir({path_}, config, ""));
  EXPECT_EQ(*ReadFile(path_ / "checkpoint", 1 << 20), before);
  std::filesystem::remove(path_ / "checkpoint");
  std::filesystem::create_directory(path_ / "ledger");
  EXPECT_FALSE(InitNodeDir({path_}, config, ""));
  EXPECT_NE(LoadIdentity({path_}).error().message.find("put its file back"), std::string::npos);
}

TEST_F(NodeDirTest, IsNotLeftHalfMadeWhereTheDiskIsFull) {
  Config config;
  config.name = "kite";
  config.renter = true;
  // A limit on a file's size stands for the disk: no file fits, then the successor's, then the
  // identity's too.
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  for (const rlim_t bytes : {100, 250, 1000}) {
    const rlimit small = {bytes, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const bool made = InitNodeDir({path_ / "deep" / "node"}, config, "").has_value();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_FALSE(made) << bytes;
    EXPECT_FALSE(std::filesystem::exists(path_)) << bytes;
  }
  std::signal(SIGXFSZ, before);
}

TEST_F(NodeDirTest, SaysHowToBeginWhereNobodyLives) {
  const auto identity = LoadIdentity({path_});
  ASSERT_FALSE(identity);
  EXPECT_NE(identity.error().message.find("soukd init --dir"), std::string::npos);
}

TEST_F(NodeDirTest, IsLeftWithoutAnIdentityWhereTheConfigContradictsItself) {
  Config config;
  config.name = "kite";
  config.provider.enabled = true;  // neither listen nor clearing
  const auto made = InitNodeDir({path_}, config, "");
  ASSERT_FALSE(made);
  EXPECT_FALSE(std::filesystem::exists(NodeDir{path_}.identity()));
}

}  // namespace
}  // namespace souk::node
