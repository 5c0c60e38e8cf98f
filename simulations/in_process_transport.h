// The transport of simulated devices: calls the round engine of the same
// process. Nothing is serialised beyond what device and engine exchange anyway
// (models and updates in chunks); everything behind it is what is deployed.
#ifndef SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_
#define SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/transport.h"
#include "coordinator/engine/round_engine.h"
#include "protocol/messages.h"

namespace shoal::simulations {

struct InProcessOptions {
  coordinator::RoundEngine* engine = nullptr;  // required; must outlive it
  const Clock* clock = nullptr;                // required; must outlive it
  // Lets time pass; called while an upload waits for its receipt. Required.
  std::function<void(absl::Duration)> wait;
  coordinator::DeviceIdentity device;
};

// As Transport promises, for one device. Moves the engine's time forward
// (RoundEngine::Advance) after every call, so that rounds go on without any
// other driver.
class InProcessTransport final : public client::Transport {
 public:
  explicit InProcessTransport(InProcessOptions options);

  absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const protocol::CheckIn& message) override;
  absl::Status FetchModel(
      const Digest& digest, int64_t offset,
      const std::function<absl::Status(absl::string_view)>& sink) override;
  absl::StatusOr<protocol::UploadProgress> QueryUpload(
      absl::string_view token, const Digest& digest) override;
  absl::StatusOr<protocol::UploadReceipt> Upload(
      const protocol::UploadHeader& header, absl::string_view update) override;
  absl::StatusOr<absl::Duration> Abandon(
      absl::string_view token, protocol::AbandonReason reason) override;
  void Cancel() override { cancelled_ = true; }

  int64_t bytes_sent() const override { return bytes_sent_; }
  int64_t bytes_received() const override { return bytes_received_; }

 private:
  absl::Status CheckRunning() const;
  // Sends the rest of the update into `stream`.
  absl::Status SendChunks(coordinator::UploadStream& stream,
                          absl::string_view update);

  const InProcessOptions options_;
  std::atomic<bool> cancelled_ = false;
  int64_t bytes_sent_ = 0;
  int64_t bytes_received_ = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_
