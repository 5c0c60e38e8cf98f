#include "configuration/file_report.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shoal::configuration {
namespace {

// "a.b[1]" -> "a.b" -> "a" -> "".
absl::string_view Parent(absl::string_view path) {
  const size_t end = path.find_last_of(".[");
  return end == absl::string_view::npos ? absl::string_view()
                                        : path.substr(0, end);
}

// Everything is within the empty path, the whole file.
bool IsWithin(absl::string_view path, absl::string_view around) {
  while (path != around) {
    if (path.empty()) return false;
    path = Parent(path);
  }
  return true;
}

}  // namespace

void FileReport::SetLine(const std::string& path, int line) {
  lines_[path] = line;
}

int FileReport::LineOf(absl::string_view path) const {
  for (;; path = Parent(path)) {
    const auto found = lines_.find(path);
    if (found != lines_.end()) return found->second;
    if (path.empty()) return 1;
  }
}

void FileReport::Add(absl::string_view path, absl::string_view problem) {
  AddAt(LineOf(path), path, problem);
}

void FileReport::AddAt(int line, absl::string_view path,
                       absl::string_view problem) {
  errors_.push_back({line, std::string(path), std::string(problem)});
}

bool FileReport::IsExplained(absl::string_view path) const {
  for (const Error& error : errors_) {
    if (IsWithin(path, error.path)) return true;
  }
  for (const std::string& explained : explained_) {
    if (IsWithin(path, explained)) return true;
  }
  return false;
}

absl::Status FileReport::ToStatus() const {
  if (errors_.empty()) return absl::OkStatus();
  std::vector<Error> sorted = errors_;
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const Error& a, const Error& b) { return a.line < b.line; });
  std::string text;
  for (const Error& error : sorted) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", file_, ":", error.line,
                    ": ", error.path, error.path.empty() ? "" : ": ",
                    error.problem);
  }
  return absl::InvalidArgumentError(text);
}

}  // namespace shoal::configuration
