#include "configuration/differential_privacy.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/units.h"
#include "configuration/task.h"

namespace shoal::configuration {

using secure_aggregation::CoordinatorTrust;

namespace {

// Integer noise on the count has at least four steps, which are half a device
// each (privacy/differential_privacy/gaussian_multiplier.h).
constexpr double kLeastCountStddev = 1.33;
// As the schema says of bands that are given.
constexpr int64_t kMaxBands = 4096;

// The fewest digits that are read as this very number.
std::string CanonicalText(double number) {
  char text[32];
  const auto end = std::to_chars(std::begin(text), std::end(text), number);
  return std::string(text, end.ptr);
}

// Noise is on one sum of clipped vectors: nothing else may be released.
absl::Status CheckAlgorithm(const Task& task) {
  if (std::holds_alternative<learning::ScaffoldLocal>(task.algorithm)) {
    return absl::InvalidArgumentError(
        "does not go with algorithm.scaffold: nobody has analysed control "
        "variates, which devices keep from round to round, expected fedavg, "
        "fedprox or fedsgd");
  }
  if (std::holds_alternative<learning::FedNovaLocal>(task.algorithm)) {
    return absl::InvalidArgumentError(
        "does not go with algorithm.fednova: updates are divided by the "
        "devices' steps, whose mean is not under noise, expected fedavg, "
        "fedprox or fedsgd");
  }
  if (!task.training.sub_model_widths.empty() ||
      !task.training.sub_model_layers.empty()) {
    return absl::InvalidArgumentError(
        "does not go with training.sub_model_widths and sub_model_layers: how "
        "many devices have trained a part is not under noise, expected "
        "neither of them");
  }
  return absl::OkStatus();
}

absl::Status CheckRounds(const Task& task) {
  if (task.round.asynchronous.has_value()) {
    return absl::InvalidArgumentError(
        "does not go with round.asynchronous: nobody has analysed noise on "
        "updates of different versions, expected every round by itself");
  }
  if (task.round.weighting != Weighting::kUniform) {
    return absl::InvalidArgumentError(
        "needs round.weighting uniform: weighted by its examples an update "
        "would count for more than the clip norm");
  }
  if (task.update_limits.norm_bound.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "does not go with update_limits.norm_bound, ",
        NumberText(*task.update_limits.norm_bound),
        ": clip_norm is what bounds updates, expected no other bound"));
  }
  return absl::OkStatus();
}

// A guarantee counts on what the coordinator does, and on nothing else.
absl::Status CheckSampling(const Task& task) {
  const std::optional<double> rate = SamplingRate(*task.differential_privacy);
  const RoundPolicy& round = task.round;
  if (round.drawn != rate.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("round.drawn is ", round.drawn ? "set" : "not set",
                     ", expected it with a sampling_rate, and only with one"));
  }
  if (!rate.has_value()) return absl::OkStatus();
  const std::string setting =
      absl::StrCat("central.sampling_rate, ", NumberText(*rate), ",");
  if (task.secure_aggregation.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        setting,
        " does not go with secure_aggregation: a round must be summed up "
        "however few devices were drawn, and groups have min_group members at "
        "least"));
  }
  if (round.min_separation > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        setting, " does not go with round.min_separation, ",
        round.min_separation,
        ": a device that has to sit out is not drawn with that probability, "
        "expected none"));
  }
  return absl::OkStatus();
}

absl::Status CheckBuffers(const DifferentialPrivacy& privacy) {
  const auto* blt = std::get_if<BltNoise>(&privacy.noise);
  if (blt == nullptr || (blt->decays.empty() && blt->scales.empty())) {
    return absl::OkStatus();
  }
  const auto buffers = static_cast<size_t>(blt->buffers);
  if (blt->decays.size() != buffers || blt->scales.size() != buffers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "blt has ", blt->decays.size(), " decays and ", blt->scales.size(),
        " scales, expected as many as buffers, ", blt->buffers,
        ", of both, or none"));
  }
  const double sum =
      std::accumulate(blt->scales.begin(), blt->scales.end(), 0.0);
  constexpr double kRounding = 1 + 1e-9;
  if (sum <= kRounding) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "blt.scales add up to ", NumberText(sum), ", expected 1 at most"));
}

absl::Status CheckLength(const Task& task) {
  const DifferentialPrivacy::Noise& noise = task.differential_privacy->noise;
  const auto* tree = std::get_if<TreeNoise>(&noise);
  if (tree != nullptr && tree->restart_every > task.rounds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tree.restart_every is ", tree->restart_every,
        ", expected at most rounds, ", task.rounds, ", or none for one tree"));
  }
  const auto* banded = std::get_if<BandedNoise>(&noise);
  if (banded != nullptr && banded->bands > task.rounds) {
    return absl::InvalidArgumentError(
        absl::StrCat("banded.bands is ", banded->bands,
                     ", expected at most rounds, ", task.rounds));
  }
  if (banded != nullptr && banded->bands == 0 &&
      std::min<int64_t>(task.round.min_separation, task.rounds) > kMaxBands) {
    return absl::InvalidArgumentError(
        absl::StrCat("banded.bands is round.min_separation, ",
                     task.round.min_separation, ", expected at most ",
                     kMaxBands, ": the coordinator keeps as many vectors"));
  }
  return absl::OkStatus();
}

