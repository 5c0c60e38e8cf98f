#include "tests/learning/layers/layer_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kSgdRate = 0.25f;

double RootMeanSquare(const std::vector<float>& values) {
  double sum = 0;
  for (float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum / std::max<size_t>(1, values.size()));
}

// Floats with guards before and behind, which nobody may write to.
class GuardedBuffer {
 public:
  GuardedBuffer(std::string name, const std::vector<float>& values)
      : name_(std::move(name)), size_(values.size()) {
    memory_.assign(size_ + 2 * kGuard, kGuardValue);
    std::copy(values.begin(), values.end(), data());
  }
  GuardedBuffer(std::string name, int64_t size)
      : GuardedBuffer(std::move(name), std::vector<float>(size, kNan)) {}
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() {
    for (size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(memory_[i], kGuardValue) << "written before " << name_;
      EXPECT_EQ(memory_[kGuard + size_ + i], kGuardValue)
          << "written " << i << " floats behind " << name_ << " of " << size_;
    }
  }

  float* data() { return memory_.data() + kGuard; }
  std::vector<float> values() {
    return std::vector<float>(data(), data() + size_);
  }
  void Poison() { std::fill_n(data(), size_, kNan); }
  // Bit by bit, so that NaN equals itself.
  bool Holds(const std::vector<float>& values) {
    return values.size() == size_ &&
           (size_ == 0 ||
            std::memcmp(values.data(), data(), size_ * sizeof(float)) == 0);
  }

 private:
  static constexpr size_t kGuard = 32;
  static constexpr float kGuardValue = 12345.678f;
  const std::string name_;
  const size_t size_;
  std::vector<float> memory_;
};

// What kAdd finds in the buffer.
std::vector<float> AddedTo(int64_t size) { return RandomValues(99, size); }

FusedSgd Momentum() {
  return {.learning_rate = 0.1f,
          .momentum = 0.5f,
          .nesterov = true,
          .weight_decay = 0.2f};
}

FusedAdam Adam() {
  return {.learning_rate = 0.1f,
          .beta1 = 0.9f,
          .beta2 = 0.99f,
          .epsilon = 0.1f,
          .weight_decay = 0.2f};
}

// The places that a sink writes to.
struct SinkMemory {
  SinkMemory(const Layer& layer, SinkKind kind)
      : gradient("gradient",
                 kind == SinkKind::kAdd
                     ? AddedTo(layer.num_parameters())
                     : std::vector<float>(layer.num_parameters(), kNan)),
        first("first moment", std::vector<float>(layer.num_parameters(), 0.5f)),
        second("second moment",
               std::vector<float>(layer.num_parameters(), 0.25f)),
        scratch("sink scratch", layer.sink_scratch()) {}

  GradientSink Sink(const Kernels& kernels, SinkKind kind, float* parameters) {
    if (kind == SinkKind::kBuffer || kind == SinkKind::kAdd) {
      return GradientSink::Buffer(kernels, gradient.data(),
                                  kind == SinkKind::kAdd);
    }
    if (kind == SinkKind::kAdam) {
      FusedAdam adam = Adam();
      adam.first_moment = first.data();
      adam.second_moment = second.data();
      adam.parameters = parameters;
      return GradientSink::Step(kernels, adam, scratch.data());
    }
    FusedSgd sgd = kind == SinkKind::kSgd ? FusedSgd{.learning_rate = kSgdRate}
                                          : Momentum();
    sgd.velocity = first.data();
    sgd.parameters = parameters;
    return GradientSink::Step(kernels, sgd);
  }

  GuardedBuffer gradient, first, second, scratch;
};

// The buffers of one run.
class Runner {
 public:
  Runner(const Layer& layer, const LayerRun& run)
      : layer_(layer),
        run_(run),
        memory_(layer.Memory(run.kind, run.rows)),
        // In place, the input is gone when Backward runs.
        y_is_x_(run.in_place && memory_.in_place &&
                (Predicts() || !memory_.backward_reads_input)),
        x_("x", run.x),
        y_elsewhere_("y", y_is_x_ ? 0 : NumOutputs()),
        y_(y_is_x_ ? x_ : y_elsewhere_),
        parameters_("parameters", run.parameters),
        saved_("saved", memory_.saved) {
    EXPECT_EQ(run.x.size(), run.rows * layer.input().num_values());
    EXPECT_EQ(run.parameters.size(), layer.num_parameters());
    EXPECT_TRUE(!Predicts() || memory_.saved == 0);
  }

  void Forward() {
    GuardedBuffer scratch("forward scratch", memory_.forward_scratch);
    layer_.Forward(
        {.kernels = run_.kernels,
         .kind = run_.kind,
         .rows = run_.rows,
         .parameters = parameters_.data(),
         .statistics = run_.moves_statistics ? parameters_.data() : nullptr,
         .x = x_.data(),
         .y = y_.data(),
         .saved = Predicts() ? nullptr : saved_.data(),
         .scratch = scratch.data(),
         .seed = run_.seed});
    EXPECT_TRUE(y_is_x_ || x_.Holds(run_.x)) << "Forward changed its input";
    EXPECT_TRUE(run_.moves_statistics || parameters_.Holds(run_.parameters))
        << "Forward changed the parameters";
    result_.y = y_.values();
    result_.parameters = parameters_.values();
  }

