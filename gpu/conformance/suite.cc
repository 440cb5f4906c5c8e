#include "gpu/conformance/suite.h"

#include <algorithm>
#include <array>
#include <optional>

#include "gpu/conformance/batch.h"
#include "gpu/conformance/expected.h"
#include "gpu/ptx/module.h"
#include "protocol/base/sha256.h"

namespace souk::gpu::conformance {
namespace {

// A whole family takes a second; a device that hangs must not hang the check.
constexpr LaunchBudget kBudget = {.milliseconds = 60'000};

// One device, and a module on it.
class Stand {
 public:
  explicit Stand(DeviceOpener open) : open_(std::move(open)) {}

  // Opens the device where it is not open, or broke.
  Status Ready() {
    if (device_) return Ok();
    ASSIGN_OR_RETURN(device_, open_());
    return Ok();
  }
  const DeviceInfo& info() const { return device_->info(); }

  // Whatever fails from here on may have broken the device: the next Ready opens another.
  Status Load(const ptx::Module& module) {
    return Guard([&]() -> Status {
      ASSIGN_OR_RETURN(module_, device_->Load(module));
      return Ok();
    });
  }
  Status Start(const KernelRun& run, Dim3 grid, Dim3 block) {
    return Guard([&] { return StartOn(run, grid, block); });
  }
  Result<Bytes> Finish(const KernelRun& run) {
    Bytes output(run.output_bytes);
    if (Status done = Guard([&] { return FinishOn(output); }); !done) return done.error();
    return output;
  }

 private:
  template <typename Act>
  Status Guard(const Act& act) {
    Status done = act();
    if (!done) device_.reset();
    return done;
  }

  Status StartOn(const KernelRun& run, Dim3 grid, Dim3 block) {
    memory_.clear();
    ASSIGN_OR_RETURN(memory_.emplace_back(), device_->Allocate(run.output_bytes));
    LaunchRequest request{.kernel = run.kernel, .grid = grid, .block = block};
    PutLe(request.params, memory_[0]);
    for (const Column& column : run.inputs) {
      ASSIGN_OR_RETURN(const DeviceAddress address, device_->Allocate(column.bytes->size()));
      memory_.push_back(address);
      RETURN_IF_ERROR(device_->Write(address, *column.bytes));
      PutLe(request.params, address);
    }
    PutLe(request.params, run.rows);
    return device_->StartLaunch(module_, request, kBudget);
  }

  Status FinishOn(Bytes& output) {
    ASSIGN_OR_RETURN([[maybe_unused]] const LaunchStats stats, device_->FinishLaunch());
    RETURN_IF_ERROR(device_->Read(memory_[0], output));
    for (const DeviceAddress address : memory_) RETURN_IF_ERROR(device_->Free(address));
    return Ok();
  }

  DeviceOpener open_;
  std::unique_ptr<Device> device_;
  ModuleHandle module_ = 0;
  std::vector<DeviceAddress> memory_;
};

// Names and values of each group, in the order of the modules.
class GroupDigests {
 public:
  void Add(const KernelRun& run, ByteView output) {
    for (const Slot& slot : run.slots) {
      Group& group = groups_[slot.group];
      ++group.forms;
      group.hasher.Update(AsBytes(slot.form));
      group.hasher.Update(output.subspan(slot.offset, uint64_t{slot.rows} * SlotBytes(slot.type)));
    }
  }
  std::map<std::string, GroupResult> Finish() {
    std::map<std::string, GroupResult> results;
    for (auto& [name, group] : groups_) {
      const Digest digest = group.hasher.Finish();
      results[name] = {group.forms, GetLe<uint64_t>(digest.bytes.data())};
    }
    return results;
  }

 private:
  struct Group {
    uint32_t forms = 0;
    Sha256Hasher hasher;
  };
  std::map<std::string, Group> groups_;
};

uint32_t FormsOf(const Module& module) {
  uint32_t forms = 0;
  for (const KernelRun& run : module.runs) forms += static_cast<uint32_t>(run.slots.size());
  return forms;
}

// One family after the other.
class FamilyCheck {
 public:
  FamilyCheck(const Plan& plan, Stand& reference, Stand* subject)
      : plan_(plan), reference_(reference), subject_(subject) {}

  FamilyReport Go(std::span<const Module> modules) {
    report_.family = modules[0].family;
    for (const Module& module : modules) {
      const Status ran = RunModule(module);
      // One module's failure leaves the others to be told about.
      if (!ran && report_.error.empty()) report_.error = ran.error().message;
    }
    report_.groups = digests_.Finish();
    if (report_.error.empty()) {
      for (const auto& [group, result] : report_.groups) {
        if (!IsExpected(group, result)) report_.unexpected.push_back(group);
      }
    }
    return std::move(report_);
  }

 private:
  Status RunModule(const Module& module) {
    RETURN_IF_ERROR(reference_.Ready());
    ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(module.text));
    ASSIGN_OR_RETURN(const ptx::Module canonical, ptx::Canonicalize(std::move(parsed)));
    RETURN_IF_ERROR(reference_.Load(canonical));
    const uint32_t forms = FormsOf(module);
    report_.forms += forms;
    bool compare = subject_ != nullptr;
    if (compare) {
      RETURN_IF_ERROR(subject_->Ready());
      const DeviceInfo& info = subject_->info();
      compare = module.target <= info.architecture && module.version <= info.newest_ptx;
      if (!compare) report_.skipped += forms;
    }
    if (compare) RETURN_IF_ERROR(subject_->Load(canonical));
    for (const KernelRun& run : module.runs) RETURN_IF_ERROR(RunOne(run, compare));
    return Ok();
  }

  // The subject works while the reference does.
  Status RunOne(const KernelRun& run, bool compare) {
    Dim3 grid = run.grid;
    Dim3 block = run.block;
    if (plan_.block != 0 && run.any_block) {
      block = {plan_.block, 1, 1};
      grid = {(run.rows + plan_.block - 1) / plan_.block, 1, 1};
    }
    const auto in = [&](const Error& error) {
      return error.Within("kernel " + run.kernel + ", from " + run.slots.front().form);
    };
    if (compare) {
      if (Status ok = subject_->Start(run, grid, block); !ok) return in(ok.error());
    }
    if (Status ok = reference_.Start(run, grid, block); !ok) return in(ok.error());
    const Result<Bytes> expected = reference_.Finish(run);
    if (!expected) return in(expected.error());
    digests_.Add(run, *expected);
    if (!compare) {
      report_.comparison.Add(JudgeOutput(run, *expected));
      if (subject_ == nullptr) CountExpected(run);
      return Ok();
    }
    const Result<Bytes> found = subject_->Finish(run);
    if (!found) return in(found.error());
    report_.comparison.Add(CompareOutputs(run, *expected, *found));
    return Ok();
  }

  // Values that stored expectations stand for.
  void CountExpected(const KernelRun& run) {
    for (const Slot& slot : run.slots) {
      if (slot.agreement != Agreement::kBounded) report_.comparison.values += slot.rows;
    }
  }

  const Plan& plan_;
  Stand& reference_;
  Stand* subject_;
  FamilyReport report_;
  GroupDigests digests_;
};

bool Wanted(const Plan& plan, const std::string& family) {
  return plan.families.empty() ||
         std::find(plan.families.begin(), plan.families.end(), family) != plan.families.end();
}

}  // namespace

std::vector<Module> AllModules() {
  std::vector<Module> all;
  for (const auto make : {&RegisterForms, &MemoryForms, &AtomicForms, &BlockForms}) {
    for (Module& module : BatchForms(make())) all.push_back(std::move(module));
  }
  // Families that several lists contribute to.
  std::stable_sort(all.begin(), all.end(),
                   [](const Module& x, const Module& y) { return x.family < y.family; });
  return all;
}

std::vector<std::string> Families() {
  std::vector<std::string> families;
  for (const Module& module : AllModules()) {
    if (families.empty() || families.back() != module.family) families.push_back(module.family);
  }
  return families;
}

Status RunPlan(const Plan& plan, const std::function<void(const FamilyReport&)>& done) {
  Stand reference(plan.reference);
  std::optional<Stand> subject;
  if (plan.subject) subject.emplace(plan.subject);
  RETURN_IF_ERROR(reference.Ready());
  if (subject) RETURN_IF_ERROR(subject->Ready());
  const std::vector<Module> modules = AllModules();
  for (size_t at = 0; at < modules.size();) {
    size_t end = at;
    while (end < modules.size() && modules[end].family == modules[at].family) ++end;
    if (Wanted(plan, modules[at].family)) {
      FamilyCheck check(plan, reference, subject ? &*subject : nullptr);
      done(check.Go(std::span(modules).subspan(at, end - at)));
    }
    at = end;
  }
  return Ok();
}

std::string ExpectationLines(const FamilyReport& report) {
  std::string lines;
  for (const auto& [group, result] : report.groups) {
    std::array<uint8_t, 8> bytes = {};
    for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(result.digest >> (56 - 8 * i));
    lines += "{\"" + group + "\", " + std::to_string(result.forms) + ", 0x" + ToHex(bytes) + "},\n";
  }
  return lines;
}

}  // namespace souk::gpu::conformance
