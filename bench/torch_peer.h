// A PyTorch process that trains the same workloads, one measurement at a time,
// so that its measurements and ours can take turns.
#ifndef SHOAL_BENCH_TORCH_PEER_H_
#define SHOAL_BENCH_TORCH_PEER_H_

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "bench/training_workload.h"

namespace shoal::bench {

// One thread. The process ends with this object.
class TorchPeer {
 public:
  // Starts bench/peers/torch_training.py on the workloads and waits until it
  // has read them. NOT_FOUND when /usr/bin/python3 cannot import torch.
  static absl::StatusOr<std::unique_ptr<TorchPeer>> Start(
      const std::vector<TrainingWorkload>& workloads);
  // The same, and says on standard output whether there is one; null without.
  static absl::StatusOr<std::unique_ptr<TorchPeer>> StartIfThere(
      const std::vector<TrainingWorkload>& workloads);
  ~TorchPeer();
  TorchPeer(const TorchPeer&) = delete;
  TorchPeer& operator=(const TorchPeer&) = delete;

  const std::string& version() const { return version_; }  // of PyTorch
  // Samples per second of a workload, measured for about `time`. INTERNAL when
  // the process has ended; its messages are on standard error.
  absl::StatusOr<double> Measure(const std::string& workload,
                                 absl::Duration time);

 private:
  TorchPeer() : folder_("torch_peer") {}
  absl::Status Spawn();
  absl::StatusOr<std::string> ReadLine();

  const TemporaryFolder folder_;  // the workloads
  pid_t pid_ = 0;
  std::FILE* stream_ = nullptr;  // a socket: its standard input and output
  std::string version_;
};

}  // namespace shoal::bench

#endif  // SHOAL_BENCH_TORCH_PEER_H_
