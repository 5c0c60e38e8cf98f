// A server on loopback that does what a test says, byte by byte: cuts, trickles
// and breaks rules. Plaintext.
#ifndef SHOAL_TESTS_SUPPORT_SCRIPTED_PEER_H_
#define SHOAL_TESTS_SUPPORT_SCRIPTED_PEER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal::testing {

// One accepted connection. Every wait ends when the client goes away, when the
// peer is destroyed, or after kPatience.
class PeerConnection {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(20);

  PeerConnection(int fd, const std::atomic<bool>& stopping);
  ~PeerConnection();
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  // False when the client is gone.
  bool Send(absl::string_view bytes);
  // One byte at a time.
  bool Trickle(absl::string_view bytes, absl::Duration pause);
  // Reads until so many bytes have come in all; false when they will not.
  bool AwaitBytes(size_t size);
  // Says and reads what comes before a call in HTTP/2, and then the call's
  // header; its stream, or 0 when none comes.
  uint32_t AwaitCall();
  // Reads until the client has gone.
  void AwaitClose();
  // Reads nothing until the peer is destroyed.
  void StopReading() const;
  // Closes with a reset instead of a goodbye.
  void Reset();
  // Says no more; still reads.
  void ShutDownSending();

  // All that came.
  const std::string& received() const { return received_; }

 private:
  // False when nothing came, and nothing will.
  bool ReceiveMore();

  int fd_;
  const std::atomic<bool>& stopping_;
  std::string received_;
  size_t parsed_ = 0;  // of received_, by AwaitCall
  bool greeted_ = false;
};

class ScriptedPeer {
 public:
  // `script` runs for one connection after the other, on a thread of the
  // peer's; the connection is closed after it.
  explicit ScriptedPeer(std::function<void(PeerConnection&)> script);
  ~ScriptedPeer();

  std::string address() const;
  int connections() const { return connections_; }
  // Those that the peer has closed: its goodbye has been sent.
  int closed() const { return closed_; }

 private:
  void Run();

  const std::function<void(PeerConnection&)> script_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::atomic<int> closed_ = 0;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_SCRIPTED_PEER_H_
