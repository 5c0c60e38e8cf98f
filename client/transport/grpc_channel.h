// Channels to a coordinator, and what their errors mean.
#ifndef SHOAL_CLIENT_TRANSPORT_GRPC_CHANNEL_H_
#define SHOAL_CLIENT_TRANSPORT_GRPC_CHANNEL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/transport/channel_tls.h"

namespace shoal::client {

// A channel with a connection of its own. `tls` null: plaintext.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& coordinator,
                                           const ChannelTls* tls);

// The error of a finished call: a refusal when the coordinator sent one;
// UNAVAILABLE, with a sentence that says which side has to do what, when there
// was no connection.
absl::Status FromGrpc(const grpc::Status& status,
                      const std::string& coordinator);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_GRPC_CHANNEL_H_
