#include "coordinator/service/model_lookup.h"

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

constexpr size_t kMinDigits = 4;
constexpr int kAll = std::numeric_limits<int>::max();

absl::Status NoModel(absl::string_view text) {
  return absl::NotFoundError(
      absl::StrCat("no model '", text, "', expected TASK, TASK@VERSION or at ",
                   "least ", kMinDigits, " digits of a model's digest"));
}

// Nothing when there is no such task.
absl::StatusOr<std::optional<TaskRow>> FindTask(RoundStore& store,
                                                const std::string& name) {
  absl::StatusOr<TaskRow> task = store.GetTask(name);
  if (task.ok()) return *std::move(task);
  if (absl::IsNotFound(task.status())) return std::nullopt;
  return task.status();
}

absl::StatusOr<ModelRow> FindVersion(RoundStore& store, const TaskRow& task,
                                     absl::string_view version_text) {
  int64_t version = 0;
  if (!absl::SimpleAtoi(version_text, &version)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", version_text, "' is no version of a model, expected a number"));
  }
  SHOAL_ASSIGN_OR_RETURN(const std::vector<ModelRow> models,
                         store.ListModels(task.name, kAll));
  for (const ModelRow& model : models) {
    if (model.version == version) return model;
  }
  return absl::NotFoundError(
      absl::StrCat("task ", task.name, " has no model version ", version,
                   "; its newest is ", task.rounds_committed));
}

absl::StatusOr<ModelRow> FindDigest(RoundStore& store,
                                    absl::string_view digits) {
  const std::string prefix = absl::AsciiStrToLower(digits);
  std::optional<ModelRow> found;
  SHOAL_ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, store.ListTasks());
  for (const TaskRow& task : tasks) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<ModelRow> models,
                           store.ListModels(task.name, kAll));
    for (const ModelRow& model : models) {
      if (!absl::StartsWith(model.digest.ToHex(), prefix)) continue;
      if (found.has_value() && found->digest != model.digest) {
        return absl::InvalidArgumentError(absl::StrCat(
            "'", digits, "' matches several models, write more ", "digits"));
      }
      found = model;
    }
  }
  if (!found.has_value()) return NoModel(digits);
  return *found;
}

bool IsHex(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(c)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ModelRow> FindModel(RoundStore& store, absl::string_view text) {
  const size_t at = text.find('@');
  SHOAL_ASSIGN_OR_RETURN(const std::optional<TaskRow> task,
                         FindTask(store, std::string(text.substr(0, at))));
  if (task.has_value()) {
    if (at == absl::string_view::npos) {
      return store.GetModel(task->current_model);
    }
    return FindVersion(store, *task, text.substr(at + 1));
  }
  if (text.size() < kMinDigits || !IsHex(text)) return NoModel(text);
  return FindDigest(store, text);
}

}  // namespace shoal::coordinator
