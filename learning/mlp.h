// The multilayer perceptron behind Model::Create; logistic regression is the
// one without hidden layers.
#ifndef SHOAL_LEARNING_MLP_H_
#define SHOAL_LEARNING_MLP_H_

#include <memory>
#include <vector>

#include "learning/model.h"

namespace shoal::learning {

// `widths` are the layer widths of `spec` from inputs to outputs. Layer i
// (from 1) has the tensors dense<i>.weight [widths[i-1], widths[i]] and
// dense<i>.bias [widths[i]], so that y = x W + b.
// REQUIRES: the widths are within the bounds of model.h.
std::unique_ptr<Model> MakeMlp(const ModelSpec& spec, std::vector<int> widths);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MLP_H_
