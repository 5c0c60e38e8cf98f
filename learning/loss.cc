#include "learning/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace shoal::learning {
namespace {

// Sum of the logarithms of many numbers in (0, 1], with few calls of log.
class LogSum {
 public:
  void Add(double factor) {
    product_ *= factor;
    if (product_ < 1e-200) Flush();
  }
  double Total() {
    Flush();
    return sum_;
  }

 private:
  void Flush() {
    sum_ += std::log(product_);
    product_ = 1;
  }
  double product_ = 1;
  double sum_ = 0;
};

// Softmax of logits in place, with the score of `labels`. Per prediction the
// loss is -log p[label] = (largest - logit[label]) - log p[largest].
Score SoftmaxScore(const Kernels& kernels, absl::Span<const int32_t> labels,
                   int64_t classes, float* logits) {
  const int64_t predictions = labels.size();
  Score score;
  score.num_examples = predictions;
  int64_t num_correct = 0;
  for (int64_t r = 0; r < predictions; ++r) {
    const float* row = logits + r * classes;
    const int64_t best = std::max_element(row, row + classes) - row;
    score.loss_sum += row[best] - row[labels[r]];
    if (best == labels[r]) ++num_correct;
  }
  score.num_correct = num_correct;
  kernels.softmax(predictions, classes, logits);
  LogSum logs;
  for (int64_t r = 0; r < predictions; ++r) {
    const float* row = logits + r * classes;
    logs.Add(*std::max_element(row, row + classes));
  }
  score.loss_sum -= logs.Total();
  return score;
}

// What the outputs are compared with, one by one.
class TargetValues {
 public:
  explicit TargetValues(const LossPass& pass)
      : labels_(pass.batch.labels.data()),
        values_(pass.model->target() == Target::kInput
                    ? pass.input
                    : pass.batch.targets.data()),
        by_label_(pass.model->target() == Target::kLabels) {}
  float operator[](int64_t index) const {
    return by_label_ ? static_cast<float>(labels_[index]) : values_[index];
  }

 private:
  const int32_t* labels_;
  const float* values_;
  bool by_label_;
};

// Outputs of one prediction of a loss that treats outputs one by one.
int64_t OutputsPerPrediction(const Model& model) {
  return model.target() == Target::kLabels ? 1 : model.output().num_values();
}

Score SquaredErrorScore(const LossPass& pass) {
  const TargetValues targets(pass);
  const int64_t per_prediction = OutputsPerPrediction(*pass.model);
  const int64_t size = pass.rows * pass.model->output().num_values();
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double error = pass.outputs[i] - targets[i];
    sum += error * error;
  }
  return {.loss_sum = sum / static_cast<double>(per_prediction),
          .num_examples = size / per_prediction};
}

// The outputs z are log odds: loss = max(z, 0) - z t + log(1 + exp(-|z|)).
Score BinaryScore(const LossPass& pass) {
  const TargetValues targets(pass);
  const bool by_label = pass.model->target() == Target::kLabels;
  const int64_t per_prediction = OutputsPerPrediction(*pass.model);
  const int64_t size = pass.rows * pass.model->output().num_values();
  Score score;
  int64_t num_correct = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double z = pass.outputs[i];
    score.loss_sum +=
        std::max(z, 0.0) - z * targets[i] + std::log1p(std::exp(-std::abs(z)));
    if ((z > 0) == (targets[i] > 0.5f)) ++num_correct;
  }
  if (by_label) score.num_correct = num_correct;
  score.loss_sum /= static_cast<double>(per_prediction);
  score.num_examples = size / per_prediction;
  return score;
}

// Turns `softened`, which holds softmax(z / T), into its difference from the
// teacher; returns the sum of KL(teacher || softened) over predictions.
double Divergence(absl::Span<const float> teacher, float* softened) {
  double sum = 0;
  for (size_t i = 0; i < teacher.size(); ++i) {
    const double p = teacher[i];
    // A class that the student rules out costs a lot, not infinitely much.
    const double q =
        std::max<double>(softened[i], std::numeric_limits<float>::min());
    if (p > 0) sum += p * std::log(p / q);
    softened[i] -= teacher[i];
  }
  return sum;
}

