#include "client/participation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "client/file_state.h"

namespace shoal {

absl::Status SetParticipation(const std::string& state_folder,
                              bool takes_part) {
  SHOAL_RETURN_IF_ERROR(client::CheckFolder(state_folder));
  SHOAL_RETURN_IF_ERROR(client::CheckNotForgetting(state_folder));
  const std::string path =
      absl::StrCat(state_folder, "/", client::kOptedOutName);
  if (!takes_part) {
    // First the word, then the update: nothing saves another one in between.
    SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, "", 0600));
    return client::RemovePendingUpload(state_folder);
  }
  if (unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoStatus(errno, path, "remove");
  }
  return client::SyncFolder(state_folder);
}

absl::StatusOr<Participation> GetParticipation(
    const std::string& state_folder) {
  SHOAL_RETURN_IF_ERROR(client::CheckFolder(state_folder));
  return client::ParticipationFiles(state_folder).Look();
}

}  // namespace shoal

namespace shoal::client {

ParticipationFiles::ParticipationFiles(absl::string_view folder)
    : forgetting_(absl::StrCat(folder, "/", kForgettingName)),
      opted_out_(absl::StrCat(folder, "/", kOptedOutName)) {}

Participation ParticipationFiles::Look() const {
  if (access(forgetting_.c_str(), F_OK) == 0) return Participation::kForgetting;
  if (errno != ENOENT) return Participation::kOptedOut;
  return access(opted_out_.c_str(), F_OK) != 0 && errno == ENOENT
             ? Participation::kTakesPart
             : Participation::kOptedOut;
}

absl::Status CheckNotForgetting(const std::string& folder) {
  if (ParticipationFiles(folder).Look() != Participation::kForgetting) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the device of state folder ", folder,
                   " is being forgotten: that cannot be undone"));
}

absl::Status CheckFolder(const std::string& folder) {
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) {
    return ErrnoStatus(errno, folder, "open the state folder");
  }
  if (S_ISDIR(info.st_mode)) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat(folder,
                   ": is no folder, expected the device's state "
                   "folder"));
}

absl::Status SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, folder, "open");
  const int error = fsync(fd) != 0 ? errno : 0;
  close(fd);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, folder, "fsync");
}

}  // namespace shoal::client
