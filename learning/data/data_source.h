// Where examples come from: the built-in handwriting, or files; and how they
// fall onto devices.
#ifndef SHOAL_LEARNING_DATA_DATA_SOURCE_H_
#define SHOAL_LEARNING_DATA_DATA_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "learning/dataset.h"

namespace shoal::learning {

struct HandwritingSource {
  uint64_t seed = 0;
  int mean_examples = 200;  // per writer
};
// MNIST's four IDX files, gzipped or not, in the folder `path`.
struct IdxSource {
  std::string path;
};
// UCI HAR: the official text layout, or har_{x,y,subject}.npy.
struct HarSource {
  std::string path;
};
// A column is either the class or the value to predict.
struct CsvSource {
  std::string path;
  std::string label = {};   // column of the class, or
  std::string target = {};  // column of the value
  std::string device = {};  // column that names the device; may be empty
};
// Windows of characters, each labelled with the next one (learning/data/text.h
// has the vocabulary). Speakers of a play are natural devices.
struct TextSource {
  std::string path;
  int length = 80;  // of a window; [1, 65536]
};
struct DataSource {
  std::variant<HandwritingSource, IdxSource, HarSource, CsvSource, TextSource>
      kind;
};

struct IidPartition {};
struct DirichletPartition {
  double alpha = 0.5;  // > 0
};
struct NaturalPartition {};
using Partition =
    std::variant<IidPartition, DirichletPartition, NaturalPartition>;

// What a set of data looks like before any example is read.
struct DataShape {
  int num_features = 0;
  int num_classes = 0;          // 0: no labels
  int labels_per_example = 1;   // more: a label at every position
  int num_targets = 0;          // values to predict instead of a class
  bool missing_values = false;  // some features are missing: NaN
  // Devices that the data itself names; 0: none, the data are one pool.
  // Handwriting has as many writers as asked for, and a text without speakers
  // as many parts: reported as 0 too.
  int natural_devices = 0;
  bool natural_is_default = false;  // partition by nature unless told otherwise
};

// A federation's view of a data source: `num_devices` shares and one held-out
// test set, all determined by (source, partition, num_devices, seed). Every
// process of a federation that opens it with the same arguments sees the same
// shares. Opening reads labels and names only; features are read share by
// share, and a file is streamed, never held whole.
class FederatedData {
 public:
  // NOT_FOUND, DATA_LOSS (truncated, wrong magic, SHA256SUMS differs) or
  // INVALID_ARGUMENT in one sentence that names the file. Without `partition`
  // the source's own default is used: writers, subjects and speakers stay
  // whole, pools fall by Dirichlet(0.3).
  static absl::StatusOr<std::unique_ptr<FederatedData>> Open(
      const DataSource& source, std::optional<Partition> partition,
      int num_devices, uint64_t seed);
  virtual ~FederatedData() = default;

  virtual const DataShape& shape() const = 0;
  virtual int num_devices() const = 0;
  virtual int64_t num_device_examples(int device) const = 0;
  // Training examples of one device, in memory.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const = 0;
  // Held-out examples of no device's share.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const = 0;
};

// Parses what users write after --data: "handwriting", "mnist:DIR",
// "fashion-mnist:DIR", "har:DIR", "csv:FILE" (label and device columns are
// filled in by the caller), "text:FILE". INVALID_ARGUMENT lists the known
// kinds.
absl::StatusOr<DataSource> ParseDataSource(absl::string_view text);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_DATA_SOURCE_H_