absl::Status CheckAdaptiveClip(const Task& task) {
  const DifferentialPrivacy& privacy = *task.differential_privacy;
  if (!privacy.adaptive_clip.has_value()) return absl::OkStatus();
  if (!std::holds_alternative<CentralNoise>(privacy.noise)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "adaptive_clip does not go with ", NoiseName(privacy.noise),
        ": its noise is made for one clip norm, expected central"));
  }
  if (privacy.clip_layers) {
    return absl::InvalidArgumentError(
        "adaptive_clip does not go with clip_layers: it follows how many "
        "updates are too long, and where every tensor is shortened by itself "
        "none is, expected one of them");
  }
  const double count_stddev =
      CountStddev(*privacy.adaptive_clip, task.round.cohort);
  if (count_stddev < kLeastCountStddev) {
    return absl::InvalidArgumentError(
        absl::StrCat("adaptive_clip.count_stddev is ", NumberText(count_stddev),
                     ", expected at least ", kLeastCountStddev,
                     ": the count is a whole number, and so is its noise"));
  }
  return absl::OkStatus();
}

absl::string_view TrustName(CoordinatorTrust trust) {
  return trust == CoordinatorTrust::kMalicious ? "malicious" : "semi_malicious";
}

absl::Status CheckSkellam(const DifferentialPrivacy& privacy) {
  const auto* distributed = std::get_if<DistributedNoise>(&privacy.noise);
  if (distributed == nullptr || !distributed->skellam ||
      privacy.accountant == privacy::Accountant::kRdp) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "distributed.skellam needs accountant rdp: what Skellam noise costs is "
      "known from Rényi divergences alone, expected that, or no skellam");
}

// Who adds the noise, and whether that one is trusted with it.
absl::Status CheckTrust(const Task& task) {
  const DifferentialPrivacy& privacy = *task.differential_privacy;
  const auto& secure = task.secure_aggregation;
  if (std::holds_alternative<DistributedNoise>(privacy.noise)) {
    if (!secure.has_value()) {
      return absl::InvalidArgumentError(
          "distributed needs secure_aggregation: one device's share of the "
          "noise does not hide its update, the shares of a group together do");
    }
    return CheckSkellam(privacy);
  }
  if (std::holds_alternative<LocalNoise>(privacy.noise) && secure.has_value()) {
    return absl::InvalidArgumentError(
        "local does not go with secure_aggregation: an update that its own "
        "noise hides needs no group, expected distributed, whose shares are "
        "far smaller");
  }
  if (!secure.has_value() || secure->coordinator == CoordinatorTrust::kHonest) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      NoiseName(privacy.noise),
      " noise is the coordinator's own, whom secure_aggregation.coordinator ",
      TrustName(secure->coordinator),
      " does not trust, expected distributed, or coordinator honest"));
}

}  // namespace

std::string NoiseName(const DifferentialPrivacy::Noise& noise) {
  constexpr const char* kNames[] = {"central", "distributed", "tree",
                                    "banded",  "blt",         "local"};
  static_assert(std::size(kNames) ==
                std::variant_size_v<DifferentialPrivacy::Noise>);
  return kNames[noise.index()];
}

std::optional<double> SamplingRate(const DifferentialPrivacy& privacy) {
  const auto* central = std::get_if<CentralNoise>(&privacy.noise);
  return central == nullptr ? std::nullopt : central->sampling_rate;
}

double CountStddev(const AdaptiveClipping& clipping, int cohort) {
  // The count is then hidden at nearly no cost.
  constexpr double kPerDevice = 0.05;
  return clipping.count_stddev.value_or(kPerDevice * cohort);
}

bool IsCorrelated(const DifferentialPrivacy::Noise& noise) {
  return !std::holds_alternative<CentralNoise>(noise) && !IsOfDevices(noise);
}

bool IsOfDevices(const DifferentialPrivacy::Noise& noise) {
  return std::holds_alternative<DistributedNoise>(noise) ||
         std::holds_alternative<LocalNoise>(noise);
}

std::string BudgetText(const DifferentialPrivacy& privacy) {
  return absl::StrCat(
      "epsilon=", CanonicalText(privacy.epsilon),
      " delta=", CanonicalText(privacy.delta),
      " adjacency=", privacy::AdjacencyName(privacy.adjacency),
      " accountant=", privacy::AccountantName(privacy.accountant));
}

absl::Status CheckDifferentialPrivacy(const Task& task) {
  if (!task.differential_privacy.has_value()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(CheckAlgorithm(task));
  SHOAL_RETURN_IF_ERROR(CheckRounds(task));
  SHOAL_RETURN_IF_ERROR(CheckSampling(task));
  SHOAL_RETURN_IF_ERROR(CheckBuffers(*task.differential_privacy));
  SHOAL_RETURN_IF_ERROR(CheckLength(task));
  SHOAL_RETURN_IF_ERROR(CheckAdaptiveClip(task));
  return CheckTrust(task);
}

}  // namespace shoal::configuration
