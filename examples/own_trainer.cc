// A product that trains with an engine of its own: a perceptron of three
// weights, written by hand. The federation averages the weights and knows
// nothing of what they mean.
//
//   own_trainer HOST:PORT STATE_FOLDER POPULATION
//
// The state folder holds the device's identity, made by `shoal-agent enroll`.
// The task's model is external: {parameters: 3, classes: 2}.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <vector>

#include "shoal/client.h"

namespace {

// Whether a point lies below the line through the square's corners.
struct Point {
  float x;
  float y;
  bool below() const { return x > y; }
};

class Perceptron final : public shoal::Trainer {
 public:
  Perceptron() {
    std::mt19937 generator(1);
    std::uniform_real_distribution<float> coordinate(-1, 1);
    for (int i = 0; i < 200; ++i) {
      points_.push_back({coordinate(generator), coordinate(generator)});
    }
  }

  // Probability of being below, by weights [x, y, bias].
  static double Predict(absl::Span<const float> w, const Point& point) {
    return 1 / (1 + std::exp(-(w[0] * point.x + w[1] * point.y + w[2])));
  }

  int64_t num_examples() const override {
    return static_cast<int64_t>(points_.size());
  }

  absl::StatusOr<shoal::TrainingCost> Plan(
      const shoal::TrainingTask& task) override {
    if (task.num_parameters != 3) {
      return absl::InvalidArgumentError("the perceptron has three weights");
    }
    shoal::TrainingCost cost;
    cost.num_steps = int64_t{task.epochs} * Steps(task);
    cost.flops_per_step = 20.0 * task.batch_size;
    return cost;
  }

  absl::Status Begin(const shoal::TrainingTask& task,
                     absl::Span<const float> base) override {
    task_ = task;
    base_ = base;
    weights_.assign(base.begin(), base.end());
    next_ = 0;
    metrics_ = shoal::TrainingMetrics();
    metrics_.num_examples = num_examples();
    int64_t right = 0;
    for (const Point& point : points_) {
      const double p = Predict(base, point);
      metrics_.base_loss_sum -= std::log(point.below() ? p : 1 - p);
      right += (p > 0.5) == point.below() ? 1 : 0;
    }
    metrics_.base_num_correct = right;
    return absl::OkStatus();
  }

  // A step along the gradient of the cross-entropy.
  absl::Status Step() override {
    double gradient[3] = {0, 0, 0};
    const size_t end = std::min(next_ + task_.batch_size, points_.size());
    for (size_t i = next_; i < end; ++i) {
      const double error = Predict(weights_, points_[i]) - points_[i].below();
      gradient[0] += error * points_[i].x;
      gradient[1] += error * points_[i].y;
      gradient[2] += error;
    }
    for (int k = 0; k < 3; ++k) {
      weights_[k] -= static_cast<float>(task_.learning_rate * gradient[k] /
                                        static_cast<double>(end - next_));
    }
    next_ = end == points_.size() ? 0 : end;
    return absl::OkStatus();
  }

  absl::StatusOr<shoal::TrainingMetrics> Finish(
      absl::Span<float> delta) override {
    for (int k = 0; k < 3; ++k) delta[k] = weights_[k] - base_[k];
    return metrics_;
  }
  void Cancel() override {}

 private:
  int64_t Steps(const shoal::TrainingTask& task) const {
    return (num_examples() + task.batch_size - 1) / task.batch_size;
  }

  std::vector<Point> points_;
  shoal::TrainingTask task_;
  absl::Span<const float> base_;
  std::vector<float> weights_;
  size_t next_ = 0;  // in points_
  shoal::TrainingMetrics metrics_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s HOST:PORT STATE_FOLDER POPULATION\n",
                 argv[0]);
    return 2;
  }
  Perceptron perceptron;
  shoal::ClientOptions options;
  options.coordinator = argv[1];
  options.state_folder = argv[2];
  options.population = argv[3];
  shoal::ClientDependencies dependencies;
  dependencies.trainer = &perceptron;
  auto client = shoal::Client::Create(options, dependencies);
  if (!client.ok()) return Fail(client.status());
  absl::StatusOr<shoal::SessionReport> report = (*client)->RunOnce();
  if (!report.ok()) return Fail(report.status());
  std::printf("%s\n", report->explanation.c_str());
  if (report->outcome != shoal::SessionReport::kContributed) return 1;
  absl::StatusOr<shoal::ModelValues> newest = (*client)->NewestModel();
  if (!newest.ok()) return Fail(newest.status());
  std::printf("version %d says that (0.9, 0.1) is below with %.2f\n",
              static_cast<int>(newest->version),
              Perceptron::Predict(newest->values, {0.9f, 0.1f}));
  return 0;
}
