// How a device reaches its coordinator: one call at a time, moved on in small
// steps, so that a caller's own loop drives a whole session without a thread of
// ours, and a simulation drives the same code in virtual time.
//
//   transport.Start(CheckInCall{message});
//   std::optional<absl::StatusOr<Answer>> answer;
//   while (!(answer = transport.Step(absl::Milliseconds(50)))) { … }
#ifndef SHOAL_CLIENT_TRANSPORT_H_
#define SHOAL_CLIENT_TRANSPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "client/session.h"
#include "protocol/messages.h"

namespace shoal::client {

// What a device asks of its coordinator.
struct CheckInCall {
  protocol::CheckIn message;
};
// Streams the model's bytes from `offset` on into `sink`, in order; an error of
// the sink ends the call with that error.
struct FetchCall {
  Digest digest;
  int64_t offset = 0;
  std::function<absl::Status(absl::string_view)> sink;
};
// How much of an upload the coordinator holds.
struct QueryCall {
  std::string token;
  Digest digest;
};
// Sends `update` from header.offset on, in chunks, and waits for the receipt.
struct UploadCall {
  protocol::UploadHeader header;
  EncodedUpdate update;  // not null
};
// Says something to the group of secure aggregation, and waits for what is
// next.
struct AggregateCall {
  protocol::AggregateRequest request;
};
// Gives the assignment up.
struct AbandonCall {
  std::string token;
  protocol::AbandonReason reason = protocol::AbandonReason::kShutdown;
};
// Has a device's key signed, against an invitation: the one call that a device
// makes before it has a certificate, and outside of sessions.
struct EnrollCall {
  std::string invitation;
  std::string certificate_request;  // PKCS#10, DER
  std::string device_name;
};
// Has the coordinator delete what it keeps of the device, and bar its key.
struct ForgetCall {};
using Call = std::variant<CheckInCall, FetchCall, QueryCall, UploadCall,
                          AggregateCall, AbandonCall, EnrollCall, ForgetCall>;

struct Fetched {};  // the sink has every byte that the coordinator sent
struct Enrolled {
  std::string certificate_pem;  // as it came, not looked at
};

struct Forgotten {};  // durably

// In the order of the calls; an abandoned assignment is answered with when to
// check in next.
using Answer =
    std::variant<protocol::CheckInAnswer, Fetched, protocol::UploadProgress,
                 protocol::UploadReceipt, protocol::AggregateAnswer,
                 absl::Duration, Enrolled, Forgotten>;

// Used by one thread, except for Cancel(). One conformance suite runs over all
// implementations.
class Transport {
 public:
  virtual ~Transport() = default;

  // Begins a call; does not block. Opens a connection when there is none.
  // REQUIRES: no call is under way.
  virtual void Start(Call call) = 0;

  // Moves the call on by at most one message of the peer or chunk of ours;
  // waits for the network up to `wait` (zero: not at all; infinite: until there
  // is something to return for). Nothing: the call is not over. Otherwise its
  // answer or its error, and no call is under way any more. UNAVAILABLE when
  // the coordinator cannot be reached or no byte has moved for the idle window;
  // CANCELLED after Cancel(); a refusal (protocol/refusal.h) when the
  // coordinator says no. REQUIRES: a call is under way.
  virtual std::optional<absl::StatusOr<Answer>> Step(absl::Duration wait) = 0;

  // From any thread: ends the running call and all later ones; a Step that
  // waits returns soon.
  virtual void Cancel() = 0;

  // Ends the running call without an answer; the next one may be started.
  // Without a call it does nothing.
  virtual void Drop() = 0;

  // Closes the connection: an idle device has nothing open and no wake-ups.
  // REQUIRES: no call is under way.
  virtual void Close() = 0;

  // Connections that calls opened so far.
  virtual int64_t connections() const = 0;
  // Payload bytes so far.
  virtual int64_t bytes_sent() const = 0;
  virtual int64_t bytes_received() const = 0;
};

// Makes one call and blocks until it is over. REQUIRES: no call is under way.
absl::StatusOr<Answer> Perform(Transport& transport, Call call);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_H_
