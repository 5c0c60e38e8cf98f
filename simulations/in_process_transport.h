// The transport of simulated devices: calls the round engine of the same
// process. Nothing is serialised beyond what device and engine exchange anyway
// (models and updates in chunks); everything behind it is what is deployed.
#ifndef SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_
#define SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

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

class PendingReceipt;

// As Transport promises, for one device. Moves the engine's time forward
// (RoundEngine::Advance) after every call, so that rounds go on without any
// other driver.
class InProcessTransport final : public client::Transport {
 public:
  explicit InProcessTransport(InProcessOptions options);

  void Start(client::Call call) override;
  std::optional<absl::StatusOr<client::Answer>> Step(
      absl::Duration wait) override;
  void Cancel() override { cancelled_ = true; }
  void Drop() override;
  void Close() override { is_open_ = false; }

  int64_t connections() const override { return connections_; }
  int64_t bytes_sent() const override { return bytes_sent_; }
  int64_t bytes_received() const override { return bytes_received_; }

 private:
  using Result = std::optional<absl::StatusOr<client::Answer>>;

  Result Move(const client::CheckInCall& call, absl::Duration wait);
  Result Move(client::FetchCall& call, absl::Duration wait);
  Result Move(const client::QueryCall& call, absl::Duration wait);
  Result Move(const client::UploadCall& call, absl::Duration wait);
  Result Move(const client::AbandonCall& call, absl::Duration wait);
  Result Move(const client::ForgetCall& call, absl::Duration wait);
  // Simulated devices are who they say they are.
  static Result Move(const client::EnrollCall&, absl::Duration) {
    return absl::UnimplementedError("simulated devices need no certificate");
  }
  // Sends the next chunk; hands the update over when there is none left.
  absl::Status SendNext(absl::string_view update);
  // Lets time pass, up to `wait`, until the receipt is there.
  Result AwaitReceipt(absl::Duration wait);

  const InProcessOptions options_;
  std::atomic<bool> cancelled_ = false;
  std::optional<client::Call> call_;
  // Of the upload under way: first the stream, then what comes of it, which is
  // shared with the engine: it may answer after the call was dropped.
  std::unique_ptr<coordinator::UploadStream> stream_;
  std::shared_ptr<PendingReceipt> receipt_;
  bool is_open_ = false;
  int64_t connections_ = 0;
  int64_t bytes_sent_ = 0;
  int64_t bytes_received_ = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_
