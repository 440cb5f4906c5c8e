#include "integration/nodes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "gpu/ptx/module.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"

namespace souk::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint32_t kElements = 256;
constexpr uint32_t kFactor = 1664525, kSummand = 1013904223;

constexpr std::string_view kKernel = R"(.version 6.3
.target sm_50
.address_size 64
.visible .entry congruence(.param .u64 p0)
{
	.reg .b32 %r<4>;
	.reg .b64 %rd<5>;
	ld.param.u64 %rd1, [p0];
	cvta.to.global.u64 %rd2, %rd1;
	mov.u32 %r1, %tid.x;
	mul.wide.u32 %rd3, %r1, 4;
	add.s64 %rd4, %rd2, %rd3;
	ld.global.u32 %r2, [%rd4];
	mad.lo.s32 %r3, %r2, 1664525, 1013904223;
	st.global.u32 [%rd4], %r3;
	ret;
}
)";

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::filesystem::path ProgramPath(const std::string& name) {
  return std::filesystem::path(SOUK_BINARY_DIR) / "bin" / name;
}

// ---- Process ---------------------------------------------------------------------------------

Process::Process(const std::vector<std::string>& command, const std::filesystem::path& out,
                 const std::filesystem::path& err) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ != 0) return;
  const int out_fd = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err_fd = ::open(err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out_fd, 1);
  ::dup2(err_fd, 2);
  ::close_range(3, ~0u, 0);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

