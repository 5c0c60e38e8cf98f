#include "client/agent/example_intake.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "client/transport/device_client.h"

namespace shoal::client {

absl::StatusOr<std::unique_ptr<ExampleIntake>> ExampleIntake::Open(
    const AgentExamples& examples, const std::string& state_folder,
    const Clock& clock, Logger& log) {
  SHOAL_ASSIGN_OR_RETURN(
      std::shared_ptr<ExampleStore> store,
      ExampleStore::Open(examples.store, ExamplesFolder(state_folder), clock));
  if (store->num_damaged() > 0) {
    log.Warning("damaged examples left out",
                {{"examples", store->num_damaged()}});
  }
  std::unique_ptr<ExampleIntake> intake(
      new ExampleIntake(examples, std::move(store)));
  if (!examples.folder.empty()) {
    SHOAL_ASSIGN_OR_RETURN(
        intake->folder_,
        WatchedFolder::Open(examples.folder, *intake->store_, clock, log));
  }
  return intake;
}

absl::Status ExampleIntake::Listen(Client& client) {
  if (options_.socket.empty()) return absl::OkStatus();
  requests_ = std::make_unique<LocalRequests>(*store_, client);
  SHOAL_ASSIGN_OR_RETURN(
      socket_,
      LocalSocket::Open(options_.socket, options_.socket_mode, *requests_));
  return absl::OkStatus();
}

void ExampleIntake::AppendTo(std::vector<pollfd>& polled) const {
  if (folder_ != nullptr) polled.push_back({folder_->fd(), POLLIN, 0});
  if (socket_ != nullptr) socket_->AppendTo(polled);
}

void ExampleIntake::Serve(absl::Span<const pollfd> polled) {
  if (folder_ != nullptr) {
    if (polled[0].revents != 0) folder_->OnReadable();
    folder_->Work();
    polled.remove_prefix(1);
  }
  if (socket_ != nullptr) socket_->Serve(polled);
}

absl::Duration ExampleIntake::Due() const {
  absl::Duration due = absl::InfiniteDuration();
  if (folder_ != nullptr) due = folder_->Due();
  if (socket_ != nullptr && socket_->has_backlog()) due = absl::ZeroDuration();
  return due;
}

}  // namespace shoal::client
