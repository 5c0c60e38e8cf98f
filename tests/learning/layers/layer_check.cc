#include "tests/learning/layers/layer_check.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

// One layer, one instruction set.
class Checker {
 public:
  Checker(const Layer& layer, const Kernels& kernels, const LayerCheck& check)
      : layer_(layer), check_(check) {
    run_.kernels = &kernels;
    run_.rows = check.rows;
    run_.x = check.x;
    if (run_.x.empty()) {
      run_.x = RandomValues(3, check.rows * layer.input().num_values());
    }
    run_.parameters = check.parameters;
    if (run_.parameters.empty()) SetParameters();
    run_.dy = RandomValues(5, check.rows * layer.output().num_values());
    expected_ = RunLayer(layer_, run_);
  }

  void CheckGradients() {
    if (check_.differentiable_input) {
      Compare("dx", expected_.dx, 0, run_.x, run_.x.size());
    }
    for (size_t i = 0; i < layer_.tensors().size(); ++i) {
      const LayerTensor& tensor = layer_.tensors()[i];
      const int64_t begin = layer_.offset(i);
      const int64_t size = layer_.tensor_size(i);
      const std::vector<float> gradient(
          expected_.gradient.begin() + begin,
          expected_.gradient.begin() + begin + size);
      if (tensor.trainable) {
        Compare(tensor.name, gradient, begin, run_.parameters, size);
        continue;
      }
      for (float value : gradient) {
        EXPECT_TRUE(std::isnan(value))
            << tensor.name << " is not trainable, but has a gradient";
      }
    }
  }

  // Another instruction set rounds differently, and that is all.
  void CheckAgainst(const Checker& other) {
    ExpectAlike(other.expected_, "of the best instruction set");
  }

  void CheckKinds() {
    LayerRun lean = run_;
    lean.kind = PassKind::kTrainLean;
    ExpectAlike(RunLayer(layer_, lean), "lean");
    if (!check_.predicts_alike) return;
    LayerRun predict = run_;
    predict.kind = PassKind::kPredict;
    predict.dy.clear();
    ExpectNear(RunLayer(layer_, predict).y, expected_.y, "y predicted");
    predict.in_place = true;
    ExpectNear(RunLayer(layer_, predict).y, expected_.y,
               "y predicted in place");
  }

  void CheckWhatMayBeLeftOut() {
    LayerRun in_place = run_;
    in_place.in_place = true;
    ExpectAlike(RunLayer(layer_, in_place), "in place");
    LayerRun frozen = run_;
    frozen.sink = SinkKind::kFrozen;
    ExpectNear(RunLayer(layer_, frozen).dx, expected_.dx, "dx when frozen");
    LayerRun first = run_;
    first.wants_dx = false;
    ExpectGradient(RunLayer(layer_, first).gradient, "gradient without dx");
  }

  void CheckSinks() {
    LayerRun add = run_;
    add.sink = SinkKind::kAdd;
    std::vector<float> sum = AddedTo(layer_.num_parameters());
    for (size_t i = 0; i < sum.size(); ++i) {
      if (IsTrainable(i)) sum[i] += expected_.gradient[i];
    }
    ExpectNear(RunLayer(layer_, add).gradient, sum, "gradient added to");
    for (SinkKind kind :
         {SinkKind::kSgd, SinkKind::kMomentum, SinkKind::kAdam}) {
      LayerRun step = run_;
      step.sink = kind;
      std::vector<float> stepped = run_.parameters;
      for (size_t i = 0; i < stepped.size(); ++i) {
        if (!IsTrainable(i)) continue;
        stepped[i] = Stepped(kind, stepped[i], expected_.gradient[i]);
      }
      const LayerResult result = RunLayer(layer_, step);
      ExpectNear(result.parameters, stepped,
                 absl::StrCat("stepped by sink ", kind).c_str());
      ExpectNear(result.dx, expected_.dx, "dx when stepping");
    }
  }

 private:
  // As initialised, but nothing is zero, so that everything matters.
  void SetParameters() {
    run_.parameters.resize(layer_.num_parameters());
    SeededRng rng(7);
    layer_.Initialise(rng, absl::MakeSpan(run_.parameters));
    for (float& value : run_.parameters) {
      value += static_cast<float>(0.4 * rng.Uniform() - 0.2);
    }
  }

