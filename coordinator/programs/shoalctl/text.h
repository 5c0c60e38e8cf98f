// How values look to people: tables, relative times, sizes.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TEXT_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TEXT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::shoalctl {

// Columns as wide as their widest cell; numbers to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "name   value" lines.
using Fields = std::vector<std::pair<std::string, std::string>>;
std::string FieldsText(const Fields& fields);

// "3 s ago", "in 1 min 5 s".
std::string Relative(absl::Time time, absl::Time now);
// "-" when it is not set; Exact() adds the time itself.
std::string Since(bool has, const google::protobuf::Timestamp& time,
                  absl::Time now);
std::string Exact(bool has, const google::protobuf::Timestamp& time,
                  absl::Time now);

std::string Bytes(uint64_t num_bytes);            // "1.5 MiB"
std::string ShortDigest(const std::string& raw);  // 12 digits, "-" for none
std::string FullDigest(const std::string& raw);   // 64 digits, "-" for none
std::string OrDash(const std::string& text);      // "-" for ""
std::string StateText(v1::RoundState state);      // "committed"
std::string StateText(v1::TaskState state);       // "active"

// Lines of up to 100 bytes, each with its end; a longer word has its own.
std::string Wrapped(absl::string_view text);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TEXT_H_
