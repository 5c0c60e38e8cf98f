// The part of a model that a device trains which has no room, or no energy, for
// all of it: a narrower copy whose tensors are the leading parts of the full
// ones, or the last layers alone.
//
// Diao, Ding and Tarokh, "HeteroFL", ICLR 2021, equations 1 to 4: a sub-model
// of width r has the first r of the units of every hidden layer, and a
// parameter of the full model moves by the mean over those devices whose
// sub-models have it. Two deviations. Their scaler module multiplies
// activations by 1 / r in training; here a weight is divided by the share of
// its inputs that the sub-model has when it is taken out, and the change is
// multiplied by that share when it is put back, so that the sub-model is an
// ordinary model and needs no layer of its own. And batch normalisation is
// private here anyway, so that there are no global statistics to set aside.
#ifndef SHOAL_LEARNING_SUB_MODEL_H_
#define SHOAL_LEARNING_SUB_MODEL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "learning/local_update.h"
#include "learning/model.h"

namespace shoal::learning {

// Values that lie next to each other in both vectors.
struct SubModelRun {
  int64_t full = 0;  // offsets
  int64_t part = 0;
  int64_t size = 0;
  float share = 1;  // of the inputs of a weight, (0, 1]
};

// A parameter of the full model moves by the mean over those devices that have
// trained it, with either kind. Immutable and thread-safe.
class SubModel {
 public:
  // INVALID_ARGUMENT when `width` is not in (0, 1], or when the model cannot
  // be narrowed: the reason is that of Model::Create.
  static absl::StatusOr<std::unique_ptr<SubModel>> Create(const Model& full,
                                                          double width);

  // The last `layers` layers that training can move, and what lies between
  // them; they are trained in the full model. INVALID_ARGUMENT unless layers is
  // in [1, full.num_trainable_layers()].
  static absl::StatusOr<std::unique_ptr<SubModel>> LastLayers(const Model& full,
                                                              int layers);

  // The narrower model; null for last layers.
  const Model* narrow() const { return narrow_.get(); }
  double width() const { return width_; }           // 1 for last layers
  int last_layers() const { return last_layers_; }  // 0 for a narrower model
  // Shared parameters that it has.
  int64_t num_values() const { return num_values_; }

  // Takes the sub-model's parameters, [num_values()], out of the full ones,
  // [full.layout()].
  void TakeOut(absl::Span<const float> full, absl::Span<float> part) const;
  // The full model's form of a change of these parameters: zero where the
  // sub-model has nothing. Every value of `full` is written.
  void PutBack(absl::Span<const float> part, absl::Span<float> full) const;
  // Adds `amount` to the place of every full parameter that the sub-model has.
  template <typename Number>
  void AddCounts(Number amount, absl::Span<Number> counts) const {
    SHOAL_CHECK(static_cast<int64_t>(counts.size()) == num_full_);
    for (const SubModelRun& run : runs_) {
      for (int64_t i = 0; i < run.size; ++i) counts[run.full + i] += amount;
    }
  }

 private:
  SubModel() = default;

  std::unique_ptr<Model> narrow_;
  double width_ = 1;
  int last_layers_ = 0;
  int64_t num_values_ = 0;
  int64_t num_full_ = 0;
  std::vector<SubModelRun> runs_;
};

using SubModels = std::vector<std::shared_ptr<const SubModel>>;

// What devices may train instead of the full model: one for each of the
// options' sub_model_widths, then of their sub_model_layers. INVALID_ARGUMENT
// when one cannot be made, when one has no fewer layers than are trained
// anyway, or when two, or one and the full model, have the same number of
// values: by that the coordinator tells them apart.
absl::StatusOr<SubModels> MakeSubModels(const Model& full,
                                        const TrainingOptions& training);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_SUB_MODEL_H_
