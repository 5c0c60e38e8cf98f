// A TCP relay on loopback that does to connections what networks do: it passes
// on slowly, loses, cuts, or falls silent. It can be an HTTP proxy, too.
#ifndef SHOAL_TESTS_SUPPORT_RELAY_H_
#define SHOAL_TESTS_SUPPORT_RELAY_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace shoal::testing {

struct RelayOptions {
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  std::string target = "";  // "127.0.0.1:PORT"

  // Connections are hit when they have carried exactly so many bytes from the
  // client, or to it; the first `hits` that do.
  enum Fault { kCut, kFallSilent, kTrickle } fault = kCut;
  int hits = 0;
  int64_t after_bytes_up = kNever;
  int64_t after_bytes_down = kNever;

  // Bytes are passed on in pieces of this size at most, each after this pause.
  int64_t piece_bytes = 16 * 1024;
  absl::Duration pause = absl::ZeroDuration();

  // Part of the pieces that are lost on the way. TCP sends them again, so that
  // what a peer sees is that everything behind them waits for that.
  double loss = 0;
  absl::Duration retransmission = absl::Milliseconds(200);

  // Clients ask for a tunnel first (CONNECT), wherever to; it leads to the
  // target.
  bool is_http_proxy = false;
};

// Thread-safe. Accepts on a port of its own.
class Relay {
 public:
  explicit Relay(RelayOptions options);
  ~Relay();

  std::string address() const;
  int connections() const { return connections_; }
  int hits_made() const { return hits_made_; }
  // What clients asked the HTTP proxy for, with header fields.
  std::vector<std::string> requests() const SHOAL_EXCLUDES(mutex_);

 private:
  struct Flow;

  void Accept();
  // Whether the calling connection is one of those to hit.
  bool TakeHit() SHOAL_EXCLUDES(mutex_);
  void Serve(int client) SHOAL_EXCLUDES(mutex_);
  // False when the client has gone.
  bool OpenTunnel(int client) SHOAL_EXCLUDES(mutex_);
  void Forward(int client, int server) SHOAL_EXCLUDES(mutex_);
  // Whether `flow` has just been hit.
  bool IsHit(Flow& flow) SHOAL_EXCLUDES(mutex_);
  // Reads and drops what comes until the client has gone.
  void KeepSilent(int client) const;

  const RelayOptions options_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::atomic<int> hits_made_ = 0;
  std::thread acceptor_;
  mutable Mutex mutex_;
  std::vector<std::thread> servers_ SHOAL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_RELAY_H_
