// Models that together use all that a file can hold.
#ifndef SHOAL_TESTS_LEARNING_ONNX_ONNX_EXAMPLES_H_
#define SHOAL_TESTS_LEARNING_ONNX_ONNX_EXAMPLES_H_

#include <cstdint>
#include <vector>

#include "learning/model.h"
#include "learning/parameters.h"
#include "tests/learning/model_examples.h"

namespace shoal::learning {

// Every layer with its options, every preset, every preprocessing.
std::vector<NamedModel> EveryExport();

// As a trained model might be: no value is what it starts as, variances and
// deviations are positive.
ParameterVector ExportValues(const Model& model, uint64_t seed);

// [rows, input]; a sixth of the features is NaN where the model imputes.
std::vector<float> ExportFeatures(const Model& model, int64_t rows,
                                  uint64_t seed);

// [rows, output]
std::vector<float> PredictionsOf(const Model& model,
                                 const ParameterVector& values,
                                 const std::vector<float>& features);

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_ONNX_ONNX_EXAMPLES_H_
