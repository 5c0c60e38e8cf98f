#include "client/agent/example_intake.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "client/transport/device_client.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;

// Whether `folder` is `outer` or lies in it. Both without links; compared by
// what is there, for a folder may be mounted under several names.
bool LiesIn(fs::path folder, const fs::path& outer) {
  struct stat wanted, found;
  if (stat(outer.c_str(), &wanted) != 0) return false;
  while (true) {
    if (stat(folder.c_str(), &found) == 0 && found.st_dev == wanted.st_dev &&
        found.st_ino == wanted.st_ino) {
      return true;
    }
    if (!folder.has_relative_path()) return false;  // the root
    folder = folder.parent_path();
  }
}

// Files of the watched folder are removed, or moved away: those of the state,
// the device's key among them, must not be.
absl::Status CheckApart(const std::string& folder,
                        const std::string& state_folder) {
  std::error_code error;
  const fs::path watched = fs::canonical(folder, error);
  if (error) return absl::OkStatus();  // WatchedFolder tells
  const fs::path state = fs::canonical(state_folder, error);
  if (error) return ErrnoStatus(error.value(), state_folder, "look up");
  const bool inside = LiesIn(watched, state);
  if (!inside && !LiesIn(state, watched)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      folder, ": ", inside ? "is, or lies in," : "contains",
      " the agent's state folder ", state_folder,
      ", whose files it would take for examples; expected another folder"));
}

}  // namespace

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
    SHOAL_RETURN_IF_ERROR(CheckApart(examples.folder, state_folder));
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