Score SoftmaxLossAndGradient(const LossPass& pass,
                             const Distillation& distillation,
                             int64_t batch_rows, float* scratch,
                             float* gradient) {
  const Kernels& kernels = *pass.kernels;
  const int64_t classes = pass.model->output().channels();
  const int64_t predictions = pass.batch.labels.size();
  const int64_t size = predictions * classes;
  const float scale =
      1.0f / static_cast<float>(batch_rows * pass.model->output().positions());
  const float temperature = distillation.temperature;
  const bool distil = distillation.weight > 0 && !pass.batch.teacher.empty();
  if (distil) {
    std::copy_n(pass.outputs, size, scratch);
    kernels.scale(1 / temperature, size, scratch);
    kernels.softmax(predictions, classes, scratch);
  }
  if (gradient != pass.outputs) std::copy_n(pass.outputs, size, gradient);
  Score score = SoftmaxScore(kernels, pass.batch.labels, classes, gradient);
  for (int64_t r = 0; r < predictions; ++r) {
    gradient[r * classes + pass.batch.labels[r]] -= 1;
  }
  const float weight = distil ? distillation.weight : 0;
  kernels.scale((1 - weight) * scale, size, gradient);
  if (distil) {
    const double divergence = Divergence(pass.batch.teacher, scratch);
    score.loss_sum = (1 - weight) * score.loss_sum +
                     weight * temperature * temperature * divergence;
    kernels.axpy(weight * temperature * scale, scratch, size, gradient);
  }
  return score;
}

void SquaredErrorGradient(const LossPass& pass, float scale, float* gradient) {
  const TargetValues targets(pass);
  const int64_t size = pass.rows * pass.model->output().num_values();
  for (int64_t i = 0; i < size; ++i) {
    gradient[i] = 2 * scale * (pass.outputs[i] - targets[i]);
  }
}

void BinaryGradient(const LossPass& pass, float scale, float* gradient) {
  const TargetValues targets(pass);
  const int64_t size = pass.rows * pass.model->output().num_values();
  pass.kernels->activate(Activation::kSigmoid, pass.outputs, size, gradient);
  for (int64_t i = 0; i < size; ++i) {
    gradient[i] = scale * (gradient[i] - targets[i]);
  }
}

}  // namespace

Score LossAndGradient(const LossPass& pass, const Distillation& distillation,
                      int64_t batch_rows, float* scratch, float* gradient) {
  const Model& model = *pass.model;
  // Both losses below are means over all outputs of the batch.
  const float scale =
      1.0f / static_cast<float>(batch_rows * model.output().num_values());
  Score score;
  switch (model.loss()) {
    case Loss::kSoftmaxCrossEntropy:
      return SoftmaxLossAndGradient(pass, distillation, batch_rows, scratch,
                                    gradient);
    case Loss::kMeanSquaredError:
      score = SquaredErrorScore(pass);
      SquaredErrorGradient(pass, scale, gradient);
      break;
    case Loss::kBinaryCrossEntropy:
      score = BinaryScore(pass);
      BinaryGradient(pass, scale, gradient);
      break;
  }
  return score;
}

Score ScoreOutputs(const LossPass& pass, float* outputs) {
  switch (pass.model->loss()) {
    case Loss::kSoftmaxCrossEntropy:
      return SoftmaxScore(*pass.kernels, pass.batch.labels,
                          pass.model->output().channels(), outputs);
    case Loss::kMeanSquaredError:
      return SquaredErrorScore(pass);
    case Loss::kBinaryCrossEntropy: {
      const Score score = BinaryScore(pass);
      OutputsToPredictions(*pass.kernels, *pass.model, pass.rows, outputs);
      return score;
    }
  }
  return {};
}

void OutputsToPredictions(const Kernels& kernels, const Model& model,
                          int64_t rows, float* outputs) {
  const int64_t size = rows * model.output().num_values();
  if (model.loss() == Loss::kSoftmaxCrossEntropy) {
    const int64_t classes = model.output().channels();
    kernels.softmax(size / classes, classes, outputs);
  } else if (model.loss() == Loss::kBinaryCrossEntropy) {
    kernels.activate(Activation::kSigmoid, outputs, size, outputs);
  }
}

}  // namespace shoal::learning
