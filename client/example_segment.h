// The files of a device's example store: a header, then records of one size,
// each with its own checksum (docs/reference/formats.md).
#ifndef SHOAL_CLIENT_EXAMPLE_SEGMENT_H_
#define SHOAL_CLIENT_EXAMPLE_SEGMENT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

// What all examples of a store have in common.
struct ExampleShape {
  int num_features = 0;
  int num_classes = 0;         // 0: no labels
  int labels_per_example = 0;  // 0 without classes
  int num_targets = 0;
  friend bool operator==(const ExampleShape&, const ExampleShape&) = default;
};

// REQUIRES: options that CheckStoreOptions accepts.
ExampleShape ShapeOf(const ExampleStoreOptions& options);
// "784 features and 10 classes", for people.
std::string ShapeText(const ExampleShape& shape);

// INVALID_ARGUMENT "example_store.OPTION: …".
absl::Status CheckStoreOptions(const ExampleStoreOptions& options);
// INVALID_ARGUMENT when a number of values is not the shape's, a label is out
// of range, a target not finite or a feature infinite. NaN: a missing feature.
absl::Status CheckExample(const ExampleShape& shape, const Example& example);
// INVALID_ARGUMENT when a feature is missing.
absl::Status CheckComplete(const Example& example);

// Which row of which source an example is; source 0: of none.
struct Origin {
  uint64_t source = 0;
  uint64_t row = 0;
  friend bool operator==(const Origin&, const Origin&) = default;
};

inline constexpr int64_t kSegmentHeaderBytes = 32;
std::string EncodeSegmentHeader(const ExampleShape& shape);
// DATA_LOSS when `bytes` do not begin with a header that is whole;
// INVALID_ARGUMENT when it is one of another format version.
absl::StatusOr<ExampleShape> DecodeSegmentHeader(absl::string_view bytes);

int64_t RecordBytes(const ExampleShape& shape);
// REQUIRES: CheckExample.
void AppendRecord(const Example& example, absl::Time added, Origin origin,
                  std::string& out);

// Where the parts of a record of `shape` are. `record` has RecordBytes(shape).
class RecordView {
 public:
  RecordView(const ExampleShape& shape, absl::string_view record)
      : shape_(shape), record_(record) {}

  // Whether the checksum is right. The rest is meaningful only then.
  bool IsIntact() const;
  absl::Time added() const;
  Origin origin() const;
  // Each writes as many values as the shape has.
  void CopyFeatures(absl::Span<float> out) const;
  void CopyLabels(absl::Span<int32_t> out) const;
  void CopyTargets(absl::Span<float> out) const;
  // REQUIRES: the shape has classes.
  int32_t first_label() const;

 private:
  void Copy(int64_t values_before, void* out, int64_t num_values) const;

  const ExampleShape& shape_;
  const absl::string_view record_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_EXAMPLE_SEGMENT_H_
