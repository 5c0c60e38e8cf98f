// A Transport whose calls are written down.
#ifndef SHOAL_SIMULATIONS_LOAD_MEASURED_TRANSPORT_H_
#define SHOAL_SIMULATIONS_LOAD_MEASURED_TRANSPORT_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/transport.h"
#include "simulations/load/call_log.h"

namespace shoal::simulations {

// Measures every call of a session from Start() to its answer or error; a call
// that is dropped is not counted. As `transport` otherwise, for the calls that
// sessions make. All must outlive it.
class MeasuredTransport final : public client::Transport {
 public:
  MeasuredTransport(client::Transport& transport, const Clock& clock,
                    CallLog& log)
      : transport_(transport), clock_(clock), log_(log) {}

  // REQUIRES: a call of CallKind.
  void Start(client::Call call) override;
  std::optional<absl::StatusOr<client::Answer>> Step(
      absl::Duration wait) override;
  void Cancel() override { transport_.Cancel(); }
  void Drop() override { transport_.Drop(); }
  void Close() override { transport_.Close(); }
  int64_t connections() const override { return transport_.connections(); }
  int64_t bytes_sent() const override { return transport_.bytes_sent(); }
  int64_t bytes_received() const override {
    return transport_.bytes_received();
  }

 private:
  client::Transport& transport_;
  const Clock& clock_;
  CallLog& log_;
  // Of the call under way; the bytes are those of the calls before it.
  CallRecord call_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_MEASURED_TRANSPORT_H_
