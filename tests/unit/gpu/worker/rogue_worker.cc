// A worker that was taken over: in the place of souk-worker, it speaks to the daemon as it likes.
// --threads says how.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "gpu/worker/confine.h"
#include "gpu/worker/packet_socket.h"
#include "gpu/worker/wire.h"

namespace {

using namespace souk;
using namespace souk::gpu;

void Speak(int how, int client) {
  const Bytes ready = EncodeFromWorker(wire::Ready());
  switch (how) {
    case 1:  // no message at all
      static_cast<void>(SendPacket(client, AsBytes("i own this place now")));
      break;
    case 2: {  // longer than any packet
      const Bytes huge(kMaxPacketBytes + 1, 1);
      static_cast<void>(::send(client, huge.data(), huge.size(), MSG_NOSIGNAL));
      break;
    }
    case 3: {  // with descriptors
      const int own = 3;
      static_cast<void>(SendPacket(client, ready, {&own, 1}));
      break;
    }
    case 4:  // without end
      while (true) {
        if (!SendPacket(client, ready)) ::usleep(100);
      }
    case 5:  // a result that is not there
      static_cast<void>(SendPacket(client, EncodeFromWorker(wire::Finished())));
      break;
    default:
      ::_exit(0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int how = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--libraries") {
      PrintLibraries();
      return 0;
    }
    if (argument == "--probe") return 0;
    if (argument == "--supervise" && i + 1 < argc) Supervise(std::atoi(argv[i + 1]));
    if (argument == "--threads" && i + 1 < argc) how = std::atoi(argv[i + 1]);
  }
  ::fcntl(3, F_SETFL, 0);
  const int client = ::accept4(3, nullptr, nullptr, SOCK_CLOEXEC);
  Speak(how, client);
  ::poll(nullptr, 0, 20'000);
  return 0;
}
