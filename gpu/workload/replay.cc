#include "gpu/workload/replay.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "gpu/ptx/module.h"
#include "gpu/workload/arguments.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/time_limit.h"
#include "gpu/workload/workload_class.h"

namespace souk::gpu {
namespace {

constexpr uint64_t kWordBytes = 4;
// Blocks tried for the writer of one word, after which the whole launch is run.
constexpr uint64_t kMostGuesses = 256;
constexpr double kCertain = 1e-12;

double LogChoose(uint64_t n, uint64_t k) {
  const auto gamma = [](uint64_t x) { return std::lgamma(static_cast<double>(x) + 1); };
  return gamma(n) - gamma(k) - gamma(n - k);
}

// Bytes on the host that stand for a state.
class HostState {
 public:
  HostState(WorkloadSession& session, Status* status) : pages_(session.pages()) {
    for (size_t i = 0; i < pages_.buffer_bytes().size(); ++i) {
      buffers_.emplace_back(pages_.buffer_bytes()[i]);
      if (*status) *status = session.Read(i, 0, buffers_.back());
    }
  }
  ByteView Page(uint64_t page) const {
    const StatePages::Place place = pages_.PlaceOf(page);
    return ByteView(buffers_[place.buffer]).subspan(place.offset, place.bytes);
  }
  void Put(uint64_t page, ByteView bytes) {
    const StatePages::Place place = pages_.PlaceOf(page);
    std::copy(bytes.begin(), bytes.end(),
              buffers_[place.buffer].begin() + static_cast<ptrdiff_t>(place.offset));
  }
  ByteView Buffer(size_t buffer) const { return buffers_[buffer]; }

 private:
  const StatePages& pages_;
  std::vector<Bytes> buffers_ = {};
};

// Collects what parts from the claim.
class Differences {
 public:
  explicit Differences(ReplayReport& report) : report_(report) {}
  void Add(ReplayDifference difference) {
    ++report_.difference_count;
    if (report_.differences.size() < kMostDifferences) {
      report_.differences.push_back(std::move(difference));
    }
  }
  // Every word that differs; both have the same size.
  void AddWords(const ReplayDifference& at, ByteView expected, ByteView claimed) {
    for (uint64_t i = 0; i < expected.size(); i += kWordBytes) {
      const uint64_t bytes = std::min<uint64_t>(kWordBytes, expected.size() - i);
      const ByteView one = expected.subspan(i, bytes);
      const ByteView other = claimed.subspan(i, bytes);
      if (std::equal(one.begin(), one.end(), other.begin())) continue;
      ReplayDifference word = at;
      word.offset += i;
      word.expected = ToBytes(one);
      word.claimed = ToBytes(other);
      Add(std::move(word));
    }
  }

 private:
  ReplayReport& report_;
};

uint64_t BlocksOf(const KernelLaunch& launch) {
  return uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
}

// Saturates: what was ever run is far below.
uint64_t BlocksOf(const std::vector<Step>& steps) {
  uint64_t blocks = 0;
  for (const Step& step : steps) {
    uint64_t here = 0;
    if (step.launch) {
      here = BlocksOf(*step.launch);
    } else if (__builtin_mul_overflow(step.loop->count, BlocksOf(step.loop->body), &here)) {
      return UINT64_MAX;
    }
    if (__builtin_add_overflow(blocks, here, &blocks)) return UINT64_MAX;
  }
  return blocks;
}

Result<ptx::Class> ClassOf(const Workload& workload, BlobSource& blobs) {
  std::vector<ptx::Module> modules;
  for (const BlobRef& blob : workload.modules) {
    ASSIGN_OR_RETURN(const Bytes text, ReadChecked(blobs, blob));
    ASSIGN_OR_RETURN(ptx::Module module, ParseCanonical(AsText(text)));
    modules.push_back(std::move(module));
  }
  RETURN_IF_ERROR(CheckKernels(workload, modules));
  return ClassOfWorkload(workload, modules);
}

// The outputs of a session against the claim.
Status CompareOutputs(WorkloadSession& session, const Workload& workload,
                      const ClaimedResult& claim, Differences& differences) {
  ASSIGN_OR_RETURN(const std::vector<RunOutput> outputs, session.Outputs());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const RunOutput& ours = outputs[i];
    const auto theirs =
        std::find_if(claim.outputs.begin(), claim.outputs.end(),
                     [&](const ClaimedResult::Output& one) { return one.file == ours.file; });
    ReplayDifference at;
    at.what = "output " + ours.file;
    at.buffer = workload.buffers[workload.outputs[i].buffer].name;
    if (theirs == claim.outputs.end()) {
      at.what += " is missing";
      differences.Add(std::move(at));
      continue;
    }
    if (theirs->digest == ours.digest) continue;
    const Result<NpyHeader> header = ParseNpy(theirs->npy);
    const Result<NpyHeader> own = ParseNpy(ours.npy);
    if (!header || !own || theirs->npy.size() != ours.npy.size() ||
        header->data_offset != own->data_offset) {
      differences.Add(std::move(at));
      continue;
    }
    differences.AddWords(at, ByteView(ours.npy).subspan(own->data_offset),
                         ByteView(theirs->npy).subspan(header->data_offset));
  }
  return Ok();
}

// ---- The whole ----

class WholeReplay {
 public:
  WholeReplay(const Workload& workload, const ClaimedResult& claim, const StatesFile* states,
              const ReplayOptions& options, ReplayReport& report)
      : workload_(workload),
        claim_(claim),
        states_(states),
        options_(options),
        report_(report),
        differences_(report),
        limit_(options.milliseconds) {}

