// Where examples come from: generators, or files; and how they fall onto
// devices (learning/data/partition_spec.h).
#ifndef SHOAL_LEARNING_DATA_DATA_SOURCE_H_
#define SHOAL_LEARNING_DATA_DATA_SOURCE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/data/partition_spec.h"
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
// Synthetic(alpha, beta) of FedProx (learning/data/synthetic.h).
struct SyntheticSource {
  double alpha = 0;   // how much the devices' models differ; >= 0
  double beta = 0;    // how much their features differ; >= 0
  uint64_t seed = 0;  // below 2^32
  bool iid = false;   // one model, one distribution; only with alpha and beta 0
};
// Own NumPy arrays (learning/data/npy_source.h).
struct NpySource {
  std::string features;            // [examples, features]
  std::string labels;              // [examples], integers from 0
  std::string users = {};          // [examples], integers; empty: one pool
  std::string test_features = {};  // with test_labels: the held-out examples
  std::string test_labels = {};
  std::string test_users = {};  // only with users
};
// CIFAR-10's six binary batches, in the folder `path`.
struct Cifar10Source {
  std::string path;
};
// EMNIST's four IDX files of one split, gzipped or not, in the folder `path`.
struct EmnistSource {
  std::string path;
  std::string split = "balanced";
};
// LEAF's JSON files: those of the folders `path`/train and `path`/test.
struct LeafSource {
  std::string path;
};
struct DataSource {
  std::variant<HandwritingSource, IdxSource, HarSource, CsvSource, TextSource,
               SyntheticSource, NpySource, Cifar10Source, EmnistSource,
               LeafSource>
      kind;
};

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
  bool tokens = false;  // features are whole numbers that stand for characters
  // Of images: height, width, channels, in the order of the features; all 0
  // where they are none.
  std::array<int, 3> image = {0, 0, 0};
};

// A federation's view of a data source: `num_devices` shares and one held-out
// test set, all determined by (source, partition, num_devices, seed). Every
// process of a federation that opens it with the same arguments sees the same
// shares. Opening reads labels and names only; features are read share by
// share, and a file is streamed, never held whole.
//
// Thread-safe: what is loaded depends on nothing but the arguments. A share
// that is not loaded costs no memory where devices are generated (handwriting
// and synthetic, by nature), and elsewhere some bytes for each example.
class FederatedData {
 public:
  // NOT_FOUND, DATA_LOSS (truncated, wrong magic, SHA256SUMS differs) or
  // INVALID_ARGUMENT in one sentence that names the file. Without `partition`
  // the source's own default is used: writers, subjects and speakers stay
  // whole, pools fall by Dirichlet(0.3). UNIMPLEMENTED in programs that are
  // built small for what only simulated fleets need (simulated_fleet.h).
  static absl::StatusOr<std::unique_ptr<FederatedData>> Open(
      const DataSource& source, std::optional<Partition> partition,
      int num_devices, uint64_t seed);
  virtual ~FederatedData() = default;

  virtual const DataShape& shape() const = 0;
  virtual int num_devices() const = 0;
  // Reads no file and draws no example. Under a drift of labels: at its start.
  virtual int64_t num_device_examples(int device) const = 0;
  // Training examples of one device, in memory.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const = 0;
  // Held-out examples of no device's share: of all devices' own, where they
  // have some.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const = 0;

  // Whether the data hold examples out for every single device, which they do
  // where it is a natural one: those that LoadDeviceTest() then gives. There
  // may be none for some. FAILED_PRECONDITION otherwise.
  virtual bool has_device_tests() const { return false; }
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceTest(
      int device) const;

  // Where the partition drifts: the same at a moment. What is loaded without
  // one is that of the start, Moment{}.
  virtual bool drifts() const { return false; }
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceAt(
      int device, const Moment& moment) const;
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadTestAt(
      const Moment& moment) const;
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceTestAt(
      int device, const Moment& moment) const;

  // How many of a device's training examples have each label, where there are
  // labels: [num_classes]; of sequences, how many of their positions. Values to
  // predict count by the tenth of all values that they fall into. Empty when
  // there is nothing to count. Reads no features where it can do without.
  virtual absl::StatusOr<std::vector<int64_t>> CountLabels(int device) const;
};

// Parses what users write after --data: "handwriting", "synthetic",
// "mnist:DIR", "fashion-mnist:DIR", "emnist:DIR", "cifar10:DIR", "har:DIR",
// "leaf:DIR", "csv:FILE" (label and device columns are filled in by the
// caller), "text:FILE". INVALID_ARGUMENT lists the known kinds. (NumPy arrays
// are several files: a scenario names them.)
absl::StatusOr<DataSource> ParseDataSource(absl::string_view text);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_DATA_SOURCE_H_