  void Backward() {
    const bool dx_is_dy = run_.in_place && memory_.backward_in_place;
    EXPECT_EQ(run_.dy.size(), NumOutputs());
    GuardedBuffer dy("dy", run_.dy);
    GuardedBuffer dx_elsewhere(
        "dx", dx_is_dy || !run_.wants_dx ? 0 : Signed(run_.x.size()));
    GuardedBuffer& dx = dx_is_dy ? dy : dx_elsewhere;
    GuardedBuffer scratch("backward scratch", memory_.backward_scratch);
    SinkMemory memory(layer_, run_.sink);
    const GradientSink sink =
        memory.Sink(*run_.kernels, run_.sink, parameters_.data());
    const bool trained = run_.sink != SinkKind::kFrozen && layer_.trainable();
    if (!memory_.backward_reads_output) y_.Poison();
    const std::vector<float> y_before = y_.values();
    const std::vector<float> saved_before = saved_.values();
    layer_.Backward({.kernels = run_.kernels,
                     .kind = run_.kind,
                     .rows = run_.rows,
                     .parameters = parameters_.data(),
                     .x = memory_.backward_reads_input ? x_.data() : nullptr,
                     .y = memory_.backward_reads_output ? y_.data() : nullptr,
                     .dy = dy.data(),
                     .dx = run_.wants_dx ? dx.data() : nullptr,
                     .saved = saved_.data(),
                     .scratch = scratch.data(),
                     .sink = trained ? &sink : nullptr,
                     .seed = run_.seed});
    EXPECT_TRUE(y_.Holds(y_before)) << "Backward changed the output";
    EXPECT_TRUE(saved_.Holds(saved_before)) << "Backward changed what it saved";
    if (run_.wants_dx) result_.dx = dx.values();
    result_.gradient = memory.gradient.values();
    result_.parameters = parameters_.values();
  }

  const LayerResult& result() const { return result_; }

 private:
  static int64_t Signed(size_t size) { return static_cast<int64_t>(size); }
  bool Predicts() const { return run_.kind == PassKind::kPredict; }
  int64_t NumOutputs() const {
    return run_.rows * layer_.output().num_values();
  }

  const Layer& layer_;
  const LayerRun& run_;
  const LayerMemory memory_;
  const bool y_is_x_;
  GuardedBuffer x_, y_elsewhere_;
  GuardedBuffer& y_;
  GuardedBuffer parameters_, saved_;
  LayerResult result_;
};

// What a parameter `w` with gradient `g` becomes, by the formulas of
// kernels.h from the moments in SinkMemory.
double Stepped(SinkKind kind, double w, double g) {
  switch (kind) {
    case SinkKind::kSgd:
      return w - kSgdRate * g;
    case SinkKind::kMomentum: {
      const FusedSgd sgd = Momentum();
      g += sgd.weight_decay * w;
      const double v = sgd.momentum * 0.5 + g;
      return w - sgd.learning_rate * (g + sgd.momentum * v);
    }
    case SinkKind::kAdam: {
      const FusedAdam adam = Adam();
      g += adam.weight_decay * w;
      const double m = adam.beta1 * 0.5 + (1 - adam.beta1) * g;
      const double v = adam.beta2 * 0.25 + (1 - adam.beta2) * g * g;
      return w - adam.learning_rate * m / (std::sqrt(v) + adam.epsilon);
    }
    default:
      return w;
  }
}

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

void ExpectNear(const std::vector<float>& actual,
                const std::vector<float>& expected, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  const double scale = RootMeanSquare(expected);
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i],
                2e-5 * (scale + std::abs(expected[i])) + 1e-7)
        << what << " at " << i;
  }
}

std::vector<float> RandomValues(uint64_t seed, int64_t size, double range) {
  SeededRng rng(seed);
  std::vector<float> values(size);
  for (float& value : values) {
    value = static_cast<float>(range * (2 * rng.Uniform() - 1));
  }
  return values;
}

std::vector<const Kernels*> AllKernels() {
  std::vector<const Kernels*> tables;
  for (InstructionSet set : {InstructionSet::kBaseline, InstructionSet::kAvx2,
                             InstructionSet::kAvx512}) {
    if (const Kernels* kernels = KernelsFor(set)) tables.push_back(kernels);
  }
  return tables;
}

LayerResult RunLayer(const Layer& layer, const LayerRun& run) {
  Runner runner(layer, run);
  runner.Forward();
  if (!run.dy.empty()) runner.Backward();
  return runner.result();
}

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
