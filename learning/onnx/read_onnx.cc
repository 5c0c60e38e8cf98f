#include "learning/onnx/read_onnx.h"

#include "base/status_macros.h"
#include "learning/onnx/file.h"
#include "learning/onnx/importer.h"

namespace shoal::learning {

absl::StatusOr<ImportedModel> ReadOnnx(absl::string_view bytes) {
  SHOAL_ASSIGN_OR_RETURN(const onnx::File file, onnx::Decode(bytes));
  return onnx::Importer(file).Import();
}

}  // namespace shoal::learning
