// The models and federations of docs/how-to/which-model-fits.md.
#ifndef SHOAL_BENCH_MODEL_ZOO_H_
#define SHOAL_BENCH_MODEL_ZOO_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/dataset.h"
#include "learning/model_spec.h"

namespace shoal::bench {

// Devices, what they train on, and for how long: FedAvg with plain SGD.
struct ZooFederation {
  std::string name;       // "handwriting"
  std::string data;       // as after --data, the folder below that of data sets
  bool has_files = true;  // false: the data are built in
  int devices = 0;
  int cohort = 0;  // reports of a round
  int epochs = 1;  // of a round, on each device
  int64_t rounds = 0;
};

struct ZooModel {
  learning::ModelSpec spec;
  double learning_rate = 0;                   // everywhere
  std::vector<std::string> federations = {};  // names: where it is trained
};

// Everything is trained in batches of this size.
inline constexpr int kZooBatchSize = 10;

std::vector<ZooFederation> ZooFederations();
std::vector<ZooModel> ZooModels();

// What a model takes on a device, in bytes: known before anything is
// downloaded.
struct ModelBytes {
  int64_t parameters = 0;  // their number
  // What a device's memory limit has to allow for a session with SGD: with
  // nothing given up, and with all given up that a plan may give up by itself.
  int64_t train = 0;
  int64_t train_least = 0;
  int64_t predict = 0;  // one example: weights and block
};

// REQUIRES: a valid model.
ModelBytes BytesOf(const learning::ModelSpec& spec);

// The data of one federation, in memory.
struct LoadedFederation {
  ZooFederation federation;
  uint64_t seed = 0;
  std::vector<std::unique_ptr<learning::Dataset>> devices;
  std::unique_ptr<learning::Dataset> test;
};

// `seed` draws the writers of the handwriting and the shares of a pool.
// Errors as FederatedData::Open.
absl::StatusOr<LoadedFederation> LoadFederation(const ZooFederation& federation,
                                                const std::string& data_folder,
                                                uint64_t seed);

// On the held-out examples, in [0, 1], of the model after the last round.
// Deterministic. Errors as RunFederation.
absl::StatusOr<double> FederatedAccuracy(const LoadedFederation& loaded,
                                         const ZooModel& model);

}  // namespace shoal::bench

#endif  // SHOAL_BENCH_MODEL_ZOO_H_
