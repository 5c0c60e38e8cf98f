// What is wrong with one configuration file, and where.
#ifndef SHOAL_CONFIGURATION_FILE_REPORT_H_
#define SHOAL_CONFIGURATION_FILE_REPORT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::configuration {

// Collects errors, so that a user sees all of a file's at once. Paths are
// those of keys: "round.cohort", "model.mlp.hidden[1]". Thread-compatible.
class FileReport {
 public:
  explicit FileReport(absl::string_view file) : file_(file) {}

  // Remembers where `path` stands. `line` counts from 1.
  void SetLine(const std::string& path, int line);
  // Where `path` stands, or the nearest mapping around it.
  int LineOf(absl::string_view path) const;

  void Add(absl::string_view path, absl::string_view problem);
  void AddAt(int line, absl::string_view path, absl::string_view problem);

  // Notes that an error elsewhere is the cause of whatever is wrong at `path`.
  void Explain(std::string path) { explained_.push_back(std::move(path)); }
  // Whether `path`, or a mapping around it, is explained or has an error.
  bool IsExplained(absl::string_view path) const;
  bool ok() const { return errors_.empty(); }

  // INVALID_ARGUMENT with one line "file:line: path: problem" per error, in
  // the order of the lines.
  absl::Status ToStatus() const;

 private:
  struct Error {
    int line;
    std::string path;
    std::string problem;
  };

  const std::string file_;
  absl::flat_hash_map<std::string, int> lines_;
  std::vector<Error> errors_;
  std::vector<std::string> explained_;
};

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_FILE_REPORT_H_
