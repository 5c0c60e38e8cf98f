// A model version as a file for other programs: pruned and narrowed if wanted,
// with what that does to it.
#ifndef SHOAL_LEARNING_ONNX_EXPORT_MODEL_H_
#define SHOAL_LEARNING_ONNX_EXPORT_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "learning/compression_report.h"
#include "learning/model.h"
#include "learning/onnx/write_onnx.h"
#include "learning/parameters.h"

namespace shoal::learning {

struct ExportOptions {
  OnnxOptions onnx = {};
  double pruned_fraction = 0;  // [0, 1), of the weights (learning/pruning.h)
};

// Values are device's vectors, [model.num_values()]; sizes are of all of them.
struct ExportedModel {
  std::string file;
  ParameterVector before;  // as given
  ParameterVector after;   // what the file predicts with
  StoredSize size_before;
  StoredSize size_after;
};

// What a file says about the model version that it is of: the task's name, the
// digest of the stored version, and its number, if that is known.
OnnxOptions DescribeVersion(const std::string& task, const ModelSpec& spec,
                            const Digest& digest,
                            std::optional<int64_t> version);

// `values` is a device's vector. Prunes first, so that a step of int8 is that
// of the weights that are left. INVALID_ARGUMENT as WriteOnnx and
// PruneByMagnitude.
absl::StatusOr<ExportedModel> ExportModel(const Model& model,
                                          absl::Span<const float> values,
                                          const ExportOptions& options);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ONNX_EXPORT_MODEL_H_
