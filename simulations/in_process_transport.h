// The transport of simulated devices: calls the round engine of the same
// process, over a link that takes its time. Nothing is serialised beyond what
// device and engine exchange anyway (models and updates in chunks); everything
// behind it is what is deployed.
#ifndef SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_
#define SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/transport.h"
#include "coordinator/engine/round_engine.h"
#include "protocol/messages.h"
#include "simulations/shared_models.h"

namespace shoal::simulations {

// How fast a device's network is.
struct LinkPace {
  absl::Duration latency = {};  // of one way
  double down_bytes_per_second = std::numeric_limits<double>::infinity();
  double up_bytes_per_second = std::numeric_limits<double>::infinity();
};

// How long a check-in takes over a connection that it opens.
absl::Duration CheckInTime(const LinkPace& link);

// References must outlive the transport.
struct InProcessOptions {
  coordinator::RoundEngine* engine = nullptr;  // required
  const Clock* clock = nullptr;                // required
  SharedModels* models = nullptr;              // required
  coordinator::DeviceIdentity device;
  LinkPace link;
  // A transfer moves in chunks of so many bytes at most.
  int64_t chunk_bytes = protocol::kMaxChunkBytes;
  // Until when the device is connected, if nothing else ends a call: `now` or
  // before, not at all. Empty: for ever.
  std::function<absl::Time(absl::Time now)> connected_until;
  // Lets the engine move on after a call; required.
  std::function<void()> advance;
  // Called when the receipt of an upload, or what its group has to say to the
  // device, is there; may be empty.
  std::function<void()> on_answer;
  // Lets time pass, for callers that wait; may be empty.
  std::function<void(absl::Duration)> wait;
};

class PendingAnswer;

// As Transport promises, for one device.
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

  bool is_calling() const { return call_.has_value(); }
  // Whether the update that is being sent, or that a group has, is counted: its
  // receipt is on its way.
  bool has_receipt() const;
  // Whether nothing moves the call before its group has something to say.
  bool is_waiting_for_group() const {
    return call_.has_value() && pending_ != nullptr && !answer_.has_value() &&
           std::holds_alternative<client::AggregateCall>(*call_);
  }
  // When the next Step will move the call, as far as is known: while a receipt
  // is awaited, on_answer may come before. REQUIRES: is_calling().
  absl::Time next_step() const { return std::min(next_step_, cut_); }

 private:
  using Result = std::optional<absl::StatusOr<client::Answer>>;

  // Each moves its call by what has arrived at this time.
  Result Move(const client::CheckInCall& call);
  Result Move(client::FetchCall& call);
  Result Move(const client::QueryCall& call);
  Result Move(const client::UploadCall& call);
  Result Move(const client::AggregateCall& call);
  Result Move(const client::AbandonCall& call);
  Result Move(const client::ForgetCall& call);
  // Simulated devices are who they say they are.
  static Result Move(const client::EnrollCall&) {
    return absl::UnimplementedError("simulated devices need no certificate");
  }
  // The answer is on its way.
  Result Reply(absl::StatusOr<client::Answer> answer);
  Result StepCall(absl::Duration wait);
  // Hands the chunk over that has arrived.
  absl::Status SendChunk(const client::EncodedUpdate& update);
  Result FinishUpload();
  // If the engine has answered, its answer is on its way.
  void TakePending();
  // What the engine calls with it.
  template <typename T>
  std::function<void(absl::StatusOr<T>)> TellLater();
  // The call is with the engine.
  void AwaitPending();
  void Next(absl::Duration delay) { next_step_ = Now() + delay; }
  absl::Time Now() const { return options_.clock->Now(); }
  absl::Duration Uplink(int64_t bytes) const;
  absl::Duration Downlink(int64_t bytes) const;

  const InProcessOptions options_;
  std::atomic<bool> cancelled_ = false;
  std::optional<client::Call> call_;
  absl::Time next_step_ = absl::InfiniteFuture();
  absl::Time cut_ = absl::InfiniteFuture();  // when the connection breaks
  std::optional<absl::StatusOr<client::Answer>> answer_;  // on its way
  std::optional<SharedModel> model_;                      // that is fetched
  int64_t under_way_ = 0;  // bytes of the chunk that comes or goes
  std::unique_ptr<coordinator::UploadStream> stream_;  // of an upload
  // What comes of an upload, or of a message to a group. Shared with the
  // engine: it may answer after the call was dropped.
  std::shared_ptr<PendingAnswer> pending_;
  bool is_open_ = false;
  int64_t connections_ = 0;
  int64_t bytes_sent_ = 0;
  int64_t bytes_received_ = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_IN_PROCESS_TRANSPORT_H_
