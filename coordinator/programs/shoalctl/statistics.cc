#include "coordinator/programs/shoalctl/statistics.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "learning/feature_statistics.h"
#include "learning/initial_model.h"

namespace shoal::shoalctl {
namespace {

using learning::FeatureStatistics;

absl::Status In(const std::string& file, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(file, ": ", status.message()));
}

absl::StatusOr<FeatureStatistics> Read(const std::string& file) {
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file));
  absl::StatusOr<FeatureStatistics> statistics =
      FeatureStatistics::Decode(bytes);
  if (!statistics.ok()) return In(file, statistics.status());
  return statistics;
}

}  // namespace

absl::StatusOr<std::string> InitialModelFrom(
    const std::vector<std::string>& files, const configuration::Task& task) {
  SHOAL_CHECK(!files.empty());
  std::optional<FeatureStatistics> all;
  for (const std::string& file : files) {
    SHOAL_ASSIGN_OR_RETURN(FeatureStatistics one, Read(file));
    if (!all.has_value()) {
      all = std::move(one);
    } else if (const absl::Status merged = all->Merge(one); !merged.ok()) {
      return In(file, merged);
    }
  }
  return learning::MakeInitialModel(task.model, task.seed, &*all);
}

}  // namespace shoal::shoalctl
