#include "gpu/worker/job_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <new>
#include <optional>

#include "gpu/workload/run.h"
#include "gpu/workload/states_file.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/check.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

// The C library's fstat is newfstatat with a path, which the strict list refuses.
int StatDescriptor(int fd, struct stat* info) {
#ifdef SYS_fstat
  return static_cast<int>(::syscall(SYS_fstat, fd, info));
#else
  return ::fstat(fd, info);
#endif
}

Result<Bytes> ReadJobFile(const JobFile& file, uint64_t bytes) {
  if (bytes > file.entry.bytes) {
    return Error(Code::kMismatch, file.entry.digest.ToString() + " has " +
                                      std::to_string(file.entry.bytes) + " bytes, not " +
                                      std::to_string(bytes));
  }
  Bytes out(bytes);
  size_t at = 0;
  while (at < out.size()) {
    const ssize_t got =
        ::pread(file.file.get(), out.data() + at, out.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("reading " + file.entry.digest.ToString(), errno);
    if (got == 0) return Error(Code::kIo, file.entry.digest.ToString() + " was cut off");
    at += static_cast<size_t>(got);
  }
  return out;
}

// Bytes of the file from `from` on; not yet durable.
Status PutIntoJobFile(const JobFile& file, uint64_t from, ByteView bytes, const std::string& name) {
  if (from > file.entry.bytes || bytes.size() > file.entry.bytes - from) {
    return Error(Code::kTooLarge, name + " has " + std::to_string(from + bytes.size()) +
                                      " bytes, at most " + std::to_string(file.entry.bytes) +
                                      " may be written");
  }
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t wrote = ::pwrite(file.file.get(), bytes.data() + at, bytes.size() - at,
                                   static_cast<off_t>(from + at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoError("writing " + name, errno);
    at += static_cast<size_t>(wrote);
  }
  return Ok();
}

Status SyncJobFile(const JobFile& file, const std::string& name) {
  if (::fdatasync(file.file.get()) != 0) return ErrnoError("syncing " + name, errno);
  return Ok();
}

// The states of a run on their way into a file, which may be as large as a blob.
class KeptStates {
 public:
  KeptStates(const Workload& workload, const JobFile& file)
      : file_(file), writer_(workload, [this](ByteView bytes) { return Append(bytes); }) {}
  StateSink& sink() { return writer_; }
  // Nothing where they did not fit: states are evidence, and a result without is one all the same.
  std::optional<OutputFile> Finish() {
    if (!writer_.kept() || !SyncJobFile(file_, std::string(kStatesFile))) return std::nullopt;
    return OutputFile{std::string(kStatesFile), hasher_.Finish(), bytes_};
  }

 private:
  Status Append(ByteView bytes) {
    RETURN_IF_ERROR(PutIntoJobFile(file_, bytes_, bytes, std::string(kStatesFile)));
    hasher_.Update(bytes);
    bytes_ += bytes.size();
    return Ok();
  }

  const JobFile& file_;
  Sha256Hasher hasher_ = {};
  uint64_t bytes_ = 0;
  StatesWriter writer_;  // last: it writes as it is made
};

class HandedBlobs : public BlobSource {
 public:
  explicit HandedBlobs(const std::vector<JobFile>& files) {
    for (const JobFile& file : files) {
      if (file.entry.role == FileRole::kBlob) files_[file.entry.digest] = &file;
    }
  }
  Result<Bytes> Read(const BlobRef& blob) override {
    const auto found = files_.find(blob.digest);
    if (found == files_.end()) {
      return Error(Code::kNotFound, blob.digest.ToString() + " was not handed over");
    }
    return ReadJobFile(*found->second, blob.bytes);
  }

 private:
  std::map<Digest, const JobFile*> files_;
};

}  // namespace

Status WriteJobFile(const JobFile& file, ByteView bytes, const std::string& name) {
  RETURN_IF_ERROR(PutIntoJobFile(file, 0, bytes, name));
  return SyncJobFile(file, name);
}

uint64_t BootMilliseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

Status CheckJobFile(const JobFile& file) {
  struct stat info = {};
  const int flags = ::fcntl(file.file.get(), F_GETFL);
  if (flags < 0 || StatDescriptor(file.file.get(), &info) != 0) {
    return ErrnoError("looking at a descriptor", errno);
  }
  // A folder is a way out of the jail (openat with ".."), a pipe can hold its reader for ever.
  if (!S_ISREG(info.st_mode)) {
    return Error(Code::kInvalidArgument, "a descriptor that is not a regular file");
  }
  const int mode = flags & O_ACCMODE;
  const bool written = file.entry.role == FileRole::kOutput || file.entry.role == FileRole::kResult;
  if ((flags & O_PATH) != 0 || mode != (written ? O_RDWR : O_RDONLY)) {
    return Error(Code::kInvalidArgument, written
                                             ? "an output that is not open for reading and writing"
                                             : "an input that is not open for reading only");
  }
  if (!written && static_cast<uint64_t>(info.st_size) != file.entry.bytes) {
    return Error(Code::kMismatch, "an input of " + std::to_string(info.st_size) + " bytes, not " +
                                      std::to_string(file.entry.bytes));
  }
  return Ok();
}

Status JobRun::CheckFiles(const std::vector<JobFile>& files) {
  const auto count = [&](FileRole role) {
    return std::count_if(files.begin(), files.end(),
                         [&](const JobFile& file) { return file.entry.role == role; });
  };
  if (count(FileRole::kWorkload) != 1 || count(FileRole::kResult) != 1) {
    return Error(Code::kInvalidArgument, "a run needs one workload and one result file");
  }
  return Ok();
}

JobRun::JobRun(const wire::Run& run, std::vector<JobFile> files, Device& device)
    : run_(run), files_(std::move(files)), device_(device), started_ms_(BootMilliseconds()) {}

const JobFile& JobRun::Find(FileRole role) const {
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [&](const JobFile& file) { return file.entry.role == role; });
  CHECK(found != files_.end());
  return *found;
}

