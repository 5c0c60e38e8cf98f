#include "learning/data/har_windows.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/input_file.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

// A line of kHarFeatures numbers takes about 9 kB.
constexpr size_t kMaxLineBytes = 1 << 16;

// Reads the next line without its end; false at the end of the file.
absl::StatusOr<bool> ReadLine(InputFile& file, int64_t number,
                              std::string& line) {
  line.clear();
  int c;
  while ((c = file.Get()) != -1) {
    if (c == '\n') return true;
    if (line.size() == kMaxLineBytes) {
      return absl::DataLossError(absl::StrCat(file.path(), ":", number,
                                              ": a line of more than ",
                                              kMaxLineBytes, " bytes"));
    }
    line.push_back(static_cast<char>(c));
  }
  SHOAL_RETURN_IF_ERROR(file.status());
  return !line.empty();
}

// A file of one integer a line.
absl::StatusOr<std::vector<int64_t>> ReadColumn(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  std::vector<int64_t> values;
  std::string line;
  while (true) {
    const int64_t number = values.size() + 1;
    SHOAL_ASSIGN_OR_RETURN(const bool more, ReadLine(file, number, line));
    if (!more) return values;
    int64_t value = 0;
    if (!absl::SimpleAtoi(line, &value)) {
      return absl::DataLossError(absl::StrCat(
          path, ":", number, ": '", line.substr(0, 40), "' is no integer"));
    }
    values.push_back(value);
  }
}

// Takes over labels that count from `first`, and subjects.
absl::Status SetLabels(const std::string& labels_path,
                       const std::vector<int64_t>& labels, int64_t first,
                       const std::string& subjects_path,
                       std::vector<int64_t> subjects, HarWindows& windows) {
  if (labels.empty()) {
    return absl::DataLossError(absl::StrCat(labels_path, ": no labels"));
  }
  if (labels.size() != subjects.size()) {
    return absl::DataLossError(
        absl::StrCat(subjects_path, ": ", subjects.size(), " subjects, but ",
                     labels_path, " has ", labels.size(), " labels"));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < first || labels[i] >= first + kHarClasses) {
      return absl::DataLossError(
          absl::StrCat(labels_path, ": label ", labels[i], " of window ", i + 1,
                       ", expected ", first, " to ", first + kHarClasses - 1));
    }
    windows.labels.push_back(static_cast<int32_t>(labels[i] - first));
  }
  windows.subjects = std::move(subjects);
  return absl::OkStatus();
}

absl::Status CheckFeatures(absl::Span<const float> features,
                           const std::string& where) {
  for (size_t i = 0; i < features.size(); ++i) {
    if (features[i] >= -1 && features[i] <= 1) continue;  // false for NaN
    return absl::DataLossError(absl::StrCat(where, ": feature ", i + 1, " is ",
                                            features[i], ", expected -1 to 1"));
  }
  return absl::OkStatus();
}

// Fills `out` with the numbers of a line, which blanks separate.
absl::Status ParseLine(absl::string_view line, const std::string& where,
                       absl::Span<float> out) {
  size_t count = 0;
  const char* next = line.data();
  const char* const end = line.data() + line.size();
  while (true) {
    while (next != end && absl::ascii_isspace(*next)) ++next;
    if (next == end) break;
    double value = 0;
    const auto parsed = absl::from_chars(next, end, value);
    if (parsed.ec != std::errc() ||
        (parsed.ptr != end && !absl::ascii_isspace(*parsed.ptr))) {
      return absl::DataLossError(
          absl::StrCat(where, ": feature ", count + 1, " is no number"));
    }
    if (count < out.size()) out[count] = static_cast<float>(value);
    ++count;
    next = parsed.ptr;
  }
  if (count != out.size()) {
    return absl::DataLossError(
        absl::StrCat(where, ": ", count, " features, expected ", out.size()));
  }
  return CheckFeatures(out, where);
}

// `features`: row-major [rows, kHarFeatures]. Reads to the end, to count.
absl::Status LoadText(const HarText& text, int64_t num_rows,
                      absl::Span<const int64_t> rows,
                      absl::Span<float> features) {
  SHOAL_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(text.path));
  std::string line;
  size_t taken = 0;
  int64_t row = 0;
  for (;; ++row) {
    SHOAL_ASSIGN_OR_RETURN(const bool more, ReadLine(file, row + 1, line));
    if (!more) break;
    if (taken == rows.size() || rows[taken] != row) continue;
    SHOAL_RETURN_IF_ERROR(
        ParseLine(line, absl::StrCat(text.path, ":", row + 1),
                  features.subspan(taken * kHarFeatures, kHarFeatures)));
    ++taken;
  }
  if (row == num_rows) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      text.path, ": ", row, " windows, but there are ", num_rows, " labels"));
}

