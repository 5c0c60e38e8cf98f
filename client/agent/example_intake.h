// An agent's example store with the ways into it: a watched folder, a socket.
#ifndef SHOAL_CLIENT_AGENT_EXAMPLE_INTAKE_H_
#define SHOAL_CLIENT_AGENT_EXAMPLE_INTAKE_H_

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/logging.h"
#include "client/agent/agent_examples.h"
#include "client/agent/local_requests.h"
#include "client/agent/local_socket.h"
#include "client/agent/watched_folder.h"
#include "client/example_store.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

// One thread.
class ExampleIntake {
 public:
  // Opens the store in the state folder, whose lock the caller holds, and the
  // watched folder. `clock` and `log` must outlive it. Errors as
  // ExampleStore::Open and WatchedFolder::Open; INVALID_ARGUMENT when the
  // watched folder is, contains or lies in the state folder.
  static absl::StatusOr<std::unique_ptr<ExampleIntake>> Open(
      const AgentExamples& examples, const std::string& state_folder,
      const Clock& clock, Logger& log);

  // Opens the socket, which asks `client` for predictions; that must outlive
  // it. Errors as LocalSocket::Open.
  absl::Status Listen(Client& client);

  // Shared with the client that trains on it.
  const std::shared_ptr<ExampleStore>& store() const { return store_; }
  bool listens() const { return socket_ != nullptr; }
  // Whether the watched folder has files that can be taken now.
  bool has_files() const {
    return folder_ != nullptr && folder_->Due() <= absl::ZeroDuration();
  }

  // Appends what to poll.
  void AppendTo(std::vector<pollfd>& polled) const;
  // Serves those of AppendTo, as poll has filled them in, and does a piece of
  // what is to be done.
  void Serve(absl::Span<const pollfd> polled);
  // When Serve has something to do that nothing polled tells; zero: now.
  absl::Duration Due() const;

 private:
  ExampleIntake(const AgentExamples& examples,
                std::shared_ptr<ExampleStore> store)
      : options_(examples), store_(std::move(store)) {}

  const AgentExamples options_;
  const std::shared_ptr<ExampleStore> store_;
  std::unique_ptr<WatchedFolder> folder_;    // null: none
  std::unique_ptr<LocalRequests> requests_;  // null before Listen
  std::unique_ptr<LocalSocket> socket_;      // uses requests_; null: none
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_EXAMPLE_INTAKE_H_