wire::Progress JobRun::progress() const {
  wire::Progress progress;
  progress.launches_done = launches_done_;
  progress.launches_total = launches_total_;
  progress.thread_instructions = thread_instructions_;
  progress.milliseconds = BootMilliseconds() - started_ms_;
  return progress;
}

Result<std::vector<OutputFile>> JobRun::WriteOutputs(const std::vector<RunOutput>& outputs) {
  std::vector<OutputFile> written;
  auto file = files_.begin();
  for (const RunOutput& output : outputs) {
    while (file != files_.end() && file->entry.role != FileRole::kOutput) ++file;
    if (file == files_.end()) {
      return Error(Code::kInvalidArgument, "the workload has more outputs than files for them");
    }
    RETURN_IF_ERROR(WriteJobFile(*file, output.npy, output.file));
    ++file;
    OutputFile entry;
    entry.file = output.file;
    entry.digest = output.digest;
    entry.bytes = output.npy.size();
    written.push_back(std::move(entry));
  }
  return written;
}

Result<WorkerResult> JobRun::RunToResult() {
  const JobFile& encoded = Find(FileRole::kWorkload);
  if (encoded.entry.bytes > kMaxWorkloadBytes) {
    return Error(Code::kTooLarge, "the workload has " + std::to_string(encoded.entry.bytes) +
                                      " bytes, at most " + std::to_string(kMaxWorkloadBytes));
  }
  ASSIGN_OR_RETURN(const Bytes bytes, ReadJobFile(encoded, encoded.entry.bytes));
  if (Sha256(bytes) != encoded.entry.digest) {
    return Error(Code::kMismatch, "the workload is not " + encoded.entry.digest.ToString());
  }
  ASSIGN_OR_RETURN(const Workload workload, DecodeWorkload(bytes));
  RunOptions options;
  options.progress = [this](const RunProgress& now) -> Status {
    launches_done_ = now.launches_done;
    launches_total_ = now.launches_total;
    thread_instructions_ = now.thread_instructions;
    if (cancelled_) return Error(Code::kUnavailable, "cancelled");
    return Ok();
  };
  options.printed = [this](std::string_view text) { printed_ += text; };
  const std::vector<const JobFile*> beside = FilesBeside(workload.outputs.size());
  if (!beside.empty()) printed_file_ = beside[1];
  std::optional<KeptStates> states;
  if (workload.keep_states && !beside.empty()) {
    states.emplace(workload, *beside[0]);
    options.states = &states->sink();
  }
  HandedBlobs blobs(files_);
  ASSIGN_OR_RETURN(RunResult run, RunWorkload(workload, blobs, device_, options));
  WorkerResult result;
  ASSIGN_OR_RETURN(result.outputs, WriteOutputs(run.outputs));
  if (states) {
    if (std::optional<OutputFile> kept = states->Finish()) {
      result.outputs.push_back(std::move(*kept));
    }
  }
  result.commitments = std::move(run.commitments);
  result.commitments_root = run.commitments_root;
  result.result_class = run.result_class;
  result.stats = run.stats;
  return result;
}

// The two files behind those of the outputs, for states and what is printed; none where the
// daemon gave none.
std::vector<const JobFile*> JobRun::FilesBeside(size_t outputs) const {
  std::vector<const JobFile*> beside;
  size_t at = 0;
  for (const JobFile& file : files_) {
    if (file.entry.role == FileRole::kOutput && at++ >= outputs) beside.push_back(&file);
  }
  return beside.size() == 2 ? beside : std::vector<const JobFile*>();
}

// A failed run's words are what its renter needs most; what cannot be written is no reason to lose
// the result.
void JobRun::KeepPrinted(WorkerResult& result) const {
  if (printed_.empty() || printed_file_ == nullptr) return;
  const ByteView bytes = AsBytes(printed_);
  if (!WriteJobFile(*printed_file_, bytes, std::string(kPrintedFile))) return;
  result.outputs.push_back({std::string(kPrintedFile), Sha256(bytes), bytes.size()});
}

Status JobRun::Execute() {
  WorkerResult result;
  try {
    Result<WorkerResult> run = RunToResult();
    if (run) {
      result = std::move(*run);
    } else {
      result.failure = run.error();
    }
    KeepPrinted(result);
  } catch (const std::bad_alloc&) {
    result = WorkerResult{};
    result.failure = Error(Code::kExhausted, "the worker's memory is used up");
  }
  return WriteResult(std::move(result));
}

Status JobRun::Abandon(const Error& why) {
  WorkerResult result;
  result.failure = why;
  return WriteResult(std::move(result));
}

Status JobRun::WriteResult(WorkerResult result) {
  const std::lock_guard<std::mutex> lock(writing_result_);
  if (finished_) return Ok();
  result.fence = run_.fence;
  result.job = run_.job;
  result.workload = Find(FileRole::kWorkload).entry.digest;
  ASSIGN_OR_RETURN(const Bytes bytes, EncodeResult(result));
  RETURN_IF_ERROR(WriteJobFile(Find(FileRole::kResult), bytes, "the result"));
  finished_ = true;
  return Ok();
}

}  // namespace souk::gpu
