// What happens to features before the first layer, in the order in which it is
// written: Sub, Div, IsNaN, Where, Clip, Cast, Concat.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"

namespace shoal::learning::onnx {
namespace {

class PreprocessingReader {
 public:
  explicit PreprocessingReader(Importer& importer)
      : importer_(importer), value_(importer.input_name()) {}

  absl::StatusOr<int> Read();

 private:
  // The next operator, if it is of this type and reads `input` at `index`.
  const Operation* Next(absl::string_view type, size_t index,
                        absl::string_view input);
  absl::Status ReadStandardise();
  absl::Status ReadImpute();
  absl::Status ReadClip();
  absl::Status ReadMask();
  absl::StatusOr<std::vector<float>> PerChannel(const Operation& operation,
                                                size_t index);

  Importer& importer_;
  std::string value_;    // the name of what became of the input
  std::string missing_;  // of where it was NaN
  Activation input_;
  const Operation* last_ = nullptr;
  size_t at_ = 0;
  PreprocessingSpec spec_;
  std::vector<float> values_;
};

const Operation* PreprocessingReader::Next(absl::string_view type, size_t index,
                                           absl::string_view input) {
  if (at_ >= importer_.operations().size()) return nullptr;
  const Operation* const operation = importer_.operations()[at_];
  if (operation->type != type || operation->inputs.size() <= index ||
      operation->inputs[index] != input || operation->outputs.size() != 1) {
    return nullptr;
  }
  ++at_;
  last_ = operation;
  return operation;
}

absl::StatusOr<std::vector<float>> PreprocessingReader::PerChannel(
    const Operation& operation, size_t index) {
  return importer_.constants().TakeWeights(operation, index,
                                           input_.shape.channels());
}

absl::Status PreprocessingReader::ReadStandardise() {
  const Operation* const sub = Next("Sub", 0, value_);
  if (sub == nullptr) return absl::OkStatus();
  const Operation* const div = Next("Div", 0, sub->outputs[0]);
  if (div == nullptr) {
    return Unsupported(*sub,
                       "is not followed by a Div, which would "
                       "standardise the input");
  }
  SHOAL_ASSIGN_OR_RETURN(values_, PerChannel(*sub, 1));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<float> deviations,
                         PerChannel(*div, 1));
  if (std::count(deviations.begin(), deviations.end(), 0.0f) > 0) {
    return Inconsistent(*div, "divides by 0");
  }
  values_.insert(values_.end(), deviations.begin(), deviations.end());
  spec_.standardise = true;
  value_ = div->outputs[0];
  return absl::OkStatus();
}

absl::Status PreprocessingReader::ReadImpute() {
  const Operation* const is_nan = Next("IsNaN", 0, importer_.input_name());
  if (is_nan == nullptr) return absl::OkStatus();
  missing_ = is_nan->outputs[0];
  const Operation* const where = Next("Where", 0, missing_);
  if (where == nullptr || where->inputs.size() != 3 ||
      where->inputs[2] != value_) {
    return Unsupported(*is_nan,
                       "is not followed by a Where, which would put "
                       "numbers in the place of NaN");
  }
  if (spec_.standardise) {
    SHOAL_ASSIGN_OR_RETURN(const float zero,
                           importer_.constants().Scalar(*where, 1));
    if (zero != 0) {
      return Unsupported(*where, absl::StrCat("puts ", zero,
                                              " in the place "
                                              "of NaN, expected 0, the mean"));
    }
  } else {
    SHOAL_ASSIGN_OR_RETURN(values_, PerChannel(*where, 1));
  }
  spec_.impute = true;
  value_ = where->outputs[0];
  return absl::OkStatus();
}

absl::Status PreprocessingReader::ReadClip() {
  const Operation* const clip = Next("Clip", 0, value_);
  if (clip == nullptr) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const float lowest,
                         importer_.constants().Scalar(*clip, 1));
  SHOAL_ASSIGN_OR_RETURN(const float highest,
                         importer_.constants().Scalar(*clip, 2));
  if (!(highest > 0) || lowest != -highest) {
    return Unsupported(*clip, absl::StrCat("clips to [", lowest, ", ", highest,
                                           "], expected [-c, c]"));
  }
  spec_.clip = ToDouble(highest);
  value_ = clip->outputs[0];
  return absl::OkStatus();
}

absl::Status PreprocessingReader::ReadMask() {
  if (!spec_.impute) return absl::OkStatus();
  const Operation* const cast = Next("Cast", 0, missing_);
  if (cast == nullptr) return absl::OkStatus();
  const Operation* const concat = Next("Concat", 0, value_);
  if (concat == nullptr || concat->inputs.size() != 2 ||
      concat->inputs[1] != cast->outputs[0]) {
    return Unsupported(*cast,
                       "is not followed by a Concat, which would append "
                       "where the input was NaN");
  }
  Attributes to(*cast);
  Attributes along(*concat);
  const int64_t type = to.Int("to", 0);
  const int64_t axis = along.Int("axis", 0);
  SHOAL_RETURN_IF_ERROR(to.Finish());
  SHOAL_RETURN_IF_ERROR(along.Finish());
  if (type != static_cast<int64_t>(DataType::kFloat) ||
      (axis != -1 && axis != 1) || input_.shape.rank() != 1) {
    return Unsupported(*concat, "expects a mask as floats behind a vector");
  }
  spec_.mask = true;
  value_ = concat->outputs[0];
  return absl::OkStatus();
}

absl::StatusOr<int> PreprocessingReader::Read() {
  input_ = importer_.input();
  if (!input_.Has(Form::kChannelsLast) || input_.tokens) return 0;
  SHOAL_RETURN_IF_ERROR(ReadStandardise());
  SHOAL_RETURN_IF_ERROR(ReadImpute());
  SHOAL_RETURN_IF_ERROR(ReadClip());
  SHOAL_RETURN_IF_ERROR(ReadMask());
  if (last_ == nullptr) return 0;
  Activation after = input_;
  if (spec_.mask) after.shape = Shape({2 * input_.shape.channels()});
  importer_.SetPreprocessing(spec_, std::move(values_));
  SHOAL_RETURN_IF_ERROR(importer_.SetOutput(*last_, std::move(after)));
  return static_cast<int>(at_);
}

}  // namespace

absl::StatusOr<int> ReadPreprocessing(Importer& importer) {
  return PreprocessingReader(importer).Read();
}

}  // namespace shoal::learning::onnx
