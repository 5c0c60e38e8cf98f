// shoal::Client over any Transport and any ClientState.
#ifndef SHOAL_CLIENT_CLIENT_RUNNER_H_
#define SHOAL_CLIENT_CLIENT_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "client/client_state.h"
#include "client/device_limits.h"
#include "client/example_store.h"
#include "client/file_state.h"
#include "client/group_credentials.h"
#include "client/include/shoal/client.h"
#include "client/session_run.h"
#include "client/transport.h"
#include "learning/dataset.h"

namespace shoal::client {

struct ClientParts {
  // What sessions are told; `clock` is required, `permission`, `on_event`,
  // `limits`, `earlier_failures` and `jitter_seed` are set by the client.
  SessionRunOptions session;
  std::function<void(const ClientEvent&)> on_event;  // may be empty
  std::unique_ptr<FolderLock> lock;  // of the state's folder; may be null
  // The folder, for what its owner says there; "": there is none.
  std::string folder;
  std::unique_ptr<ClientState> state;
  // Exactly one of these three. The store is shared with an agent that adds to
  // it.
  std::shared_ptr<const learning::Dataset> data;
  Trainer* trainer = nullptr;
  std::shared_ptr<ExampleStore> store;
  std::unique_ptr<OpenLimits> limits;  // null: none
  GroupCredentials credentials;        // that `session` points to, if it does
  // A new transport. Its connection is kept between sessions that follow each
  // other closely, closed otherwise; the transport stays, so that the next
  // connection may resume what the last one has agreed on.
  std::function<absl::StatusOr<std::unique_ptr<Transport>>()> connect;
  // Asked before each session; an error, which may pass, holds it back. May be
  // empty.
  std::function<absl::Status()> may_connect;
  uint64_t jitter_seed = 0;
  // How long Stop() lets a call go on before it is cancelled.
  absl::Duration stop_grace = absl::Milliseconds(600);
};

// REQUIRES: `state`, one of `data`, `trainer` and `store`, `connect` and
// `session.clock` are set.
std::unique_ptr<Client> MakeClient(ClientParts parts);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_CLIENT_RUNNER_H_
