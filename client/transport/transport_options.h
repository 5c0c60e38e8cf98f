// What both transports are made with, and what they have in common.
#ifndef SHOAL_CLIENT_TRANSPORT_TRANSPORT_OPTIONS_H_
#define SHOAL_CLIENT_TRANSPORT_TRANSPORT_OPTIONS_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/failpoints.h"
#include "client/transport.h"
#include "client/transport/channel_tls.h"
#include "client/transport/proxy.h"

namespace shoal::client {

// In plaintext a device names itself in this metadata.
inline constexpr char kInsecureDeviceMetadata[] = "shoal-insecure-device";

// Nothing moves while the coordinator makes an update durable, or while a group
// of secure aggregation waits for its members.
inline constexpr absl::Duration kMinReceiptWindow = absl::Minutes(1);

struct TransportOptions {
  std::string coordinator;        // HOST:PORT
  std::optional<ChannelTls> tls;  // absent: plaintext
  std::string insecure_device;    // the device's name in plaintext
  std::optional<Proxy> proxy;     // absent: straight to the coordinator
  // Longest time without a byte; the plan of an assignment may shorten it. A
  // receipt may take a minute in any case: nothing moves while the coordinator
  // makes an update durable.
  absl::Duration idle_window = absl::Seconds(30);
  Failpoints failpoints;
};

// The window of the calls that follow `answer`: that of its plan, when it is
// shorter.
absl::Duration WindowAfter(const Answer& answer, absl::Duration window);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_TRANSPORT_OPTIONS_H_