absl::Status LoadNpy(const NpyArray& array, absl::Span<const int64_t> rows,
                     absl::Span<float> features) {
  return ForEachRow(
      array.rows, rows, [&](size_t i, absl::Span<const char> bytes) {
        const auto out = features.subspan(i * kHarFeatures, kHarFeatures);
        DecodeFloats(array, bytes, out);
        return CheckFeatures(out,
                             absl::StrCat(array.rows.path, ": row ", rows[i]));
      });
}

}  // namespace

absl::StatusOr<HarWindows> OpenHarText(const std::string& folder,
                                       const std::string& part) {
  const std::string x = absl::StrCat(part, "/X_", part, ".txt");
  const std::string y = absl::StrCat(part, "/y_", part, ".txt");
  const std::string subject = absl::StrCat(part, "/subject_", part, ".txt");
  SHOAL_RETURN_IF_ERROR(CheckSha256Sums(folder, {x, y, subject}));
  HarWindows windows;
  windows.features = HarText{absl::StrCat(folder, "/", x)};
  // Whether it is there is told now, not when the features are loaded.
  SHOAL_RETURN_IF_ERROR(InputFile::Open(absl::StrCat(folder, "/", x)).status());
  const std::string y_path = absl::StrCat(folder, "/", y);
  const std::string subject_path = absl::StrCat(folder, "/", subject);
  SHOAL_ASSIGN_OR_RETURN(const auto labels, ReadColumn(y_path));
  SHOAL_ASSIGN_OR_RETURN(auto subjects, ReadColumn(subject_path));
  SHOAL_RETURN_IF_ERROR(
      SetLabels(y_path, labels, 1, subject_path, std::move(subjects), windows));
  return windows;
}

absl::StatusOr<HarWindows> OpenHarNpy(const std::string& folder) {
  SHOAL_RETURN_IF_ERROR(
      CheckSha256Sums(folder, {"har_x.npy", "har_y.npy", "har_subject.npy"}));
  SHOAL_ASSIGN_OR_RETURN(NpyArray x, OpenNpy(folder + "/har_x.npy"));
  SHOAL_ASSIGN_OR_RETURN(const NpyArray y, OpenNpy(folder + "/har_y.npy"));
  SHOAL_ASSIGN_OR_RETURN(const NpyArray subject,
                         OpenNpy(folder + "/har_subject.npy"));
  SHOAL_ASSIGN_OR_RETURN(const auto labels, ReadIntegers(y));
  SHOAL_ASSIGN_OR_RETURN(auto subjects, ReadIntegers(subject));
  if (x.num_columns != kHarFeatures) {
    return absl::DataLossError(absl::StrCat(
        x.rows.path, ": ", x.num_columns, " columns, expected ", kHarFeatures));
  }
  if (x.rows.num_rows != static_cast<int64_t>(labels.size())) {
    return absl::DataLossError(absl::StrCat(x.rows.path, ": ", x.rows.num_rows,
                                            " windows, but ", y.rows.path,
                                            " has ", labels.size(), " labels"));
  }
  HarWindows windows;
  SHOAL_RETURN_IF_ERROR(SetLabels(y.rows.path, labels, 0, subject.rows.path,
                                  std::move(subjects), windows));
  windows.features = std::move(x);
  return windows;
}

absl::StatusOr<std::unique_ptr<Dataset>> LoadWindows(
    const HarWindows& windows, absl::Span<const int64_t> rows) {
  std::vector<float> features(rows.size() * kHarFeatures);
  if (const auto* text = std::get_if<HarText>(&windows.features)) {
    SHOAL_RETURN_IF_ERROR(
        LoadText(*text, windows.labels.size(), rows, absl::MakeSpan(features)));
  } else {
    SHOAL_RETURN_IF_ERROR(LoadNpy(std::get<NpyArray>(windows.features), rows,
                                  absl::MakeSpan(features)));
  }
  std::vector<int32_t> labels;
  labels.reserve(rows.size());
  for (int64_t row : rows) labels.push_back(windows.labels[row]);
  return std::make_unique<InMemoryDataset>(
      std::move(features), std::move(labels), kHarFeatures, kHarClasses);
}

}  // namespace shoal::learning
