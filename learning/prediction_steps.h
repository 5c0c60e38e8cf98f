// What a model computes, one step at a time, so that two models can be compared
// whose files or task files write the same in different ways.
#ifndef SHOAL_LEARNING_PREDICTION_STEPS_H_
#define SHOAL_LEARNING_PREDICTION_STEPS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "learning/model.h"
#include "learning/shape.h"

namespace shoal::learning {

// Value 0 is the model's input, value i + 1 the result of step i.
struct PredictionStep {
  std::string text;   // "dense {units: 4, bias: true}"; equal: the same work
  std::string place;  // for people: "layer dense1", "the activation of dense1"
  const Node* node;   // null for an activation that was part of its node
  Shape input;        // empty for additions
  std::vector<int> reads;  // values, ascending
};

// In the order of the layers, pointing into `model`. What changes no prediction
// has no step: dropout, flattening; names, flags, the loss and the momentum of
// batch statistics are in no text.
std::vector<PredictionStep> PredictionStepsOf(const Model& model);

// How far two models are the same, counted from the input.
struct CommonSteps {
  size_t count = 0;
  // What is first not as in `to`: "layer dense2 is …, expected …"; empty: both
  // are the same to the end.
  std::string difference = {};
};
CommonSteps CompareSteps(const std::vector<PredictionStep>& from,
                         const std::vector<PredictionStep>& to);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_PREDICTION_STEPS_H_
