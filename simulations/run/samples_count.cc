#include "simulations/run/samples_count.h"

#include <algorithm>
#include <variant>

namespace shoal::simulations {

int64_t SamplesOfSteps(const configuration::Task& task, int64_t num_examples,
                       int64_t steps) {
  const bool is_gradient =
      std::holds_alternative<learning::FedSgdLocal>(task.algorithm);
  const int64_t batch = is_gradient ? num_examples : task.training.batch_size;
  const int64_t per_epoch = (num_examples + batch - 1) / batch;
  return steps / per_epoch * num_examples +
         std::min(steps % per_epoch * batch, num_examples);
}

void SamplesCount::OnSession(int64_t device, const SessionNews& news) {
  if (news.outcome != SessionReport::kContributed || news.num_steps == 0) {
    return;
  }
  const int64_t examples = population_.num_examples(device);
  ended_examples_ += examples;
  ended_samples_ += SamplesOfSteps(task_, examples, news.num_steps);
}

void SamplesCount::OnCommitted(const coordinator::RoundRow& row) {
  examples_ += row.total_examples;
}

double SamplesCount::total() const {
  // Privacy keeps rounds from telling how many examples they saw.
  if (task_.differential_privacy.has_value()) {
    return static_cast<double>(ended_samples_);
  }
  const double epochs = ended_examples_ > 0
                            ? static_cast<double>(ended_samples_) /
                                  static_cast<double>(ended_examples_)
                            : task_.training.epochs;
  return static_cast<double>(examples_) * epochs;
}

}  // namespace shoal::simulations
