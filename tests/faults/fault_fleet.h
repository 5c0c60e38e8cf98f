// Devices for fault tests: they contribute to every round they can, repeat what
// was interrupted, and remember every receipt, so that a test can prove that
// nothing acknowledged was lost or counted twice.
#ifndef SHOAL_TESTS_FAULTS_FAULT_FLEET_H_
#define SHOAL_TESTS_FAULTS_FAULT_FLEET_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "protocol/certificates.h"
#include "shoal/v1/task.pb.h"
#include "tests/faults/shoald_process.h"

namespace shoal::testing {

// A task of a tiny logistic model whose every round wants all devices.
v1::Task FaultTask(const std::string& name, int devices, int rounds);

// The same with asynchronous rounds of two updates, in which all devices work
// all the time; each takes longer than the one before it, so that their updates
// are of several versions.
v1::Task AsynchronousFaultTask(const std::string& name, int devices,
                               int rounds);

// What a device was told is counted.
struct Acknowledged {
  int64_t round_id;
  std::string device_id;
  Digest digest;
};

// `devices` threads, each one device of `shoald`.
class FaultFleet {
 public:
  FaultFleet(ShoaldProcess& shoald, const v1::Task& task, int devices);
  ~FaultFleet();

  void Stop();
  std::vector<Acknowledged> acknowledged() const;
  // Every update that was ever sent, by digest.
  std::map<Digest, std::string> sent() const;

 private:
  struct Device;
  void Run(Device& device);
  void RunSession(Device& device);

  ShoaldProcess& shoald_;
  const v1::Task task_;
  std::atomic<bool> stopping_ = false;
  mutable Mutex mutex_;
  std::vector<Acknowledged> acknowledged_ SHOAL_GUARDED_BY(mutex_);
  std::map<Digest, std::string> sent_ SHOAL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Device>> devices_;
};

// Opens the database of a shoald that does not run and checks that every
// acknowledged update is a contribution of a round that did not fail, that no
// assignment is counted twice, by the same round or by two, that every
// committed model is, bit for bit, what its base model and the exact sum of its
// contributions lead to, and that the task has all its rounds.
absl::Status CheckInvariants(const std::string& database, const v1::Task& task,
                             const FaultFleet& fleet);

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_FAULTS_FAULT_FLEET_H_
