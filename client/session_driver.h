// Performs one device session over a Transport: what DeviceSession decides is
// done here, in one blocking call. The same code runs on devices and in
// simulations; transport, state, clock and data differ.
#ifndef SHOAL_CLIENT_SESSION_DRIVER_H_
#define SHOAL_CLIENT_SESSION_DRIVER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/client_state.h"
#include "client/failpoints.h"
#include "client/include/shoal/client.h"
#include "client/transport.h"
#include "learning/dataset.h"

namespace shoal::client {

struct SessionDriverOptions {
  std::string population;
  uint64_t seed = 0;         // orders the local examples
  int64_t memory_bytes = 0;  // what training may use; 0: not limited
  absl::Duration base_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Minutes(5);
  int max_attempts = 5;
  int earlier_failures = 0;  // see SessionOptions
  uint64_t jitter_seed = 0;
  Failpoints failpoints;

  // Required; must outlive the call.
  const Clock* clock = nullptr;
  // Waits; returns early when the device has to stop. Required.
  std::function<void(absl::Duration)> wait;
  // Whether the device has to stop: asked between any two steps and before
  // every mini-batch. Once it says yes it must not say no again. Required.
  std::function<bool()> must_stop;
  // May be empty.
  std::function<void(const ClientEvent&)> on_event;
};

// A session's end, with what the next one needs.
struct SessionResult {
  SessionReport report;
  int failures = 0;  // for the next session's `earlier_failures`
};

// Runs one session, or resumes the upload that an earlier one left in `state`.
// Trains on `data` with the seed DeriveSeed(options.seed, "train",
// {round_number}). Refusals and lost connections are outcomes; an error means
// that the state could not be read or written, or that the data are unusable.
absl::StatusOr<SessionResult> RunSession(const SessionDriverOptions& options,
                                         Transport& transport,
                                         ClientState& state,
                                         const learning::Dataset& data);

// The seed of device `index` of a federation with that seed: what agents and
// simulated devices put into SessionDriverOptions.
uint64_t DeviceSeed(uint64_t federation_seed, int index);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_SESSION_DRIVER_H_
