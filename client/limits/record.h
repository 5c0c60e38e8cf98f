// A few bytes that must survive: in a file on devices, in memory in
// simulations.
#ifndef SHOAL_CLIENT_LIMITS_RECORD_H_
#define SHOAL_CLIENT_LIMITS_RECORD_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::client {

// One thread.
class Record {
 public:
  virtual ~Record() = default;
  // NOT_FOUND before the first Save; errors of the storage.
  virtual absl::StatusOr<std::string> Load() = 0;
  // After a crash in between the old bytes or the new ones are there.
  virtual absl::Status Save(absl::string_view bytes) = 0;
};

class FileRecord final : public Record {
 public:
  enum Sync {
    kSynced,    // durable when Save returns OK
    kUnsynced,  // a power cut may lose it: for what can be learned again
  };
  FileRecord(std::string path, Sync sync)
      : path_(std::move(path)), sync_(sync) {}

  // Removes what a crash in Save has left beside the file.
  absl::StatusOr<std::string> Load() override;
  absl::Status Save(absl::string_view bytes) override;

 private:
  const std::string path_;
  const Sync sync_;
};

class MemoryRecord final : public Record {
 public:
  absl::StatusOr<std::string> Load() override;
  absl::Status Save(absl::string_view bytes) override;

 private:
  std::optional<std::string> bytes_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_RECORD_H_
