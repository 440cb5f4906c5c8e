#include "gpu/cpu/launch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "gpu/cpu/apart.h"
#include "protocol/base/check.h"

namespace souk::gpu::cpu {
namespace {

// A block that waits for what would be there if the blocks before it had run would wait for ever.
// One that runs for long is stopped to see whether blocks have met; if not all begin anew, and may
// run longer.
inline constexpr uint64_t kFirstMostOfBlock = uint64_t{1} << 25;
inline constexpr uint64_t kLongerBlocks = 8;
inline constexpr uint64_t kMostOfBlocks = uint64_t{1} << 60;
// How often a launch begins anew, and what is kept for the next ones.
inline constexpr int kMostSurprises = 5;
inline constexpr size_t kMostLearned = 64;

Error Exhausted(const Program& program, uint64_t budget) {
  return Error(Code::kExhausted, "kernel " + program.name + " used up its budget of " +
                                     std::to_string(budget) + " thread-instructions");
}

Error TimeOver(const Program& program) {
  return Error(Code::kExhausted, "kernel " + program.name + " used up the time limit");
}

std::chrono::steady_clock::time_point DeadlineOf(uint64_t milliseconds) {
  constexpr uint64_t kForever = 1'000'000'000'000;  // thirty years; more could overflow the clock
  if (milliseconds > kForever) return std::chrono::steady_clock::time_point::max();
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

// Blocks are handed out in chunks, in order: large ones first, for where one thread's end meets
// another's beginning both want the same lines of the cache, and ever smaller ones at the end, for
// while the last is done the other threads have nothing to do. Chunks that are done out of order
// wait in a window until all before them are: so the budget is charged, and the first error found,
// in block order.
class alignas(kApartBytes) Schedule {
 public:
  // most_of_block: thread-instructions of one block beyond which all are stopped.
  Schedule(const Program& program, uint64_t blocks, uint32_t threads, uint64_t budget,
           uint64_t most_of_block, Accesses& accesses)
      : program_(program),
        blocks_(blocks),
        budget_(budget),
        most_of_block_(most_of_block),
        accesses_(accesses),
        threads_(threads) {
    CHECK(threads > 0);
    done_.resize(uint64_t{threads} * 64);
  }

  void Work(BlockRunner& runner) {
    while (true) {
      uint64_t chunk = 0;
      uint64_t begin = 0, end = 0;
      uint64_t left = 0;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        moved_.wait(lock, [&] { return over_ || next_ < first_open_ + done_.size(); });
        if (over_ || next_block_ == blocks_) return;
        chunk = next_++;
        begin = next_block_;
        end = next_block_ += NextChunk();
        // At least what is left by the time the chunk's turn comes.
        left = budget_ - charged_;
      }
      Done done;
      done.here = true;
      for (uint64_t b = begin; b < end && !done.error && !done.exhausted && !done.late &&
                               !over_.load(std::memory_order_relaxed);
           ++b) {
        const uint64_t most = std::min(left, done.executed + most_of_block_);
        const BlockEnd how = runner.Run(b, most, &done.executed);
        done.exhausted = how == BlockEnd::kExhausted;
        if (done.exhausted && done.executed <= left) accesses_.Stop(Accesses::Stopped::kSlow);
        done.late = how == BlockEnd::kTimeOver;
        if (how == BlockEnd::kFault) done.error = runner.FaultError(b);
      }
      Finish(chunk, std::move(done));
    }
  }

  Result<uint64_t> Outcome() {
    if (error_) return *error_;
    return charged_;
  }
  // The budget ended, or what ended otherwise stood just before it: warps that have a little left
  // take turns in another way, and what comes first may be another thing.
  bool is_close() const { return is_close_; }

 private:
  uint64_t NextChunk() const {
    const uint64_t shares = uint64_t{threads_} * 4;
    const uint64_t most = std::max<uint64_t>(blocks_ / (4 * shares), 1);
    return std::clamp<uint64_t>((blocks_ - next_block_) / shares, 1, most);
  }

  // Each thread writes its own all the time.
  struct alignas(kApartBytes) Done {
    bool here = false;
    bool exhausted = false;
    bool late = false;
    uint64_t executed = 0;
    std::optional<Error> error = std::nullopt;
  };

  void Finish(uint64_t chunk, Done done) {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_[chunk % done_.size()] = std::move(done);
    while (!over_ && done_[first_open_ % done_.size()].here) {
      Done& first = done_[first_open_ % done_.size()];
      if (first.exhausted || first.executed > budget_ - charged_) {
        error_ = Exhausted(program_, budget_);
      } else if (first.error) {
        error_ = first.error;
      } else if (first.late) {
        error_ = TimeOver(program_);
      }
      is_close_ = error_ && first.executed >= budget_ - charged_;
      charged_ += first.executed;
      first = Done{};
      ++first_open_;
      over_ = error_.has_value();
    }
    moved_.notify_all();
  }

  const Program& program_;
  const uint64_t blocks_;
  const uint64_t budget_;
  const uint64_t most_of_block_;
  Accesses& accesses_;
  const uint32_t threads_;
  bool is_close_ = false;
  std::mutex mutex_;
  std::condition_variable moved_;
  uint64_t next_block_ = 0;
  uint64_t next_ = 0;  // chunk
  uint64_t first_open_ = 0;
  uint64_t charged_ = 0;            // chunks before first_open_
  std::atomic<bool> over_ = false;  // changes under the lock
  std::vector<Done> done_ = {};
  std::optional<Error> error_ = std::nullopt;
};

Result<uint64_t> RunInOrder(BlockRunner& runner, const Program& program, const LaunchShape& shape,
                            const LaunchBudget& budget) {
  uint64_t executed = 0;
  const uint64_t blocks = shape.only != nullptr ? shape.only->size() : shape.blocks();
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t b = shape.only != nullptr ? (*shape.only)[i] : i;
    const BlockEnd how = runner.Run(b, budget.thread_instructions, &executed);
    if (how == BlockEnd::kFault) return runner.FaultError(b);
    if (how == BlockEnd::kExhausted) return Exhausted(program, budget.thread_instructions);
    if (how == BlockEnd::kTimeOver) return TimeOver(program);
  }
  return executed;
}

// Where the allocations begin that these pointers name.
std::set<uint64_t> Named(const std::vector<uint32_t>& places,
                         const std::vector<uint64_t>& variables, const Memory& memory,
                         ByteView params) {
  std::set<uint64_t> expected;
  const auto add = [&](uint64_t address) {
    const Allocation* const end = memory.allocations + memory.allocation_count;
    const Allocation* const after =
        std::upper_bound(memory.allocations, end, address,
                         [](uint64_t x, const Allocation& a) { return x < a.begin; });
    if (after == memory.allocations) return;
    const Allocation& found = *(after - 1);
    if (address < found.end && found.writable) expected.insert(found.begin);
  };
  for (const uint32_t at : places) {
    uint64_t address = 0;
    if (at + sizeof(address) > params.size()) continue;
    std::memcpy(&address, params.data() + at, sizeof(address));
    add(address);
  }
  for (const uint64_t address : variables) add(address);
  return expected;
}

Status CheckResident(const Program& program, const LaunchShape& shape) {
  const uint64_t blocks = shape.blocks();
  if (blocks <= kMostResidentBlocks &&
      BlockRunner::Footprint(program, shape) <= kMostResidentBytes / blocks) {
    return Ok();
  }
  return Error(Code::kTooLarge, "launching " + program.name + ": " + std::to_string(blocks) +
                                    " blocks of a cooperative grid cannot all be resident here");
}

}  // namespace

