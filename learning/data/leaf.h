// Data sets in LEAF's layout: FEMNIST, Synthetic, and whatever else has numbers
// for features.
#ifndef SHOAL_LEARNING_DATA_LEAF_H_
#define SHOAL_LEARNING_DATA_LEAF_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// Reads folder/train/*.json and folder/test/*.json (or .json.gz), in the order
// of their names. Users with training examples are natural devices, in the
// order of the files' lists; their examples in `test` are their own held-out
// ones. Users who are only there are held out for nobody in particular (LEAF
// splits by users, too). Classes are 0 to the largest label.
//
// Opening reads all files once and keeps labels, names and places; loading
// reads the users' own parts again, for which plain files are much faster than
// gzipped ones. Texts (Shakespeare, Sent140, Reddit) and names of pictures
// (CelebA) are not read: only numbers are features.
// NOT_FOUND: no folder, or no file in it. DATA_LOSS: as leaf_file.h; a user in
// two files; files of different numbers of features. INVALID_ARGUMENT: fewer
// than two classes, or no examples.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenLeaf(
    const std::string& folder);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_LEAF_H_
