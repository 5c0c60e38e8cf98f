#include "simulations/initial_model.h"

#include <cstdint>
#include <optional>

#include "base/status_macros.h"
#include "learning/feature_statistics.h"
#include "learning/initial_model.h"

namespace shoal::simulations {

absl::StatusOr<std::string> InitialModelOf(const configuration::Task& task,
                                           const Population& population) {
  std::optional<learning::FeatureStatistics> all;
  if (task.model.preprocessing.needs_statistics()) {
    for (int64_t i = 0; i < population.num_devices(); ++i) {
      SHOAL_ASSIGN_OR_RETURN(const auto data,
                             population.Load(i, learning::Moment()));
      SHOAL_ASSIGN_OR_RETURN(const learning::FeatureStatistics own,
                             learning::StatisticsOf(*data));
      if (!all.has_value()) all.emplace(own.num_features());
      SHOAL_RETURN_IF_ERROR(all->Merge(own));
    }
  }
  return learning::MakeInitialModel(task.model, task.seed,
                                    all.has_value() ? &*all : nullptr);
}

}  // namespace shoal::simulations