// Blocks take turns in order: each goes on for a slice of every warp.
Result<uint64_t> Launcher::RunTogether(const Program& program, const LaunchShape& shape,
                                       const LaunchBudget& budget) {
  const uint64_t blocks = shape.blocks();
  std::vector<bool> done(blocks, false);
  for (uint64_t b = 0; b < blocks; ++b) runners_[b]->Start(b);
  uint64_t executed = 0;
  uint64_t left = blocks;
  while (left != 0) {
    for (uint64_t b = 0; b < blocks; ++b) {
      if (done[b]) continue;
      switch (runners_[b]->Advance(budget.thread_instructions, &executed)) {
        case BlockEnd::kPaused:
          break;
        case BlockEnd::kFinished:
          done[b] = true;
          --left;
          break;
        case BlockEnd::kFault:
          return runners_[b]->FaultError(b);
        case BlockEnd::kExhausted:
          return Exhausted(program, budget.thread_instructions);
        case BlockEnd::kTimeOver:
          return TimeOver(program);
      }
    }
  }
  return executed;
}

Status Launcher::PrepareRunners(const Program& program, const LaunchShape& shape,
                                const Memory& memory, ByteView params, size_t count,
                                Deadline deadline, SystemState& system) {
  while (runners_.size() < count) runners_.push_back(std::make_unique<BlockRunner>());
  for (size_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(runners_[i]->Prepare(program, shape, memory, params, system));
    runners_[i]->StopAt(deadline);
  }
  return Ok();
}

