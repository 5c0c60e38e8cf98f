// The deterministic federation of the reference values: 30 devices with
// synthetic data, 20 rounds of 10 devices in a given order, multinomial
// logistic regression that starts at zero; and its mathematics in double, so
// that a rule can be compared with the reference without float32 in between.
#ifndef SHOAL_TESTS_SUPPORT_GOLDEN_FEDERATION_H_
#define SHOAL_TESTS_SUPPORT_GOLDEN_FEDERATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace shoal::testing {

// Rows of features, in file order.
struct GoldenExamples {
  std::vector<float> features;  // [size, kFeatures]
  std::vector<int32_t> labels;  // [size], in [0, kClasses)

  int64_t size() const { return labels.size(); }
};

struct GoldenSlot {
  int device = 0;
  bool straggler = false;
};

// One line of the trace: the model after `round` steps.
struct GoldenRow {
  int round = 0;
  double loss = 0;      // over all devices' training examples
  double accuracy = 0;  // over all devices' test examples
  double norm = 0;      // of the model
  double sum = 0;       // of the model's values
};

class GoldenFederation {
 public:
  static constexpr int kDevices = 30;
  static constexpr int kRounds = 20;
  static constexpr int kFeatures = 60;
  static constexpr int kClasses = 10;
  static constexpr int kParameters = (kFeatures + 1) * kClasses;
  static constexpr int kBatchSize = 10;
  static constexpr double kLearningRate = 0.01;

  // [kParameters]: weights [kFeatures, kClasses], then biases [kClasses].
  using Vector = std::vector<double>;

  // Where the values lie; a test skips itself when it is not there.
  static std::string Folder();
  GoldenFederation();

  const GoldenExamples& train(int device) const { return train_.at(device); }
  const GoldenExamples& test(int device) const { return test_.at(device); }
  // Of round 0, 1, …, in slot order.
  const std::vector<GoldenSlot>& slots(int round) const {
    return schedule_.at(round);
  }
  // [kRounds + 1] of an algorithm's name.
  std::vector<GoldenRow> Rows(const std::string& name) const;

  // Mean gradient of the cross-entropy over examples [begin, end) of a device.
  Vector Gradient(const Vector& w, int device, int64_t begin,
                  int64_t end) const;
  Vector Gradient(const Vector& w, int device) const;
  // SGD from `start` in file order; `correction`, when there is one, is added
  // to every gradient.
  Vector Train(const Vector& start, int device, int epochs,
               const Vector& correction = {}) const;
  // The mean over a round's devices of what `update` says of each, weighted by
  // their examples or all alike.
  Vector Mean(int round, bool uniform,
              const std::function<Vector(GoldenSlot)>& update) const;
  // What the trace says of a model.
  GoldenRow RowOf(int round, absl::Span<const double> w) const;
  GoldenRow RowOf(int round, absl::Span<const float> w) const;

 private:
  std::vector<GoldenExamples> train_;
  std::vector<GoldenExamples> test_;
  std::vector<std::vector<GoldenSlot>> schedule_;
};

// Loss and norm agree to `relative` of their size, and but for one test example
// on a boundary all fall on the same side. (The sum of the values is left out:
// the loss does not change along it, and nothing takes back what rounding
// adds.)
void ExpectGoldenRow(const GoldenRow& row, const GoldenRow& expected,
                     double relative);

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_GOLDEN_FEDERATION_H_
