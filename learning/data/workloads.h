// Four workloads of federated averaging that speed is measured on and that
// other programs can repeat to the last step: examples, users, who takes part
// in each round, initial weights. They are generated with NumPy's generator
// (numpy_random.h), as a short NumPy program would.
#ifndef SHOAL_LEARNING_DATA_WORKLOADS_H_
#define SHOAL_LEARNING_DATA_WORKLOADS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "learning/batch.h"
#include "learning/model_spec.h"
#include "learning/parameters.h"

namespace shoal::learning {

// Plain SGD; batches are consecutive slices of a user's examples, the last one
// may be short; the server averages the users' models weighted by their
// numbers of examples.
struct Workload {
  std::string name;
  ModelSpec spec;
  int epochs = 1;
  int batch_size = 10;
  double learning_rate = 0;

  std::vector<int64_t> offsets;  // [users + 1]: where each user's examples are
  std::vector<float> features;   // [examples, features]
  std::vector<int32_t> labels;   // [examples]
  std::vector<float> test_features;
  std::vector<int32_t> test_labels;
  std::vector<std::vector<int64_t>> rounds;  // the users of each
  ParameterVector initial;                   // as Model lays them out

  // Examples [begin, end) of all users'.
  Batch Slice(int64_t begin, int64_t end) const;
};

// W1: logistic regression on Synthetic(1, 1) (Li et al., "Federated
// Optimization in Heterogeneous Networks", MLSys 2020, section 5.1): 60
// features, 10 classes, 30 users of 45 to 4645 examples, 10 a round.
Workload MakeW1();
// W2: 784-200-200-10 on images of ten noisy templates: 100 users of 600
// examples, two shards by label each, 10 a round.
Workload MakeW2();
// W3: the network of McMahan et al. 2017 (1 663 370 parameters) on the same
// images: 1000 users of 60 examples, 100 a round.
Workload MakeW3();
// W4: the model of W1 on 10 000 users of 20 examples, 1000 a round: what a
// user costs, rather than the arithmetic.
Workload MakeW4();

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_WORKLOADS_H_
