// Examples that fit FakeFleet's plan.
#ifndef SHOAL_TESTS_SUPPORT_SMALL_EXAMPLES_H_
#define SHOAL_TESTS_SUPPORT_SMALL_EXAMPLES_H_

#include <cstdint>
#include <vector>

#include "learning/dataset.h"

namespace shoal::testing {

// `num_examples` of `num_features` features and three classes; feature f of
// example i is 1 where f equals the label, otherwise 0.
inline learning::InMemoryDataset SmallExamples(int num_examples = 20,
                                               int num_features = 4) {
  constexpr int kClasses = 3;
  std::vector<float> features(num_examples * num_features);
  std::vector<int32_t> labels(num_examples);
  for (int i = 0; i < num_examples; ++i) {
    labels[i] = i % kClasses;
    features[i * num_features + labels[i]] = 1;
  }
  return learning::InMemoryDataset(std::move(features), std::move(labels),
                                   num_features, kClasses);
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_SMALL_EXAMPLES_H_
