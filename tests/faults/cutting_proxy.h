// A TCP proxy on loopback that cuts connections after so many bytes: networks
// as devices know them.
#ifndef SHOAL_TESTS_FAULTS_CUTTING_PROXY_H_
#define SHOAL_TESTS_FAULTS_CUTTING_PROXY_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace shoal::testing {

// Thread-safe. Accepts on a port of its own and forwards to `target`
// ("127.0.0.1:PORT"); the first `cuts` connections that bring `bytes_up` bytes
// from the client to the target are reset there.
class CuttingProxy {
 public:
  CuttingProxy(const std::string& target, int cuts, int64_t bytes_up);
  ~CuttingProxy();

  std::string address() const;
  int cuts_made() const { return cuts_made_; }

 private:
  void Accept();
  // Whether the calling connection is one of those to cut.
  bool TakeCut() SHOAL_EXCLUDES(mutex_);
  void Forward(int client);

  const std::string target_;
  const int cuts_;
  const int64_t bytes_up_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> cuts_made_ = 0;
  std::thread acceptor_;
  Mutex mutex_;
  std::vector<std::thread> forwarders_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_FAULTS_CUTTING_PROXY_H_