std::optional<Result<uint64_t>> Launcher::RunBeside(const Program& program,
                                                    const LaunchShape& shape, Memory memory,
                                                    Arena& arena, ByteView params, uint32_t threads,
                                                    const LaunchBudget& budget, Deadline deadline) {
  Learned& learned = learned_[&program];
  const bool apart = !learned.in_order && program.addresses != nullptr &&
                     AreBlocksApart(*program.addresses, shape, memory, params);
  uint64_t most_of_block = kFirstMostOfBlock;
  // A launch begins anew for each allocation that it writes unexpectedly.
  for (int surprises = 0; surprises < kMostSurprises && !learned.in_order;) {
    if (apart) {
      accesses_.BeginApart();
    } else {
      Accesses::Expected expected;
      expected.written = Named(program.written_params, program.written_variables, memory, params);
      expected.written.insert(learned.written.begin(), learned.written.end());
      expected.read = Named(program.read_params, program.read_variables, memory, params);
      expected.read.insert(learned.read.begin(), learned.read.end());
      if (!accesses_.Begin(memory, arena, program.smallest_write, threads, expected)) break;
    }
    Schedule schedule(program, shape.blocks(), threads, budget.thread_instructions, most_of_block,
                      accesses_);
    // Exact kernels neither print nor use the heap.
    std::vector<SystemState> systems(threads);
    while (runners_.size() < threads) runners_.push_back(std::make_unique<BlockRunner>());
    for (size_t i = 0; i < threads; ++i) {
      memory.accesses = apart ? nullptr : &accesses_.Of(i);
      if (!runners_[i]->Prepare(program, shape, memory, params, systems[i])) return std::nullopt;
      runners_[i]->StopAt(deadline);
    }
    std::vector<std::thread> others;
    for (size_t i = 1; i < threads; ++i) {
      try {
        others.emplace_back([&schedule, this, i] { schedule.Work(*runners_[i]); });
      } catch (const std::system_error&) {
        break;  // no memory for another stack: fewer threads come to the same result
      }
    }
    schedule.Work(*runners_[0]);
    for (std::thread& t : others) t.join();
    using Stopped = Accesses::Stopped;
    const Stopped why = accesses_.why();
    const bool surprise = why == Stopped::kWrittenToo || why == Stopped::kReadToo;
    const bool met = !surprise && why != Stopped::kNoMemory && accesses_.Conflict();
    if (why == Stopped::kNo && !met && !schedule.is_close()) {
      accesses_.End();
      return schedule.Outcome();
    }
    accesses_.Undo();
    if (why == Stopped::kNo && !met) break;
    learned.in_order = met || why == Stopped::kNoMemory;
    if (why == Stopped::kSlow) {
      most_of_block = std::min(most_of_block * kLongerBlocks, kMostOfBlocks);
    } else if (surprise) {
      ++surprises;
      std::set<uint64_t>& seen = why == Stopped::kReadToo ? learned.read : learned.written;
      if (seen.size() < kMostLearned) seen.insert(accesses_.surprise());
    }
  }
  return std::nullopt;
}

Result<uint64_t> Launcher::Run(const Program& program, const LaunchShape& shape,
                               const Memory& memory, Arena& arena, ByteView params,
                               uint32_t threads, const LaunchBudget& budget, SystemState& system) {
  const uint64_t blocks = shape.blocks();
  const Deadline deadline = DeadlineOf(budget.milliseconds);
  if (shape.grid_workspace != 0) {
    RETURN_IF_ERROR(CheckResident(program, shape));
    RETURN_IF_ERROR(PrepareRunners(program, shape, memory, params, blocks, deadline, system));
    return RunTogether(program, shape, budget);
  }
  const auto workers = static_cast<uint32_t>(std::min<uint64_t>(threads, blocks));
  if (workers > 1 && shape.only == nullptr) {
    std::optional<Result<uint64_t>> executed =
        RunBeside(program, shape, memory, arena, params, workers, budget, deadline);
    if (executed) return std::move(*executed);
  }
  RETURN_IF_ERROR(PrepareRunners(program, shape, memory, params, 1, deadline, system));
  return RunInOrder(*runners_[0], program, shape, budget);
}

}  // namespace souk::gpu::cpu
