#include "learning/compression_report.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/pruning.h"

namespace shoal::learning {
namespace {

std::string Change(int64_t before, int64_t after) {
  if (after == before || after == 0) return "same";
  const auto ratio = [](int64_t of, int64_t to) {
    return static_cast<double>(of) / static_cast<double>(to);
  };
  if (after < before) {
    return absl::StrFormat("%.2fx smaller", ratio(before, after));
  }
  return absl::StrFormat("%.2fx larger", ratio(after, before));
}

std::string Row(absl::string_view name, absl::string_view before,
                absl::string_view after, absl::string_view change) {
  return absl::StrFormat("%-20s  %12s  %12s  %s\n", name, before, after,
                         change);
}

std::string BytesRow(absl::string_view name, int64_t before, int64_t after) {
  return Row(name, absl::StrCat(before), absl::StrCat(after),
             Change(before, after));
}

std::string ValueRow(absl::string_view name, double before, double after) {
  return Row(name, absl::StrFormat("%.4f", before),
             absl::StrFormat("%.4f", after),
             absl::StrFormat("%+.4f", after - before));
}

// Nothing without classes.
std::string AccuracyRow(const Score& before, const Score& after) {
  const std::optional<double> from = before.accuracy(), to = after.accuracy();
  if (!from.has_value() || !to.has_value()) return "";
  return ValueRow("accuracy", *from, *to);
}

// Nothing when nobody has measured.
std::string SpeedRow(const FormScores& scores) {
  const double before = scores.before.examples_per_second;
  const double after = scores.after.examples_per_second;
  if (before <= 0 || after <= 0) return "";
  return Row("predictions / s", absl::StrFormat("%.0f", before),
             absl::StrFormat("%.0f", after),
             absl::StrFormat("%.2fx", after / before));
}

}  // namespace

StoredSize SizeOf(const ParameterLayout& layout,
                  absl::Span<const float> parameters, int weight_bytes) {
  SHOAL_CHECK(static_cast<int64_t>(parameters.size()) ==
              layout.num_parameters());
  StoredSize size;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorShape& tensor = layout.tensors()[i];
    const auto values = parameters.subspan(layout.offset(static_cast<int>(i)),
                                           tensor.num_values());
    const int value_bytes =
        tensor.dims.size() >= 2 ? weight_bytes : sizeof(float);
    const int64_t num_values = static_cast<int64_t>(values.size());
    size.dense += num_values * value_bytes;
    size.sparse +=
        SparseBytes(num_values, std::count(values.begin(), values.end(), 0.0f),
                    value_bytes);
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

absl::StatusOr<FormScores> ScoreForms(
    absl::Span<const float> before, absl::Span<const float> after,
    absl::FunctionRef<absl::StatusOr<Score>(absl::Span<const float>)> evaluate,
    const Clock& clock) {
  const auto run = [&](absl::Span<const float> parameters,
                       FormScore& form) -> absl::Status {
    const absl::Duration start = clock.Monotonic();
    SHOAL_ASSIGN_OR_RETURN(form.score, evaluate(parameters));
    const double seconds = absl::ToDoubleSeconds(clock.Monotonic() - start);
    if (seconds > 0) {
      form.examples_per_second =
          std::max(form.examples_per_second,
                   static_cast<double>(form.score.num_examples) / seconds);
    }
    return absl::OkStatus();
  };
  FormScores scores;
  for (int repetition = 0; repetition < 2; ++repetition) {
    SHOAL_RETURN_IF_ERROR(run(before, scores.before));
    SHOAL_RETURN_IF_ERROR(run(after, scores.after));
  }
  return scores;
}

std::string CompressionReport::ToString() const {
  std::string text = absl::StrCat(
      Row("", "before", "after", "change"),
      BytesRow("bytes of values", size_before.dense, size_after.dense),
      BytesRow("  without zeros", size_before.sparse, size_after.sparse));
  if (!scores.has_value()) return text;
  const Score& before = scores->before.score;
  const Score& after = scores->after.score;
  absl::StrAppend(&text, ValueRow("loss", before.loss(), after.loss()),
                  AccuracyRow(before, after), SpeedRow(*scores));
  absl::StrAppend(&text, before.num_examples, " examples\n");
  return text;
}

}  // namespace shoal::learning
