// A folder into which programs of this machine put CSV files of examples.
#ifndef SHOAL_CLIENT_AGENT_WATCHED_FOLDER_H_
#define SHOAL_CLIENT_AGENT_WATCHED_FOLDER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/logging.h"
#include "client/agent/csv_intake.h"
#include "client/example_store.h"

namespace shoal::client {

// Takes files that are there at the start, that are renamed into the folder, or
// closed after having been written; not those whose name begins with '.' or
// ends with .part or .tmp. A file is removed when all its rows are durable; one
// that cannot be read is moved to `rejected/`, with the reason in NAME.reason
// beside it. One that cannot be moved stays until it changes or the agent
// starts again. One thread.
class WatchedFolder {
 public:
  // INVALID_ARGUMENT when the folder is none, or files cannot be removed from
  // it. All must outlive it.
  static absl::StatusOr<std::unique_ptr<WatchedFolder>> Open(
      std::string path, ExampleStore& store, const Clock& clock, Logger& log);
  ~WatchedFolder();
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;

  // To be polled for input; OnReadable() takes what has come.
  int fd() const { return fd_; }
  void OnReadable();

  // When there is work: zero, now; infinite, when something comes.
  absl::Duration Due() const;
  // Does a piece of it.
  void Work();

 private:
  WatchedFolder(std::string path, int fd, ExampleStore& store,
                const Clock& clock, Logger& log);

  void Enqueue(const std::string& name);
  // Enqueues what is there, the oldest first.
  void List();
  void OnEnd(const CsvIntake::End& end);
  void Reject(const absl::Status& why);
  // For a file that cannot be moved.
  void LeaveThere(const absl::Status& why, const absl::Status& moved);
  // Ends the work on the first file of the queue.
  void Forget();
  // A file that cannot be removed would be taken again and again, very many
  // that stay cannot be told from others; in a folder that has gone nothing can
  // come.
  void GiveUp(const absl::Status& why);

  const std::string path_;
  const int fd_;
  ExampleStore& store_;
  const Clock& clock_;
  Logger& log_;
  std::deque<std::string> names_;    // waiting; the first is being read
  std::set<std::string> left_;       // that are bad and stay there
  bool must_list_ = true;            // there may be more than names_
  std::optional<CsvIntake> intake_;  // of the first
  absl::Duration rest_until_;        // after an error of the store
  bool store_failed_ = false;        // which was logged
  bool given_up_ = false;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_WATCHED_FOLDER_H_
