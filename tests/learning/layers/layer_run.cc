#include "tests/learning/layers/layer_run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/random.h"
#include "gtest/gtest.h"

namespace shoal::learning {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kSgdRate = 0.25f;

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
         .seed = run_.seed,
         .first_row = run_.first_row});
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
                     .seed = run_.seed,
                     .first_row = run_.first_row});
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

}  // namespace

double RootMeanSquare(const std::vector<float>& values) {
  double sum = 0;
  for (float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum / std::max<size_t>(1, values.size()));
}

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

std::vector<float> AddedTo(int64_t size) { return RandomValues(99, size); }

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

}  // namespace shoal::learning