  Status Go(BlobSource& blobs) {
    if (options_.check) {
      checker_ = MakeCheckingDevice();
    } else {
      CpuDeviceOptions cpu;
      cpu.threads = options_.threads;
      plain_ = MakeCpuDevice(cpu);
    }
    Device& device = options_.check ? static_cast<Device&>(*checker_) : *plain_;
    ASSIGN_OR_RETURN(session_, WorkloadSession::Open(workload_, blobs, device));
    report_.result_class = session_->result_class();
    report_.launches = session_->launches();
    limit_ = TimeLimit(options_.milliseconds);
    RETURN_IF_ERROR(Commit(0));
    RETURN_IF_ERROR(LaunchAll());
    RETURN_IF_ERROR(CompareOutputs(*session_, workload_, claim_, differences_));
    if (report_.agrees() && CommitmentsRoot(commitments_) != claim_.commitments_root) {
      ReplayDifference at;
      at.what = "commitments";
      differences_.Add(std::move(at));
    }
    report_.blocks_checked = report_.blocks;
    if (checker_) report_.check = checker_->TakeReport();
    return Ok();
  }

 private:
  Status LaunchAll() {
    RunProgress progress;
    progress.launches_total = session_->launches();
    const uint64_t interval = workload_.commit_interval;
    while (session_->next() < session_->launches()) {
      if (options_.progress) RETURN_IF_ERROR(options_.progress(progress));
      ASSIGN_OR_RETURN(const KernelLaunch* const launch, session_->Upcoming());
      kernel_ = launch->kernel;
      ASSIGN_OR_RETURN(const uint64_t milliseconds,
                       limit_.Left(session_->next(), session_->launches()));
      const LaunchBudget budget{.thread_instructions = workload_.limits.thread_instructions,
                                .milliseconds = milliseconds};
      ASSIGN_OR_RETURN(const LaunchStats stats, session_->Launch(budget));
      progress.thread_instructions += stats.thread_instructions;
      progress.launches_done = session_->next();
      const bool last = session_->next() == session_->launches();
      if (last || (interval != 0 && session_->next() % interval == 0)) {
        RETURN_IF_ERROR(Commit(session_->next()));
      }
    }
    return options_.progress ? options_.progress(progress) : Ok();
  }

  // The first commitment that parts is where the run went wrong; later ones follow from it.
  Status Commit(uint64_t launch) {
    std::set<uint64_t> changed;
    ASSIGN_OR_RETURN(const Digest root, session_->StateRoot([&](uint64_t page, ByteView) {
      if (launch != 0) changed.insert(page);
      return Ok();
    }));
    commitments_.push_back({launch, root});
    if (states_ == nullptr || !report_.agrees()) return Ok();
    const size_t index = commitments_.size() - 1;
    const auto& claimed = states_->commitments();
    if (index < claimed.size() && claimed[index] == commitments_.back()) return Ok();
    ReplayDifference at;
    at.what = launch == 0 ? "state before the first launch"
                          : "state after launch " + std::to_string(launch);
    at.launch = launch;
    at.kernel = kernel_;
    if (index < claimed.size() && claimed[index].launch == launch) {
      RETURN_IF_ERROR(ComparePages(at, index, changed));
    }
    if (report_.agrees()) differences_.Add(std::move(at));
    return Ok();
  }

