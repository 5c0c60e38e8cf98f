// One JSON file of LEAF (Caldas et al., "LEAF: A Benchmark for Federated
// Settings", 2018):
//   {"users": ["a", …], "num_samples": [2, …],
//    "user_data": {"a": {"x": [[0.5, …], …], "y": [3, …]}, …}}
// in any order of its keys; other keys are passed over. Files are streamed.
#ifndef SHOAL_LEARNING_DATA_LEAF_FILE_H_
#define SHOAL_LEARNING_DATA_LEAF_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace shoal::learning {

struct LeafUser {
  std::string name;
  int64_t offset = 0;           // in the file, unpacked: of its {"x": …}
  std::vector<int32_t> labels;  // of its examples; [0, 9999]
};

struct LeafFile {
  std::string path;
  std::vector<LeafUser> users;  // in the order of "users"
  int64_t num_features = 0;     // 0: no examples
};

// Reads the file once, for everything but the features. NOT_FOUND; DATA_LOSS
// with the path and the byte for what is no such JSON: features that are no
// arrays of finite numbers, all of one length; labels that are no whole
// numbers of [0, 9999], or another number of them; users that are listed
// without data, or twice, or have data without being listed, or have another
// number of examples than "num_samples" says.
absl::StatusOr<LeafFile> ScanLeaf(const std::string& path);

// The features of all examples of one of its users, row-major. A file that is
// not gzipped is read from the user's offset only. DATA_LOSS when the file has
// changed since.
absl::StatusOr<std::vector<float>> ReadLeafFeatures(const LeafFile& file,
                                                    const LeafUser& user);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_LEAF_FILE_H_
