// What holds for every partition.
#ifndef SHOAL_TESTS_LEARNING_DATA_SHARES_CHECKS_H_
#define SHOAL_TESTS_LEARNING_DATA_SHARES_CHECKS_H_

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "learning/data/shares.h"

namespace shoal::learning {

// `num_examples` labels: 0, 1, …, num_classes - 1, 0, 1, …
inline std::vector<int32_t> BalancedLabels(int num_examples, int num_classes) {
  std::vector<int32_t> labels(num_examples);
  for (int i = 0; i < num_examples; ++i) labels[i] = i % num_classes;
  return labels;
}

// Every example once, every device some, ascending.
inline void ExpectPartition(const Shares& shares, int64_t num_examples) {
  std::vector<int64_t> all;
  for (const auto& share : shares) {
    EXPECT_FALSE(share.empty());
    EXPECT_TRUE(std::is_sorted(share.begin(), share.end()));
    all.insert(all.end(), share.begin(), share.end());
  }
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected(num_examples);
  std::iota(expected.begin(), expected.end(), int64_t{0});
  EXPECT_EQ(all, expected);
}

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_DATA_SHARES_CHECKS_H_