  // The state before was the same on both sides, so only pages that one of them changed differ.
  Status ComparePages(const ReplayDifference& at, size_t index, std::set<uint64_t> changed) {
    std::map<uint64_t, ByteView> theirs;
    for (const StatesFile::Page& page : states_->PagesOf(index)) {
      theirs.emplace(page.page, page.bytes);
      changed.insert(page.page);
    }
    for (const uint64_t page : changed) {
      const StatePages::Place place = session_->pages().PlaceOf(page);
      Bytes ours(place.bytes);
      RETURN_IF_ERROR(session_->Read(place.buffer, place.offset, ours));
      const auto found = theirs.find(page);
      ReplayDifference here = at;
      here.buffer = workload_.buffers[place.buffer].name;
      here.offset = place.offset;
      if (found != theirs.end()) {
        differences_.AddWords(here, ours, found->second);
      } else {
        here.what += ", a page that was left as it was";
        differences_.Add(std::move(here));
      }
    }
    return Ok();
  }

  const Workload& workload_;
  const ClaimedResult& claim_;
  const StatesFile* states_;
  const ReplayOptions& options_;
  ReplayReport& report_;
  Differences differences_;
  std::unique_ptr<CheckingDevice> checker_ = nullptr;  // one of the two; the session is on it
  std::unique_ptr<Device> plain_ = nullptr;
  std::unique_ptr<WorkloadSession> session_ = nullptr;
  TimeLimit limit_;
  std::vector<Commitment> commitments_ = {};
  std::string kernel_ = {};
};

// ---- Samples ----

// A launch between two commitments whose states are at hand.
class SampledReplay {
 public:
  SampledReplay(const Workload& workload, const ClaimedResult& claim, const StatesFile& states,
                const ReplayOptions& options, ReplayReport& report)
      : workload_(workload),
        claim_(claim),
        states_(states),
        options_(options),
        report_(report),
        differences_(report),
        random_(options.seed),
        limit_(options.milliseconds) {}

  Status Go(BlobSource& blobs) {
    CheckingOptions checking;
    checking.list_writes = true;
    device_ = MakeCheckingDevice(checking);
    ASSIGN_OR_RETURN(session_, WorkloadSession::Open(workload_, blobs, *device_));
    report_.result_class = session_->result_class();
    report_.launches = session_->launches();
    Status read = Ok();
    HostState& state = state_.emplace(*session_, &read);
    RETURN_IF_ERROR(read);
    if (!CheckCommitments()) return Ok();
    ASSIGN_OR_RETURN(const Digest s0, session_->StateRoot());
    if (s0 != states_.commitments()[0].state_root) {
      ReplayDifference at;
      at.what = "state before the first launch";
      differences_.Add(std::move(at));
      return Ok();
    }
    CountChangedWords(state);
    Choose();
    limit_ = TimeLimit(options_.milliseconds);
    for (size_t step = 1; step < states_.commitments().size(); ++step) {
      RETURN_IF_ERROR(limit_.Left(step - 1, report_.launches));
      RETURN_IF_ERROR(Report(step - 1));
      RETURN_IF_ERROR(OneStep(step, state));
      if (!report_.agrees()) return Ok();
    }
    RETURN_IF_ERROR(Report(report_.launches));
    return CompareOutputs(*session_, workload_, claim_, differences_);
  }

 private:
  struct Word {
    size_t step = 0;
    uint64_t number = 0;  // among the step's changed words
  };

  Status Report(uint64_t done) const {
    if (!options_.progress) return Ok();
    return options_.progress({done, report_.launches, thread_instructions_});
  }

  // One for each launch, and those that the receipt's root is over.
  bool CheckCommitments() {
    const auto& claimed = states_.commitments();
    bool fits = CommitmentsRoot(claimed) == claim_.commitments_root &&
                claimed.size() == report_.launches + 1;
    for (size_t i = 0; fits && i < claimed.size(); ++i) fits = claimed[i].launch == i;
    if (fits) return true;
    ReplayDifference at;
    at.what = "commitments";
    differences_.Add(std::move(at));
    return false;
  }

