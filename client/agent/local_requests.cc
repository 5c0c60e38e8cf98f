#include "client/agent/local_requests.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

// Of a number in a line, with its comma: more than any float32 needs.
constexpr size_t kBytesPerValue = 32;
constexpr size_t kBytesBesides = 32;  // the word and what separates
constexpr size_t kMostQuoted = 40;

absl::Status Wrong(absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", absl::CHexEscape(text.substr(0, kMostQuoted)), "' is ", expected));
}

// What is empty is missing.
absl::StatusOr<float> ParseFloat(absl::string_view text) {
  if (text.empty()) return std::numeric_limits<float>::quiet_NaN();
  double value = 0;
  if (absl::SimpleAtod(text, &value) &&
      std::abs(value) <= std::numeric_limits<float>::max()) {  // no for NaN
    return static_cast<float>(value);
  }
  return Wrong(text, "no finite number of 32 bits");
}

absl::StatusOr<int32_t> ParseLabel(absl::string_view text) {
  int32_t label = 0;
  if (absl::SimpleAtoi(text, &label)) return label;
  return Wrong(text, "no label: expected a whole number");
}

template <typename T>
absl::StatusOr<std::vector<T>> ParseList(
    absl::string_view text, int expected, absl::string_view what,
    absl::StatusOr<T> (*parse)(absl::string_view)) {
  std::vector<T> values;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    SHOAL_ASSIGN_OR_RETURN(const T value, parse(part));
    values.push_back(value);
  }
  if (values.size() == static_cast<size_t>(expected)) return values;
  return absl::InvalidArgumentError(
      absl::StrCat(values.size(), " ", what, ", expected ", expected));
}

// "example" and what an example of the shape looks like.
std::string ExampleForm(const ExampleShape& shape) {
  if (shape.labels_per_example > 1) return "example LABEL,... VALUE,...";
  if (shape.num_classes > 0) return "example LABEL VALUE,...";
  if (shape.num_targets > 0) return "example TARGET,... VALUE,...";
  return "example VALUE,...";
}

absl::StatusOr<LocalRequest> ParseAdd(absl::Span<const absl::string_view> words,
                                      const ExampleShape& shape) {
  const bool has_outcome = shape.num_classes > 0 || shape.num_targets > 0;
  if (words.size() != (has_outcome ? 3u : 2u)) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected '", ExampleForm(shape), "'"));
  }
  AddRequest add;
  if (shape.num_classes > 0) {
    SHOAL_ASSIGN_OR_RETURN(
        add.labels,
        ParseList(words[1], shape.labels_per_example, "labels", ParseLabel));
  }
  if (shape.num_targets > 0) {
    SHOAL_ASSIGN_OR_RETURN(add.targets, ParseList(words[1], shape.num_targets,
                                                  "targets", ParseFloat));
  }
  SHOAL_ASSIGN_OR_RETURN(
      add.features,
      ParseList(words.back(), shape.num_features, "features", ParseFloat));
  return add;
}

// One line: messages of others may have several.
void AnswerError(const absl::Status& status, std::string& out) {
  absl::StrAppend(&out, "error ",
                  absl::StrReplaceAll(status.message(), {{"\n", " "}}), "\n");
}

}  // namespace

absl::StatusOr<LocalRequest> ParseRequest(absl::string_view line,
                                          const ExampleShape& shape) {
  line = absl::StripSuffix(line, "\r");
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words[0] == "example") return ParseAdd(words, shape);
  if (words[0] != "predict" || words.size() != 2) {
    return Wrong(line,
                 absl::StrCat("no request: expected '", ExampleForm(shape),
                              "' or 'predict VALUE,...'"));
  }
  PredictRequest predict;
  SHOAL_ASSIGN_OR_RETURN(
      predict.features,
      ParseList(words[1], shape.num_features, "features", ParseFloat));
  return predict;
}

std::string ValuesText(absl::Span<const float> values) {
  return absl::StrJoin(values, ",", [](std::string* out, float value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value);
    out->append(text, end.ptr);
  });
}

size_t LocalRequests::longest_line() const {
  const ExampleShape& shape = store_.shape();
  const size_t values = static_cast<size_t>(shape.num_features) +
                        shape.labels_per_example + shape.num_targets;
  return kBytesBesides + kBytesPerValue * values;
}

absl::StatusOr<LocalRequest> LocalRequests::Parse(
    absl::string_view line) const {
  SHOAL_ASSIGN_OR_RETURN(LocalRequest request,
                         ParseRequest(line, store_.shape()));
  if (const auto* const add = std::get_if<AddRequest>(&request)) {
    SHOAL_RETURN_IF_ERROR(store_.Check(add->view()));
  }
  return request;
}

size_t LocalRequests::Answer(absl::Span<const absl::string_view> lines,
                             std::string& out) {
  std::vector<absl::StatusOr<LocalRequest>> requests;  // that add, or errors
  std::vector<Example> examples;
  requests.reserve(lines.size());  // the examples point there
  for (const absl::string_view line : lines) {
    absl::StatusOr<LocalRequest> request = Parse(line);
    if (request.ok() && std::holds_alternative<PredictRequest>(*request)) {
      if (!requests.empty()) break;
      AnswerPrediction(std::get<PredictRequest>(*request), out);
      return 1;
    }
    requests.push_back(std::move(request));
    if (requests.back().ok()) {
      examples.push_back(std::get<AddRequest>(*requests.back()).view());
    }
  }
  int64_t num_durable = 0;
  const absl::Status added = store_.Add(examples, {}, &num_durable);
  for (const absl::StatusOr<LocalRequest>& request : requests) {
    if (!request.ok()) {
      AnswerError(request.status(), out);
    } else if (num_durable-- > 0) {
      absl::StrAppend(&out, "ok\n");
    } else {
      AnswerError(added, out);
    }
  }
  return requests.size();
}

void LocalRequests::AnswerPrediction(const PredictRequest& request,
                                     std::string& out) {
  const absl::StatusOr<std::vector<float>> values =
      client_.Predict(request.features);
  if (!values.ok()) return AnswerError(values.status(), out);
  absl::StrAppend(&out, "ok ", ValuesText(*values), "\n");
}

}  // namespace shoal::client
