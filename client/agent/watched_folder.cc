#include "client/agent/watched_folder.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "client/agent/rejected_files.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;

// Names in memory; what is beyond is listed when they have been taken.
constexpr size_t kMostNames = 1000;
constexpr absl::Duration kRest = absl::Minutes(1);

bool IsUnfinished(absl::string_view name) {
  return name.empty() || name[0] == '.' || absl::EndsWith(name, ".part") ||
         absl::EndsWith(name, ".tmp");
}

bool IsFile(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Removes a file so that no power cut brings it back.
absl::Status RemoveDurably(const std::string& folder, const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, path, "remove");
  }
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, folder, "open");
  const absl::Status synced =
      fsync(fd) == 0 ? absl::OkStatus() : ErrnoStatus(errno, folder, "fsync");
  close(fd);
  return synced;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WatchedFolder>> WatchedFolder::Open(
    std::string path, ExampleStore& store, const Clock& clock, Logger& log) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is no folder, expected one for examples"));
  }
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        ": files cannot be read and removed there: ", std::strerror(errno)));
  }
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path, "inotify");
  if (inotify_add_watch(
          fd, path.c_str(),
          IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF) < 0) {
    const absl::Status status = ErrnoStatus(errno, path, "watch");
    close(fd);
    return status;
  }
  return std::unique_ptr<WatchedFolder>(
      new WatchedFolder(std::move(path), fd, store, clock, log));
}

WatchedFolder::WatchedFolder(std::string path, int fd, ExampleStore& store,
                             const Clock& clock, Logger& log)
    : path_(std::move(path)),
      fd_(fd),
      store_(store),
      clock_(clock),
      log_(log) {}

WatchedFolder::~WatchedFolder() { close(fd_); }

void WatchedFolder::OnReadable() {
  alignas(inotify_event) char buffer[16 << 10];
  const ssize_t size = read(fd_, buffer, sizeof buffer);
  for (ssize_t at = 0; at < size;) {
    const auto* const event = reinterpret_cast<inotify_event*>(buffer + at);
    at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
    if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
      GiveUp(absl::NotFoundError(absl::StrCat(path_, ": has gone")));
    } else if ((event->mask & IN_Q_OVERFLOW) != 0) {
      left_.clear();  // any of them may have changed
      must_list_ = true;
    } else if ((event->mask & IN_ISDIR) == 0 && event->len > 0) {
      left_.erase(event->name);
      Enqueue(event->name);
    }
  }
}

void WatchedFolder::Enqueue(const std::string& name) {
  if (IsUnfinished(name) || given_up_) return;
  if (names_.size() >= kMostNames) {
    must_list_ = true;
    return;
  }
  // What is being read and has changed is noticed there.
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
    names_.push_back(name);
  }
}

void WatchedFolder::List() {
  must_list_ = false;
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator it(path_, error), end;
       !error && it != end && found.size() < kMostNames; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (IsUnfinished(name) || left_.contains(name) ||
        !IsFile(it->path().string())) {
      continue;
    }
    std::error_code gone;
    found.emplace_back(fs::last_write_time(it->path(), gone), name);
  }
  if (error) {
    log_.Error(
        "folder of examples cannot be listed",
        {{"error", ErrnoStatus(error.value(), path_, "list").message()}});
  }
  if (found.size() == kMostNames) must_list_ = true;
  std::sort(found.begin(), found.end());
  for (const auto& [time, name] : found) Enqueue(name);
}

absl::Duration WatchedFolder::Due() const {
  if (given_up_ || (names_.empty() && !must_list_)) {
    return absl::InfiniteDuration();
  }
  return std::max(rest_until_ - clock_.Monotonic(), absl::ZeroDuration());
}

void WatchedFolder::Work() {
  if (Due() > absl::ZeroDuration()) return;
  if (names_.empty()) return List();
  const std::string path = absl::StrCat(path_, "/", names_.front());
  if (!intake_.has_value()) {
    if (!IsFile(path)) return Forget();  // somebody has taken it away
    intake_.emplace(path, store_);
  }
  const std::optional<CsvIntake::End> end = intake_->Step();
  if (end.has_value()) OnEnd(*end);
}

void WatchedFolder::OnEnd(const CsvIntake::End& end) {
  intake_.reset();
  if (!end.store.ok()) {
    if (!store_failed_) {
      log_.Error("examples cannot be kept; trying again",
                 {{"error", end.store.message()}});
    }
    store_failed_ = true;
    rest_until_ = clock_.Monotonic() + kRest;
    return;
  }
  store_failed_ = false;
  if (!end.file.ok()) return Reject(end.file);
  const std::string path = absl::StrCat(path_, "/", names_.front());
  if (const absl::Status removed = RemoveDurably(path_, path); !removed.ok()) {
    return GiveUp(removed);
  }
  log_.Info("file taken",
            {{"file", names_.front()}, {"examples", end.num_rows}});
  Forget();
}

void WatchedFolder::Reject(const absl::Status& why) {
  if (absl::IsNotFound(why)) return Forget();  // somebody has taken it away
  const absl::StatusOr<std::string> moved =
      MoveToRejected(path_, names_.front(), why.message());
  if (!moved.ok()) return LeaveThere(why, moved.status());
  log_.Warning("file rejected", {{"file", names_.front()},
                                 {"reason", why.message()},
                                 {"kept_as", *moved}});
  Forget();
}

void WatchedFolder::LeaveThere(const absl::Status& why,
                               const absl::Status& moved) {
  if (left_.size() == kMostNames) return GiveUp(moved);
  log_.Error("file rejected, but it cannot be moved and stays",
             {{"file", names_.front()},
              {"reason", why.message()},
              {"error", moved.message()}});
  left_.insert(names_.front());
  Forget();
}

void WatchedFolder::Forget() { names_.pop_front(); }

void WatchedFolder::GiveUp(const absl::Status& why) {
  if (given_up_) return;
  given_up_ = true;
  names_.clear();
  log_.Error("no more files are taken until the agent starts again",
             {{"error", why.message()}});
}

}  // namespace shoal::client