  template <typename F>
  static void ForChangedWords(ByteView before, ByteView after, F f) {
    for (uint64_t i = 0; i < after.size(); i += kWordBytes) {
      const uint64_t bytes = std::min<uint64_t>(kWordBytes, after.size() - i);
      const ByteView one = before.subspan(i, bytes);
      if (!std::equal(one.begin(), one.end(), after.begin() + static_cast<ptrdiff_t>(i))) f(i);
    }
  }

  void CountChangedWords(const HostState& s0) {
    HostState state = s0;
    changed_.assign(states_.commitments().size(), 0);
    for (size_t step = 1; step < changed_.size(); ++step) {
      for (const StatesFile::Page& page : states_.PagesOf(step)) {
        ForChangedWords(state.Page(page.page), page.bytes, [&](uint64_t) { ++changed_[step]; });
        state.Put(page.page, page.bytes);
      }
      report_.words_changed += changed_[step];
    }
  }

  uint64_t Below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_);
  }

  // `count` of `all` numbers, each as likely, growing.
  std::vector<uint64_t> Draw(uint64_t all, uint64_t count) {
    std::set<uint64_t> drawn;
    if (count >= all) {
      for (uint64_t i = 0; i < all; ++i) drawn.insert(i);
    }
    // Floyd's sampling.
    for (uint64_t i = all - std::min(all, count); i < all && count < all; ++i) {
      const uint64_t pick = Below(i + 1);
      if (!drawn.insert(pick).second) drawn.insert(i);
    }
    return {drawn.begin(), drawn.end()};
  }

  void Choose() {
    blocks_drawn_ = Draw(report_.blocks, options_.blocks);
    uint64_t first = 0;
    size_t step = 0;
    for (const uint64_t word : Draw(report_.words_changed, options_.words)) {
      while (word - first >= changed_[step]) first += changed_[step++];
      words_drawn_.push_back({step, word - first});
    }
  }

  // From the state before to the one after, looking at what was drawn of the launch between them.
  Status OneStep(size_t step, HostState& state) {
    ASSIGN_OR_RETURN(const KernelLaunch* const launch, session_->Upcoming());
    after_.clear();
    for (const StatesFile::Page& page : states_.PagesOf(step)) {
      after_.emplace(page.page, page.bytes);
    }
    launch_ = launch;
    step_ = step;
    writers_.clear();
    runs_.clear();
    const uint64_t last_block = first_block_ + BlocksOf(*launch);
    while (next_block_ < blocks_drawn_.size() && blocks_drawn_[next_block_] < last_block) {
      RETURN_IF_ERROR(RunBlock(blocks_drawn_[next_block_] - first_block_));
      ++report_.blocks_checked;
      ++next_block_;
    }
    first_block_ = last_block;
    RETURN_IF_ERROR(FindWriters(state));
    for (const auto& [page, bytes] : after_) state.Put(page, bytes);
    return Advance();
  }

  // Puts the state after into memory and compares its root.
  Status Advance() {
    for (const auto& [page, bytes] : after_) {
      const StatePages::Place place = session_->pages().PlaceOf(page);
      RETURN_IF_ERROR(session_->Write(place.buffer, place.offset, bytes));
    }
    RETURN_IF_ERROR(session_->PassOver());
    ASSIGN_OR_RETURN(const Digest root, session_->StateRoot());
    if (root == states_.commitments()[step_].state_root) return Ok();
    ReplayDifference at = Here();
    at.what = "pages that are not those of the commitment";
    differences_.Add(std::move(at));
    return Ok();
  }

  ReplayDifference Here() const {
    ReplayDifference at;
    at.what = "state after launch " + std::to_string(step_);
    at.launch = step_;
    at.kernel = launch_->kernel;
    return at;
  }

  // Runs one block in the state before; what it writes must stand in the state after.
  Status RunBlock(uint64_t block) {
    if (!runs_.insert(block).second) return Ok();
    ASSIGN_OR_RETURN(const uint64_t milliseconds, limit_.Left(step_ - 1, report_.launches));
    const LaunchBudget budget{.thread_instructions = workload_.limits.thread_instructions,
                              .milliseconds = milliseconds};
    ASSIGN_OR_RETURN(const LaunchStats stats, session_->Launch(budget, {block}));
    thread_instructions_ += stats.thread_instructions;
    for (const WrittenRange& range : device_->TakeWrites()) {
      if (range.allocation >= workload_.buffers.size()) continue;  // a module's variable
      RETURN_IF_ERROR(CompareRange(range, block));
    }
    return Ok();
  }

  Status CompareRange(const WrittenRange& range, uint64_t block) {
    const auto buffer = static_cast<size_t>(range.allocation);
    for (uint64_t at = range.offset; at < range.offset + range.bytes;) {
      const uint64_t page = session_->pages().PageOf(buffer, at);
      const StatePages::Place place = session_->pages().PlaceOf(page);
      const uint64_t end = std::min(range.offset + range.bytes, place.offset + place.bytes);
      Bytes ours(end - at);
      RETURN_IF_ERROR(session_->Read(buffer, at, ours));
      const ByteView claimed = After(page).subspan(at - place.offset, end - at);
      ReplayDifference here = Here();
      here.block = block;
      here.buffer = workload_.buffers[buffer].name;
      here.offset = at;
      differences_.AddWords(here, ours, claimed);
      writers_.emplace_back(buffer, at, end - at);
      // Back to the state before, in which the next block begins.
      RETURN_IF_ERROR(
          session_->Write(buffer, at, state_->Page(page).subspan(at - place.offset, end - at)));
      at = end;
    }
    return Ok();
  }

  ByteView After(uint64_t page) const {
    const auto found = after_.find(page);
    return found != after_.end() ? found->second : state_->Page(page);
  }

  bool IsWritten(size_t buffer, uint64_t offset) const {
    return std::any_of(writers_.begin(), writers_.end(), [&](const auto& range) {
      return std::get<0>(range) == buffer && offset >= std::get<1>(range) &&
             offset - std::get<1>(range) < std::get<2>(range);
    });
  }

  // For each word drawn of this step a block that writes it, of which RunBlock then says whether it
  // writes what stands there.
  Status FindWriters(const HostState& state) {
    uint64_t number = 0;
    for (const auto& [page, bytes] : after_) {
      std::vector<uint64_t> offsets;
      ForChangedWords(state.Page(page), bytes, [&](uint64_t offset) {
        if (next_word_ < words_drawn_.size() && words_drawn_[next_word_].step == step_ &&
            words_drawn_[next_word_].number == number) {
          offsets.push_back(offset);
          ++next_word_;
        }
        ++number;
      });
      for (const uint64_t offset : offsets) RETURN_IF_ERROR(FindWriter(page, offset));
    }
    return Ok();
  }

  // Most kernels give block after block its part of a buffer in order: the guess is where the word
  // stands in it, then around there. Where no guess is right all blocks are run.
  Status FindWriter(uint64_t page, uint64_t offset) {
    const StatePages::Place place = session_->pages().PlaceOf(page);
    const uint64_t at = place.offset + offset;
    const uint64_t blocks = BlocksOf(*launch_);
    const double share = static_cast<double>(at) /
                         static_cast<double>(session_->pages().buffer_bytes()[place.buffer]);
    const auto guess = static_cast<uint64_t>(share * static_cast<double>(blocks));
    for (uint64_t i = 0; i < 2 * blocks; ++i) {
      if (IsWritten(place.buffer, at)) {
        ++report_.words_checked;
        return Ok();
      }
      if (!report_.agrees()) return Ok();
      if (i == kMostGuesses) return RunAll(place, at);
      // guess, guess - 1, guess + 1, guess - 2, …
      const uint64_t away = (i + 1) / 2;
      const bool below = i % 2 == 1;
      if (below ? away > guess : guess + away >= blocks) continue;
      RETURN_IF_ERROR(RunBlock(below ? guess - away : guess + away));
    }
    return NobodyWrites(place, at);
  }

  Status RunAll(const StatePages::Place& place, uint64_t at) {
    for (uint64_t block = 0; block < BlocksOf(*launch_) && report_.agrees(); ++block) {
      RETURN_IF_ERROR(RunBlock(block));
      if (IsWritten(place.buffer, at)) {
        ++report_.words_checked;
        return Ok();
      }
    }
    return report_.agrees() ? NobodyWrites(place, at) : Ok();
  }

  Status NobodyWrites(const StatePages::Place& place, uint64_t at) {
    if (IsWritten(place.buffer, at)) {
      ++report_.words_checked;
      return Ok();
    }
    ReplayDifference here = Here();
    here.what += ", a word that no block writes";
    here.buffer = workload_.buffers[place.buffer].name;
    here.offset = at;
    const uint64_t page = session_->pages().PageOf(place.buffer, at);
    const uint64_t bytes = std::min<uint64_t>(kWordBytes, place.offset + place.bytes - at);
    here.expected = ToBytes(state_->Page(page).subspan(at - place.offset, bytes));
    here.claimed = ToBytes(After(page).subspan(at - place.offset, bytes));
    differences_.Add(std::move(here));
    return Ok();
  }

  const Workload& workload_;
  const ClaimedResult& claim_;
  const StatesFile& states_;
  const ReplayOptions& options_;
  ReplayReport& report_;
  Differences differences_;
  std::mt19937_64 random_;
  TimeLimit limit_;
  uint64_t thread_instructions_ = 0;
  std::unique_ptr<CheckingDevice> device_ = nullptr;
  std::unique_ptr<WorkloadSession> session_ = nullptr;
  std::optional<HostState> state_ = {};  // before the step that is looked at
  std::vector<uint64_t> changed_ = {};   // words, of each step
  std::vector<uint64_t> blocks_drawn_ = {};
  std::vector<Word> words_drawn_ = {};
  size_t next_block_ = 0;
  size_t next_word_ = 0;
  uint64_t first_block_ = 0;  // of the step's launch, over all launches
  // The step that is looked at.
  size_t step_ = 0;
  const KernelLaunch* launch_ = nullptr;
  std::map<uint64_t, ByteView> after_ = {};                           // pages that it changed
  std::set<uint64_t> runs_ = {};                                      // blocks that were run
  std::vector<std::tuple<size_t, uint64_t, uint64_t>> writers_ = {};  // buffer, offset, bytes
};

