// What a device trains with: its examples, in which case it computes the models
// of tasks itself, or a product's own trainer (shoal/trainer.h).
#ifndef SHOAL_CLIENT_TRAINING_SOURCE_H_
#define SHOAL_CLIENT_TRAINING_SOURCE_H_

#include <cstdint>

#include "client/include/shoal/trainer.h"
#include "learning/dataset.h"

namespace shoal::client {

// Refers to one of the two, which must outlive it. Copies are cheap.
class TrainingSource {
 public:
  // Implicit: a data set is what nearly every session has.
  TrainingSource(const learning::Dataset& data) : data_(&data) {}
  explicit TrainingSource(Trainer& trainer) : trainer_(&trainer) {}

  int64_t num_examples() const {
    return data_ != nullptr ? data_->num_examples() : trainer_->num_examples();
  }
  // Exactly one of the two is not null.
  const learning::Dataset* data() const { return data_; }
  Trainer* trainer() const { return trainer_; }

 private:
  const learning::Dataset* data_ = nullptr;
  Trainer* trainer_ = nullptr;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRAINING_SOURCE_H_
