#include "learning/local_update.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

absl::Status CheckAtLeastOne(absl::string_view name, int value) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected at least 1"));
}

// Options become floats for training: what overflows there is refused here.
absl::Status CheckNotNegative(absl::string_view name, double value) {
  if (value >= 0 && std::isfinite(static_cast<float>(value))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected a number of at least 0"));
}

absl::Status CheckTraining(const TrainingOptions& training) {
  SHOAL_RETURN_IF_ERROR(CheckAtLeastOne("epochs", training.epochs));
  SHOAL_RETURN_IF_ERROR(CheckAtLeastOne("batch_size", training.batch_size));
  SHOAL_RETURN_IF_ERROR(
      CheckNotNegative("learning_rate", training.learning_rate));
  const auto* sgd = std::get_if<SgdOptimizer>(&training.optimizer.rule);
  if (sgd == nullptr || sgd->nesterov || training.optimizer.clip_norm != 0 ||
      training.micro_batch_size != 0 || training.last_layers != 0 ||
      training.schedule != LearningRateSchedule()) {
    return absl::InvalidArgumentError("expected plain SGD");
  }
  SHOAL_RETURN_IF_ERROR(CheckNotNegative("weight_decay", sgd->weight_decay));
  if (static_cast<float>(training.learning_rate) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "learning_rate is ", training.learning_rate, ", expected more than 0"));
  }
  if (!(sgd->momentum >= 0 && sgd->momentum < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "momentum is ", sgd->momentum, ", expected 0 to below 1"));
  }
  return absl::OkStatus();
}

absl::Status CheckFit(const Model& model, absl::Span<const float> base,
                      const Dataset& data) {
  if (static_cast<int64_t>(base.size()) != model.layout().num_parameters()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the base has ", base.size(), " parameters, model ",
        model.spec().ToString(), " has ", model.layout().num_parameters()));
  }
  if (data.num_features() != model.spec().inputs() ||
      data.num_classes() != model.spec().outputs()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the data have ", data.num_features(), " features and ",
                     data.num_classes(), " classes, which model ",
                     model.spec().ToString(), " does not fit"));
  }
  if (data.num_examples() < 1) {
    return absl::InvalidArgumentError("the device has no examples");
  }
  return absl::OkStatus();
}

// FedAvg is FedProx without the proximal term.
double ProximalMu(const LocalAlgorithm& algorithm) {
  const auto* prox = std::get_if<FedProxLocal>(&algorithm);
  return prox != nullptr ? prox->mu : 0;
}

// Cuts a data set into mini-batches, epoch after epoch, in one reused buffer.
class BatchReader {
 public:
  BatchReader(const Dataset& data, int batch_size, bool keep_order,
              uint64_t seed)
      : data_(data),
        batch_size_(std::min<int64_t>(batch_size, data.num_examples())),
        keep_order_(keep_order),
        rng_(seed),
        order_(data.num_examples()),
        features_(batch_size_ * data.num_features()),
        labels_(batch_size_) {
    std::iota(order_.begin(), order_.end(), int64_t{0});
  }

  int64_t batches_per_epoch() const {
    return (data_.num_examples() + batch_size_ - 1) / batch_size_;
  }

  void StartEpoch() {
    if (!keep_order_) rng_.Shuffle(absl::MakeSpan(order_));
  }

  // Batch `index` of this epoch; valid until the next call.
  Batch Read(int64_t index) {
    const int64_t num_features = data_.num_features();
    const int64_t start = index * batch_size_;
    const int64_t size = std::min(batch_size_, data_.num_examples() - start);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t example = order_[start + i];
      data_.CopyFeatures(example, absl::MakeSpan(features_).subspan(
                                      i * num_features, num_features));
      labels_[i] = data_.label(example);
    }
    return {absl::MakeConstSpan(features_.data(), size * num_features),
            absl::MakeConstSpan(labels_.data(), size)};
  }

 private:
  const Dataset& data_;
  const int64_t batch_size_;
  const bool keep_order_;
  SeededRng rng_;
  std::vector<int64_t> order_;
  std::vector<float> features_;  // [batch_size, num_features]
  std::vector<int32_t> labels_;  // [batch_size]
};

absl::Status Diverged(int64_t num_steps) {
  return absl::AbortedError(
      absl::StrCat("training became non-finite within ", num_steps, " steps"));
}

// Turns the trained parameters into the difference from `base`, in place.
// False when a value is not finite.
bool SubtractBase(absl::Span<const float> base, ParameterVector& trained) {
  bool finite = true;
  for (size_t i = 0; i < trained.size(); ++i) {
    trained[i] -= base[i];
    finite &= std::isfinite(trained[i]);
  }
  return finite;
}

}  // namespace

absl::StatusOr<LocalUpdate> ComputeLocalUpdate(
    Model& model, absl::Span<const float> base, const Dataset& data,
    const TrainingOptions& training, const LocalAlgorithm& algorithm,
    uint64_t seed, const std::function<bool()>& keep_going) {
  const double mu = ProximalMu(algorithm);
  SHOAL_RETURN_IF_ERROR(CheckTraining(training));
  SHOAL_RETURN_IF_ERROR(CheckNotNegative("mu", mu));
  SHOAL_RETURN_IF_ERROR(CheckFit(model, base, data));

  LocalUpdate update;
  update.num_examples = data.num_examples();
  update.base_score = EvaluateDataset(model, base, data);
  if (!std::isfinite(update.base_score.loss_sum)) return Diverged(0);

  ParameterVector& parameters = update.delta;
  parameters.assign(base.begin(), base.end());
  const auto& sgd = std::get<SgdOptimizer>(training.optimizer.rule);
  std::vector<float> velocity(sgd.momentum > 0 ? base.size() : 0);
  const SgdStep step = {
      .learning_rate = static_cast<float>(training.learning_rate),
      .momentum = static_cast<float>(sgd.momentum),
      .weight_decay = static_cast<float>(sgd.weight_decay),
      .proximal_mu = static_cast<float>(mu),
      .anchor = base,
      .velocity = absl::MakeSpan(velocity)};
  BatchReader reader(data, training.batch_size, training.keep_order, seed);
  update.complete = true;
  for (int epoch = 0; epoch < training.epochs && update.complete; ++epoch) {
    reader.StartEpoch();
    for (int64_t i = 0; i < reader.batches_per_epoch(); ++i) {
      if (!keep_going()) {
        update.complete = false;
        break;
      }
      const Score score =
          model.Train(absl::MakeSpan(parameters), reader.Read(i), step);
      ++update.num_steps;
      if (!std::isfinite(score.loss_sum)) return Diverged(update.num_steps);
    }
  }
  if (update.num_steps == 0) {
    return absl::AbortedError("training was stopped before its first step");
  }
  if (!SubtractBase(base, parameters)) return Diverged(update.num_steps);
  return update;
}

}  // namespace shoal::learning
