// What a C program brings, as the client takes it.
#ifndef SHOAL_CLIENT_C_API_CALLBACKS_H_
#define SHOAL_CLIENT_C_API_CALLBACKS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/include/shoal.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

// INVALID_ARGUMENT names the member that is missing or wrong.
absl::StatusOr<std::unique_ptr<ExampleSource>> ExamplesFrom(
    const shoal_examples& examples);

// Null: the system's. INVALID_ARGUMENT when half of a clock is missing.
absl::StatusOr<std::unique_ptr<Clock>> ClockFrom(
    const shoal_callbacks& callbacks);
std::unique_ptr<SecureRng> RngFrom(const shoal_callbacks& callbacks);

// As ClientDependencies has them; empty where there is none.
std::function<void(const ClientEvent&)> EventsFrom(
    const shoal_callbacks& callbacks);
std::function<void(DeviceReadings&)> DeviceStateFrom(
    const shoal_callbacks& callbacks);
std::function<absl::StatusOr<double>()> JoulesFrom(
    const shoal_callbacks& callbacks);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_C_API_CALLBACKS_H_
