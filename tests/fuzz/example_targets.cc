// Targets of what comes into a device's example store, of its files, and of
// files that others have made.
#include <iterator>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "client/agent/local_requests.h"
#include "client/example_segment.h"
#include "learning/data/leaf_file.h"
#include "tests/fuzz/example_inputs.h"
#include "tests/fuzz/fuzz_targets.h"

namespace shoal::testing {
namespace {

using client::ExampleShape;

constexpr ExampleShape kShapes[] = {
    {2, 3, 1, 0}, {2, 3, 4, 0}, {2, 0, 0, 2}, {3, 0, 0, 0}};

// Of the second shape, and its values.
constexpr float kFeatures[] = {0.5f, -1};
constexpr int32_t kLabels[] = {0, 1, 2, 1};

void CheckRecord(const ExampleShape& shape, absl::string_view record) {
  const client::RecordView view(shape, record);
  if (!view.IsIntact()) return;
  std::vector<float> features(shape.num_features);
  std::vector<int32_t> labels(shape.labels_per_example);
  std::vector<float> targets(shape.num_targets);
  view.CopyFeatures(absl::MakeSpan(features));
  view.CopyLabels(absl::MakeSpan(labels));
  view.CopyTargets(absl::MakeSpan(targets));
  std::string again;
  client::AppendRecord({features, labels, targets}, view.added(), view.origin(),
                       again);
  SHOAL_CHECK(again == record);
}

}  // namespace

std::vector<std::string> ValidLocalRequests() {
  return {absl::StrCat(std::string(1, 0), "example 2 0.5,-1e3"),
          absl::StrCat(std::string(1, 1), "example 0,1,2,2 ,1"),
          absl::StrCat(std::string(1, 2), "example 1.5,-2 7,8"),
          absl::StrCat(std::string(1, 3), "example 1,2,3"),
          absl::StrCat(std::string(1, 0), "predict 0.25,4\r")};
}

std::vector<std::string> ValidExampleSegments() {
  std::string segment = client::EncodeSegmentHeader(kShapes[1]);
  for (int64_t second = 0; second < 3; ++second) {
    client::AppendRecord({kFeatures, kLabels, {}},
                         absl::FromUnixSeconds(second), {7, 8}, segment);
  }
  return {segment, client::EncodeSegmentHeader(kShapes[2])};
}

std::vector<std::string> ValidLeafFiles() {
  return {R"({"users": ["b", "a"], "num_samples": [2, 1], "user_data": {
    "a": {"y": [9999], "raw": {"x": [null, {"y": "z"}]}, "x": [[-1e-3, 4]]},
    "b": {"x": [[1, 2.5], [3, 4]], "y": [0, 1.0]}}, "hierarchies": [[true]]})",
          R"({"user_data": {"\u00e9": {"x": [], "y": []}}, "users": ["é"]})"};
}

void FuzzLocalRequest(absl::string_view data) {
  if (data.empty()) return;
  const ExampleShape& shape =
      kShapes[static_cast<uint8_t>(data[0]) % std::size(kShapes)];
  const auto request = client::ParseRequest(data.substr(1), shape);
  if (!request.ok()) {
    const absl::string_view message = request.status().message();
    SHOAL_CHECK(message.find('\n') == message.npos && message.size() < 500);
  } else if (const auto* add = std::get_if<client::AddRequest>(&*request)) {
    SHOAL_CHECK(std::ssize(add->features) == shape.num_features);
    SHOAL_CHECK(std::ssize(add->labels) == shape.labels_per_example);
    SHOAL_CHECK(std::ssize(add->targets) == shape.num_targets);
    // May say no, to a label or a target, but has to bear it.
    client::CheckExample(shape, add->view()).IgnoreError();
  }
}

void FuzzExampleSegment(absl::string_view data) {
  const absl::StatusOr<ExampleShape> shape = client::DecodeSegmentHeader(data);
  if (shape.ok()) {
    SHOAL_CHECK(client::EncodeSegmentHeader(*shape) ==
                data.substr(0, client::kSegmentHeaderBytes));
  }
  // As the store does, which reads on behind a damaged header.
  const ExampleShape& expected = shape.ok() ? *shape : kShapes[1];
  const size_t size = client::RecordBytes(expected);
  for (size_t at = client::kSegmentHeaderBytes; at + size <= data.size();
       at += size) {
    CheckRecord(expected, data.substr(at, size));
  }
}

void FuzzLeafFile(absl::string_view data) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/leaf.json";
  SHOAL_CHECK(WriteFileAtomically(path, data).ok());
  const absl::StatusOr<learning::LeafFile> file = learning::ScanLeaf(path);
  if (!file.ok()) {
    SHOAL_CHECK(absl::StrContains(file.status().message(), path));
    return;
  }
  for (const learning::LeafUser& user : file->users) {
    const auto features = learning::ReadLeafFeatures(*file, user);
    SHOAL_CHECK(features.ok() &&
                std::ssize(*features) ==
                    std::ssize(user.labels) * file->num_features);
  }
}

}  // namespace shoal::testing