// Why samples do not do; empty where they do.
std::string WhyWhole(const Workload& workload, const ptx::Class result_class,
                     const StatesFile* states, const ReplayOptions& options) {
  if (options.whole || options.check) return "asked for";
  if (result_class != ptx::Class::kExact) {
    return std::string("a kernel is ") + ptx::ClassName(result_class) +
           ": its blocks cannot be run alone";
  }
  if (states == nullptr) return "the job's states were not kept (keep_states)";
  if (workload.commit_interval != 1) {
    return "there is no commitment after each launch (commit_every = 1)";
  }
  return "";
}

}  // namespace

Result<ReplayReport> Replay(const Workload& workload, BlobSource& blobs, const ClaimedResult& claim,
                            const StatesFile* states, const ReplayOptions& options) {
  ReplayReport report;
  report.blocks = BlocksOf(workload.steps);
  ASSIGN_OR_RETURN(report.result_class, ClassOf(workload, blobs));
  report.why_whole = WhyWhole(workload, report.result_class, states, options);
  report.whole = !report.why_whole.empty();
  if (report.whole) {
    RETURN_IF_ERROR(WholeReplay(workload, claim, states, options, report).Go(blobs));
  } else {
    RETURN_IF_ERROR(SampledReplay(workload, claim, *states, options, report).Go(blobs));
  }
  return report;
}

double CatchProbability(uint64_t all, uint64_t bad, uint64_t checked) {
  if (bad == 0 || checked == 0) return 0;
  if (bad + checked > all) return 1;
  return 1 - std::exp(LogChoose(all - bad, checked) - LogChoose(all, checked));
}

uint64_t MostMissed(uint64_t all, uint64_t checked, double confidence) {
  if (checked >= all) return 0;
  if (checked == 0) return all;
  // The probability to miss falls as the bad ones grow.
  uint64_t low = 0;
  uint64_t high = all - checked + 1;
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    const double miss = 1 - CatchProbability(all, middle, checked);
    (miss + kCertain >= 1 - confidence ? low : high) = middle;
  }
  return low;
}

}  // namespace souk::gpu
