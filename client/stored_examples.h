// A snapshot of an example store.
#ifndef SHOAL_CLIENT_STORED_EXAMPLES_H_
#define SHOAL_CLIENT_STORED_EXAMPLES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/mapped_file.h"
#include "client/example_segment.h"
#include "learning/dataset.h"

namespace shoal::client {

// Reads records where they lie in mapped files. Immutable.
class StoredExamples final : public learning::Dataset {
 public:
  explicit StoredExamples(const ExampleShape& shape)
      : shape_(shape), record_bytes_(RecordBytes(shape)) {}

  // Appends the records `first` to `first + count - 1` of a segment, which are
  // intact.
  void Append(std::shared_ptr<const MappedFile> segment, int64_t first,
              int64_t count);

  int64_t num_examples() const override { return num_examples_; }
  int num_features() const override { return shape_.num_features; }
  int num_classes() const override { return shape_.num_classes; }
  int labels_per_example() const override {
    return shape_.num_classes > 0 ? shape_.labels_per_example : 1;
  }
  int num_targets() const override { return shape_.num_targets; }
  int32_t label(int64_t index) const override;
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    At(index).CopyFeatures(out);
  }
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override {
    At(index).CopyLabels(out);
  }
  void CopyTargets(int64_t index, absl::Span<float> out) const override {
    At(index).CopyTargets(out);
  }

 private:
  struct Piece {
    // Shared: a vector moves what it holds, and MappedFile gives no other.
    std::shared_ptr<const MappedFile> file;
    const char* records;
    int64_t end;  // index of the first example behind the piece
  };

  RecordView At(int64_t index) const;

  const ExampleShape shape_;
  const int64_t record_bytes_;
  std::vector<Piece> pieces_;
  int64_t num_examples_ = 0;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_STORED_EXAMPLES_H_