Process::~Process() {
  if (pid_ <= 0) return;
  Signal(SIGKILL);
  Wait(10'000);
}
Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

void Process::Signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

int Process::Wait(int limit) {
  const auto give_up = steady_clock::now() + milliseconds(limit);
  while (steady_clock::now() < give_up) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  return -1;
}

// ---- Node ------------------------------------------------------------------------------------

Node::Node(std::filesystem::path dir, std::string name, std::filesystem::path soukd)
    : dir_(std::move(dir)),
      name_(std::move(name)),
      soukd_(soukd.empty() ? ProgramPath("soukd") : std::move(soukd)) {}

std::string Node::Errors() const {
  return ReadText(dir_.string() + ".err");
}

void Node::Init(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {soukd_, "init", "--dir", dir_, "--name", name_};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Process init(command, dir_.string() + ".init", dir_.string() + ".err");
  ASSERT_EQ(init.Wait(20'000), 0) << Errors();
}

void Node::Start(const std::vector<std::string>& arguments) {
  const std::filesystem::path out = dir_.string() + ".out" + std::to_string(++starts_);
  std::vector<std::string> command = {soukd_, "run", "--dir", dir_, "--json"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  process_ = Process(command, out, dir_.string() + ".err");
  const auto give_up = steady_clock::now() + milliseconds(30'000);
  while (steady_clock::now() < give_up) {
    const std::string text = ReadText(out);
    if (text.find('\n') != std::string::npos) {
      address_ = json::parse(text)["address"].get<std::string>();
      return;
    }
    ASSERT_EQ(process_.Wait(20), -1) << name_ << " ended: " << Errors();
  }
  FAIL() << name_ << " does not listen: " << Errors();
}

void Node::KeepPort() const {
  const size_t at = address_.find('@'), slash = address_.rfind('/');
  const std::string host_port = address_.substr(at + 1, slash - at - 1);
  const std::filesystem::path path = dir_ / "config.toml";
  std::string text = std::string(AsText(*ReadFile(path, 1 << 20)));
  text.replace(text.find("127.0.0.1:0"), 11, host_port);
  ASSERT_TRUE(WriteFileAtomic(path, AsBytes(text), 0600));
}

int Node::Stop() {
  process_.Signal(SIGTERM);
  return process_.Wait(20'000);
}

void Node::Kill() {
  process_.Signal(SIGKILL);
  process_.Wait(10'000);
}

Result<json> Node::Call(const json& request) {
  ASSIGN_OR_RETURN(auto client, node::control::Client::Connect(dir_));
  return client.Call(request);
}

json Node::Ask(const json& request) {
  auto answer = Call(request);
  if (answer) return *answer;
  ADD_FAILURE() << name_ << " " << request.dump() << ": " << answer.error().message << "\n"
                << Errors();
  return {};
}

std::string Node::ErrorOf(const json& request) {
  const auto answer = Call(request);
  return answer ? "" : answer.error().message;
}

json Node::AskUntil(const json& request, const std::function<bool(const json&)>& done, int limit) {
  const auto give_up = steady_clock::now() + milliseconds(limit);
  json last;
  while (steady_clock::now() < give_up) {
    auto answer = Call(request);
    if (answer) last = *answer;
    if (answer && done(last)) return last;
    std::this_thread::sleep_for(milliseconds(10));
  }
  ADD_FAILURE() << name_ << ": in vain: " << request.dump() << "\nlast: " << last.dump(2) << "\n"
                << Errors();
  return last;
}

BlobRef Node::PutBlob(ByteView bytes) {
  const Digest digest = Sha256(bytes);
  const Status put = WriteFileAtomic(dir_ / "blobs/sha256" / digest.Hex(), bytes, 0600);
  EXPECT_TRUE(put) << (put ? "" : put.error().message);
  return {digest, bytes.size()};
}

Bytes Node::BlobBytes(const std::string& hex) const {
  return ReadFile(dir_ / "blobs/sha256" / hex, size_t{1} << 30).value_or(Bytes{});
}

std::string IssueTo(Node& book, Node& renter, int64_t amount_micro) {
  const json id = renter.AskUntil(
      {{"do", "id"}}, [](const json& answer) { return answer["accounts"].size() == 1; });
  std::string account = id["accounts"][0]["account"].get<std::string>();
  book.Ask({{"do", "issue"},
            {"account", account},
            {"amount_micro", amount_micro},
            {"reference", "invoice 1"}});
  return account;
}

// ---- Work ------------------------------------------------------------------------------------

CongruenceWork::CongruenceWork(uint64_t launches) {
  auto module = ptx::Parse(kKernel);
  EXPECT_TRUE(module) << (module ? "" : module.error().message);
  const auto canonical = ptx::Canonicalize(std::move(*module));
  EXPECT_TRUE(canonical) << (canonical ? "" : canonical.error().message);
  const std::string text = ptx::Write(*canonical);
  Bytes start, end;
  for (uint32_t i = 0; i < kElements; ++i) {
    PutLe(start, i);
    uint32_t value = i;
    for (uint64_t step = 0; step < launches; ++step) value = value * kFactor + kSummand;
    PutLe(end, value);
  }
  const Bytes input = gpu::WriteNpy(gpu::DType::kU32, {kElements}, start);
  expected = gpu::WriteNpy(gpu::DType::kU32, {kElements}, end);
  blobs = {ToBytes(AsBytes(text)), input};

  gpu::Workload work;
  work.name = "congruence";
  work.modules = {{Sha256(blobs[0]), blobs[0].size()}};
  gpu::Buffer buffer;
  buffer.name = "numbers";
  buffer.dtype = gpu::DType::kU32;
  buffer.shape = {kElements};
  buffer.input = gpu::BlobRef{Sha256(input), input.size()};
  work.buffers = {buffer};
  gpu::KernelLaunch launch;
  launch.kernel = "congruence";
  launch.block = {kElements, 1, 1};
  gpu::Argument pointer;
  pointer.buffer = 0;
  pointer.value = gpu::Expression::Integer(0);
  launch.arguments = {pointer};
  gpu::Step step;
  step.launch = launch;
  gpu::Loop loop;
  loop.count = launches;
  loop.body = {step};
  gpu::Step repeat;
  repeat.loop = loop;
  work.steps = {repeat};
  work.outputs = {{.buffer = 0, .file = "numbers.npy"}};
  work.limits = {
      .memory_bytes = 1 << 20, .milliseconds = 600'000, .thread_instructions = uint64_t{1} << 40};
  const auto encoded = gpu::EncodeWorkload(work);
  EXPECT_TRUE(encoded) << (encoded ? "" : encoded.error().message);
  if (encoded) encoding = *encoded;
}

}  // namespace souk::integration
