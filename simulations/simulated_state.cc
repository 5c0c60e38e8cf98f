#include "simulations/simulated_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::simulations {

using client::HeldModel;

absl::StatusOr<HeldModel> SimulatedState::LoadModel(const Digest& digest) {
  if (held_ != digest) {
    return absl::NotFoundError(
        absl::StrCat("no model ", digest.ToShortHex(), " is held"));
  }
  SHOAL_ASSIGN_OR_RETURN(SharedModel model, models_.Get(digest));
  return std::move(model.model);
}

absl::StatusOr<int64_t> SimulatedState::BeginModel(const Digest& digest) {
  if (partial_ != digest) {
    partial_ = digest;
    partial_bytes_ = 0;
  }
  return partial_bytes_;
}

absl::Status SimulatedState::AppendModel(absl::string_view bytes) {
  partial_bytes_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<HeldModel> SimulatedState::FinishModel() {
  const Digest digest = std::exchange(partial_, Digest());
  partial_bytes_ = 0;
  SHOAL_ASSIGN_OR_RETURN(SharedModel model, models_.Get(digest));
  held_ = digest;
  return std::move(model.model);
}

}  // namespace shoal::simulations