  bool IsTrainable(int64_t parameter) const {
    for (size_t i = 0; i < layer_.tensors().size(); ++i) {
      if (parameter < layer_.offset(i) + layer_.tensor_size(i)) {
        return layer_.tensors()[i].trainable;
      }
    }
    return false;
  }

  void ExpectGradient(const std::vector<float>& gradient, const char* what) {
    std::vector<float> actual, expected;
    for (size_t i = 0; i < gradient.size(); ++i) {
      if (!IsTrainable(i)) continue;
      actual.push_back(gradient[i]);
      expected.push_back(expected_.gradient[i]);
    }
    ExpectNear(actual, expected, what);
  }

  void ExpectAlike(const LayerResult& result, const char* what) {
    ExpectNear(result.y, expected_.y, absl::StrCat("y ", what).c_str());
    ExpectNear(result.dx, expected_.dx, absl::StrCat("dx ", what).c_str());
    ExpectGradient(result.gradient, absl::StrCat("gradient ", what).c_str());
  }

  // Central difference of sum(dy * y). Outputs that do not depend on `value`
  // cancel exactly.
  double Difference(float& value, float step) {
    const float middle = value;
    LayerRun run = run_;
    run.dy.clear();
    value = middle + step;
    const float above = value;
    run.x = run_.x;
    run.parameters = run_.parameters;
    const std::vector<float> y_above = RunLayer(layer_, run).y;
    value = middle - step;
    const float below = value;
    run.x = run_.x;
    run.parameters = run_.parameters;
    const std::vector<float> y_below = RunLayer(layer_, run).y;
    value = middle;
    double sum = 0;
    for (size_t i = 0; i < y_above.size(); ++i) {
      sum += run_.dy[i] * (static_cast<double>(y_above[i]) - y_below[i]);
    }
    return sum / (static_cast<double>(above) - below);
  }

  // Richardson's extrapolation of two differences; nothing where they
  // disagree, because there is a kink (ReLU, a maximum) between.
  std::optional<double> Derivative(float& value, double scale) {
    constexpr float kStep = 1.0f / 128;
    const double wide = Difference(value, kStep);
    const double narrow = Difference(value, kStep / 2);
    const double allowed = check_.tolerance * (std::abs(narrow) + scale);
    if (std::abs(wide - narrow) > allowed) return std::nullopt;
    return (4 * narrow - wide) / 3;
  }

  // Compares `gradient` with the derivatives to values[begin, begin + size),
  // of which a sample will do.
  void Compare(const std::string& name, const std::vector<float>& gradient,
               int64_t begin, std::vector<float>& values, int64_t size) {
    constexpr int64_t kSample = 120;
    const double scale = RootMeanSquare(gradient);
    EXPECT_GT(scale, 0) << name;
    SeededRng rng(11);
    int64_t kinks = 0;
    const int64_t sample = std::min(size, kSample);
    for (int64_t i = 0; i < sample; ++i) {
      const int64_t at = size <= kSample ? i : rng.Below(size);
      const auto derivative = Derivative(values[begin + at], scale);
      if (!derivative.has_value()) {
        ++kinks;
        continue;
      }
      ASSERT_NEAR(gradient[at], *derivative,
                  check_.tolerance * (std::abs(*derivative) + scale))
          << name << " at " << at;
    }
    // Enough were compared to trust the rest.
    EXPECT_LE(kinks, sample / 3) << name;
  }

  const Layer& layer_;
  const LayerCheck& check_;
  LayerRun run_;
  LayerResult expected_;
};

}  // namespace

void CheckLayer(const Layer& layer, const LayerCheck& check) {
  Checker best(layer, BestKernels(), check);
  best.CheckGradients();
  for (const Kernels* kernels : AllKernels()) {
    SCOPED_TRACE(absl::StrCat(layer.input().ToString(), " to ",
                              layer.output().ToString(), ", instruction set ",
                              static_cast<int>(kernels->instruction_set)));
    Checker checker(layer, *kernels, check);
    checker.CheckAgainst(best);
    checker.CheckKinds();
    checker.CheckWhatMayBeLeftOut();
    checker.CheckSinks();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace shoal::learning
