#include "unit/gpu/workload/forged_run.h"

#include "gpu/workload/npy.h"

namespace souk::gpu {

Result<std::vector<HostBuffers>> HonestStates(const Workload& workload, MemoryBlobs& blobs) {
  const std::unique_ptr<Device> device = MakeCpuDevice({});
  ASSIGN_OR_RETURN(const auto session, WorkloadSession::Open(workload, blobs, *device));
  std::vector<HostBuffers> states;
  while (true) {
    HostBuffers state;
    for (size_t i = 0; i < workload.buffers.size(); ++i) {
      state.emplace_back(session->pages().buffer_bytes()[i]);
      RETURN_IF_ERROR(session->Read(i, 0, state.back()));
    }
    states.push_back(std::move(state));
    if (session->next() == session->launches()) return states;
    RETURN_IF_ERROR(session->Launch({}));
  }
}

ForgedRun Claimed(const Workload& workload, const std::vector<HostBuffers>& states) {
  ForgedRun run;
  StatesWriter writer(workload, [&run](ByteView bytes) {
    Append(run.states, bytes);
    return Ok();
  });
  std::vector<uint64_t> sizes;
  for (const Bytes& buffer : states[0]) sizes.push_back(buffer.size());
  const StatePages pages(sizes);
  StateTree tree(pages.count());
  std::vector<Commitment> commitments;
  for (size_t i = 0; i < states.size(); ++i) {
    for (uint64_t page = 0; page < pages.count(); ++page) {
      const StatePages::Place place = pages.PlaceOf(page);
      const ByteView bytes = ByteView(states[i][place.buffer]).subspan(place.offset, place.bytes);
      if (tree.Set(page, bytes) && i != 0) (void)writer.OnPage(page, bytes);
    }
    commitments.push_back({i, tree.Root()});
    (void)writer.OnCommitment(commitments.back());
  }
  run.claim.commitments_root = CommitmentsRoot(commitments);
  for (const Output& output : workload.outputs) {
    const Buffer& buffer = workload.buffers[output.buffer];
    Bytes npy = NpyHeaderFor(buffer.dtype, buffer.shape);
    Append(npy, states.back()[output.buffer]);
    run.claim.outputs.push_back({output.file, Sha256(npy), npy});
  }
  return run;
}

}  // namespace souk::gpu
