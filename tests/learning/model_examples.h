// Models for tests: one of every kind, with batches that fit them.
#ifndef SHOAL_TESTS_LEARNING_MODEL_EXAMPLES_H_
#define SHOAL_TESTS_LEARNING_MODEL_EXAMPLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "learning/batch.h"
#include "learning/block.h"
#include "learning/model.h"
#include "learning/trainer.h"

namespace shoal::learning {

struct NamedModel {
  std::string name;
  ModelSpec spec;
};

// Small models that together use every layer, loss and target.
std::vector<NamedModel> EveryModel();

// CHECK-fails when the model cannot be made.
std::unique_ptr<Model> MakeModel(const ModelSpec& spec);

// Whether it has a batch norm that is not frozen: parts of a batch then train
// another model than the whole.
bool TrainsByBatchStatistics(const Model& model);

// Whether training computes what prediction does: no such batch norm and no
// dropout.
bool TrainsAsItPredicts(const Model& model);

// Whether the tensor is statistics of a batch norm that is not frozen, which
// move in every step, trained or not.
bool FollowsTheData(const Node& node, const LayerTensor& tensor);

// Random examples that the model can learn from.
class Examples {
 public:
  Examples(const Model& model, int64_t rows, uint64_t seed);
  Batch batch() const { return {features_, labels_, targets_, {}}; }
  // Examples [begin, begin + rows).
  Batch part(int64_t begin, int64_t rows) const;

 private:
  int64_t inputs_;
  int64_t labels_per_example_;
  int64_t targets_per_example_;
  std::vector<float> features_;
  std::vector<int32_t> labels_;
  std::vector<float> targets_;
};

// Initialised, then moved a little at random, so that nothing is zero that
// need not be.
ParameterVector RandomParameters(const Model& model, uint64_t seed);

// A trainer with a block of its own. CHECK-fails when it cannot be made.
class TestTrainer {
 public:
  TestTrainer(const Model& model, const LocalOptimizer& optimizer,
              PlanOptions options, const ParameterVector& parameters);
  Trainer* operator->() { return trainer_.get(); }
  ParameterVector parameters();

 private:
  TestTrainer(MemoryPlan plan, const Model& model,
              const LocalOptimizer& optimizer,
              const ParameterVector& parameters);
  Block block_;
  std::unique_ptr<Trainer> trainer_;
};

// The mean loss of a batch, by prediction (dropout and batch statistics off).
double LossOf(const Model& model, const ParameterVector& parameters,
              const Batch& batch);

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_MODEL_EXAMPLES_H_
