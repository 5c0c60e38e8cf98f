#include "simulations/shared_models.h"

#include <utility>

#include "base/status_macros.h"

namespace shoal::simulations {
namespace {

constexpr int64_t kNewest = 4;  // uses, not versions: rounds overlap

absl::StatusOr<std::string> ReadAll(coordinator::RoundEngine& engine,
                                    const Digest& digest) {
  std::string bytes;
  while (true) {
    SHOAL_ASSIGN_OR_RETURN(
        const std::string chunk,
        engine.ReadModel(digest, static_cast<int64_t>(bytes.size())));
    if (chunk.empty()) return bytes;
    bytes += chunk;
  }
}

}  // namespace

absl::StatusOr<SharedModel> SharedModels::Get(const Digest& digest) {
  if (const auto found = entries_.find(digest); found != entries_.end()) {
    found->second.used = uses_;
    return found->second.model;
  }
  SHOAL_ASSIGN_OR_RETURN(std::string read, ReadAll(engine_, digest));
  const auto bytes = std::make_shared<const std::string>(std::move(read));
  SHOAL_ASSIGN_OR_RETURN(learning::ModelView view,
                         client::ViewChecked(*bytes, digest));
  const SharedModel model = {bytes, {std::move(view), bytes}};
  entries_[digest] = {model, ++uses_};
  Trim();
  return model;
}

void SharedModels::Trim() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    // Held by the entry itself, once and in the model.
    constexpr long kOwn = 2;
    const bool idle = it->second.model.bytes.use_count() <= kOwn;
    if (idle && it->second.used + kNewest <= uses_) {
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace shoal::simulations
