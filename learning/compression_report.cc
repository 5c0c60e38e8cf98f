#include "learning/compression_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "learning/pruning.h"

namespace shoal::learning {
namespace {

FormMeasure Measure(const ModelForm& form,
                    absl::FunctionRef<Score(absl::Span<const float>)> evaluate,
                    const Clock& clock) {
  FormMeasure measure = {.size = form.size, .score = {}};
  const absl::Duration start = clock.Monotonic();
  measure.score = evaluate(form.parameters);
  const double seconds = absl::ToDoubleSeconds(clock.Monotonic() - start);
  if (seconds > 0) {
    measure.examples_per_second =
        static_cast<double>(measure.score.num_examples) / seconds;
  }
  return measure;
}

std::string BytesRow(absl::string_view name, int64_t before, int64_t after) {
  const double ratio =
      after > 0 ? static_cast<double>(before) / static_cast<double>(after) : 0;
  return absl::StrFormat("%-20s %14d %14d %9.2fx smaller\n", name, before,
                         after, ratio);
}

std::string ValueRow(absl::string_view name, double before, double after) {
  return absl::StrFormat("%-20s %14.4f %14.4f %+10.4f\n", name, before, after,
                         after - before);
}

}  // namespace

StoredSize SizeOf(const ParameterLayout& layout,
                  absl::Span<const float> parameters) {
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) ==
              layout.num_parameters());
  StoredSize size;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const auto values = parameters.subspan(layout.offset(static_cast<int>(i)),
                                           layout.tensors()[i].num_values());
    const int64_t num_values = static_cast<int64_t>(values.size());
    size.dense += num_values * static_cast<int64_t>(sizeof(float));
    size.sparse +=
        SparseBytes(num_values, std::count(values.begin(), values.end(), 0.0f),
                    sizeof(float));
  }
  return size;
}

StoredSize SizeOf(const QuantisedModel& model) {
  StoredSize size;
  for (const QuantisedTensor& tensor : model.tensors()) {
    const int64_t codes = static_cast<int64_t>(tensor.codes.size());
    const int64_t floats = static_cast<int64_t>(
        (tensor.steps.size() + tensor.values.size()) * sizeof(float));
    size.dense += codes + floats;
    size.sparse += floats + SparseBytes(codes,
                                        std::count(tensor.codes.begin(),
                                                   tensor.codes.end(), 0),
                                        sizeof(int8_t));
  }
  return size;
}

CompressionReport CompareForms(
    const ModelForm& before, const ModelForm& after,
    absl::FunctionRef<Score(absl::Span<const float>)> evaluate,
    const Clock& clock) {
  return {.before = Measure(before, evaluate, clock),
          .after = Measure(after, evaluate, clock)};
}

std::string CompressionReport::ToString() const {
  return absl::StrCat(
      absl::StrFormat("%-20s %14s %14s %10s\n", "", "before", "after",
                      "change"),
      BytesRow("bytes, dense", before.size.dense, after.size.dense),
      BytesRow("bytes, sparse", before.size.sparse, after.size.sparse),
      ValueRow("loss", before.score.loss(), after.score.loss()),
      ValueRow("accuracy", before.score.accuracy(), after.score.accuracy()),
      absl::StrFormat("%-20s %14.0f %14.0f\n", "examples per second",
                      before.examples_per_second, after.examples_per_second));
}

}  // namespace shoal::learning
