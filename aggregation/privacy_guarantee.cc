// What a task's noise promises, in whole sentences.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aggregation/task_privacy.h"
#include "base/units.h"
#include "configuration/task.h"
#include "privacy/accounting/bound_text.h"

namespace shoal::aggregation {
namespace {

using configuration::BandedNoise;
using configuration::BltNoise;
using configuration::CentralNoise;
using configuration::DifferentialPrivacy;
using configuration::DistributedNoise;
using configuration::LocalNoise;
using configuration::Task;
using configuration::TreeNoise;
using privacy::Accountant;
using privacy::Adjacency;
using privacy::LowerBoundText;
using privacy::UpperBoundText;
using secure_aggregation::CoordinatorTrust;

std::string Count(int64_t number, absl::string_view noun) {
  return absl::StrCat(number, " ", noun, number == 1 ? "" : "s");
}

bool IsLocal(const Task& task) {
  return std::holds_alternative<LocalNoise>(task.differential_privacy->noise);
}

// Updates are hidden where every task of the population hides its own.
bool HidesUpdates(const TaskPrivacy& privacy,
                  absl::Span<const ChargedTask> others) {
  return std::holds_alternative<LocalNoise>(privacy.options.noise) &&
         std::all_of(others.begin(), others.end(),
                     [](const ChargedTask& other) {
                       return other.task.has_value() && IsLocal(*other.task);
                     });
}

std::string PromiseOf(const Task& task, const TaskPrivacy& privacy,
                      const privacy::CertifiedBounds& spent,
                      absl::Span<const ChargedTask> others) {
  const privacy::Neighbours& neighbours = privacy.query.neighbours;
  const absl::string_view hidden =
      neighbours.adjacency == Adjacency::kAddRemove
          ? "whether any one device contributed its updates or zeros"
          : "what any one device contributed";
  const absl::string_view seen =
      HidesUpdates(privacy, others) ? "all updates and models" : "all models";
  return absl::StrCat(
      "With epsilon ", UpperBoundText(spent.upper), " and delta ",
      privacy.query.delta, " spent, ", seen, " of the population ",
      task.population, " together hide ", hidden,
      " from whoever sees them (unit: ",
      privacy::PrivacyUnitName(neighbours.unit),
      "; adjacency: ", privacy::AdjacencyName(neighbours.adjacency), ").");
}

std::string AccountantOf(const TaskPrivacy& privacy,
                         const privacy::CertifiedBounds& spent) {
  if (privacy.query.accountant == Accountant::kRdp) {
    return "This epsilon is an upper bound from Rényi divergences "
           "(accountant: rdp).";
  }
  return absl::StrCat(
      "This epsilon is computed from privacy loss distributions (accountant: "
      "pld), which certify that the truth is between ",
      LowerBoundText(spent.lower), " and ", UpperBoundText(spent.upper), ".");
}

std::string KindOf(const Task&, const CentralNoise&) {
  return "fresh noise on every round's sum (mechanism: central)";
}
std::string KindOf(const Task&, const DistributedNoise& noise) {
  return absl::StrCat(
      noise.skellam ? "Skellam" : "discrete Gaussian",
      " noise that devices add before secure aggregation (mechanism: "
      "distributed)");
}
std::string KindOf(const Task&, const LocalNoise&) {
  return "noise that every device adds to its update before it leaves the "
         "device (mechanism: local)";
}
std::string KindOf(const Task& task, const TreeNoise& noise) {
  const std::string trees =
      noise.restart_every == 0
          ? absl::StrCat("of a binary tree over ", Count(task.rounds, "round"))
          : absl::StrCat("of binary trees over ",
                         Count(noise.restart_every, "round"), " each");
  return absl::StrCat("noise ", trees, " on every sum (mechanism: tree)");
}
std::string KindOf(const Task& task, const BandedNoise&) {
  return absl::StrCat("noise of a banded matrix over ",
                      Count(task.rounds, "round"),
                      " on every sum (mechanism: banded)");
}
std::string KindOf(const Task& task, const BltNoise& noise) {
  return absl::StrCat("noise of a buffered Toeplitz matrix with ",
                      Count(noise.buffers, "buffer"), " over ",
                      Count(task.rounds, "round"),
                      " on every sum (mechanism: blt)");
}

std::string MechanismOf(const Task& task, const DifferentialPrivacy& options,
                        double noise_multiplier) {
  const auto& adaptive = options.adaptive_clip;
  const std::string clip =
      adaptive.has_value()
          ? absl::StrCat(
                "a norm that follows, by a count under the same noise, "
                "the quantile ",
                NumberText(adaptive->target_quantile), " of the devices' norms")
          : absl::StrCat("an L2 norm of ", NumberText(options.clip_norm));
  const std::string kind = std::visit(
      [&](const auto& noise) { return KindOf(task, noise); }, options.noise);
  const absl::string_view layers =
      options.clip_layers
          ? ", every tensor to this over the square root of their number,"
          : "";
  return absl::StrCat("Every update is clipped to ", clip, layers,
                      " and counts the same; there is ", kind,
                      ", with a noise multiplier of ",
                      LowerBoundText(noise_multiplier), ".");
}

// Who has to keep to the protocol.
std::string TrustOf(const Task& task, const DifferentialPrivacy& options) {
  const auto& secure = task.secure_aggregation;
  const std::string colluding =
      secure.has_value() ? absl::StrCat("a fraction of at most ",
                                        NumberText(secure->adversary_fraction),
                                        " of a group's devices collude with it")
                         : "";
  if (std::holds_alternative<DistributedNoise>(options.noise)) {
    return absl::StrCat(
        "that the coordinator learns sums of groups and nothing else (secure "
        "aggregation), has devices add this noise and takes them as is said "
        "here, and that ",
        colluding,
        "; their shares of noise are not counted on, nor those of a fraction "
        "of ",
        NumberText(secure->dropout_fraction),
        " that may leave, and no sum of fewer devices is opened",
        secure->coordinator == CoordinatorTrust::kSemiMalicious
            ? ", nor that of a part of a large group, which only coordinator "
              "malicious rules out"
            : "");
  }
  if (std::holds_alternative<LocalNoise>(options.noise)) {
    return "that the coordinator lets no device take part more often than is "
           "said below, and looks at no update that it does not count, and "
           "nothing else of it or of other devices: a device clips its own "
           "update and draws its own noise";
  }
  const std::string honest =
      "that the coordinator is honest: it draws this noise, tells nobody, and "
      "publishes no sum without it";
  if (!secure.has_value()) {
    return absl::StrCat(honest,
                        "; it clips the updates, each of which it sees");
  }
  return absl::StrCat(honest,
                      "; it sees sums of groups alone (secure "
                      "aggregation), where ",
                      colluding, ", and devices clip their own updates");
}

// How devices come to take part.
std::string ParticipationOf(const Task& task,
                            const DifferentialPrivacy& options) {
  const auto* central = std::get_if<CentralNoise>(&options.noise);
  if (central != nullptr && central->sampling_rate.has_value()) {
    return absl::StrCat(
        "Every device is drawn for a round by itself with "
        "probability ",
        NumberText(*central->sampling_rate),
        ", which the coordinator enforces; all that is said here holds for "
        "those who learn neither who was drawn for a round nor how many.");
  }
  if (task.round.min_separation <= 1) {
    return "A device may take part in every round.";
  }
  return absl::StrCat(
      "Who contributed to a committed round contributes again ",
      task.round.min_separation,
      " rounds later at the earliest; the coordinator enforces that for every "
      "authenticated identity, so that whoever has several devices is "
      "protected for each of them by itself.");
}

// The noise of a task, and all that is assumed for it.
std::string TermsOf(const Task& task, const DifferentialPrivacy& options,
                    double noise_multiplier) {
  return absl::StrCat(MechanismOf(task, options, noise_multiplier),
                      " It is assumed ", TrustOf(task, options), ". ",
                      ParticipationOf(task, options));
}

std::string TermsOf(const ChargedTask& other) {
  if (!other.task.has_value()) {
    return "Its definition is not known any more; whatever its noise assumed "
           "is assumed here.";
  }
  const DifferentialPrivacy& options = *other.task->differential_privacy;
  return TermsOf(*other.task, options, *options.noise_multiplier);
}

// Of a population with several tasks, each of which may have other noise.
std::string TermsOfAll(const Task& task, const TaskPrivacy& privacy,
                       absl::Span<const ChargedTask> others) {
  const std::string own =
      TermsOf(task, privacy.options, privacy.noise.noise_multiplier);
  if (others.empty()) return own;
  std::vector<std::string> parts = {absl::StrCat(
      "Other tasks of the population have spent of it (",
      absl::StrJoin(others, ", ",
                    [](std::string* out, const ChargedTask& other) {
                      absl::StrAppend(out, other.name);
                    }),
      "), and all that is assumed for them is assumed as well.")};
  parts.push_back(absl::StrCat("Task ", task.name, ": ", own));
  for (const ChargedTask& other : others) {
    parts.push_back(absl::StrCat("Task ", other.name, ": ", TermsOf(other)));
  }
  return absl::StrJoin(parts, " ");
}

bool HasStatistics(const Task& task) {
  return task.model.preprocessing.needs_statistics();
}

std::string NotCoveredBy(const Task& task,
                         absl::Span<const ChargedTask> others) {
  std::vector<std::string> gaps = {
      "the choice of hyper-parameters, and of this task, by looks at the same "
      "devices' data",
      "that a device is enrolled, checks in with its number of examples, "
      "takes part or says why it does not, and how many do",
      "side channels such as the time that drawing noise takes",
      "an initial model that was trained on data of these devices"};
  if (HasStatistics(task)) {
    gaps.push_back(
        "the statistics of features that the task was created with, which have "
        "no noise");
  }
  for (const ChargedTask& other : others) {
    if (!other.task.has_value() || !HasStatistics(*other.task)) continue;
    gaps.push_back(absl::StrCat("the statistics of features that the task ",
                                other.name,
                                " was created with, which have no noise"));
  }
  return absl::StrCat("Not covered are ", absl::StrJoin(gaps, "; "), ".");
}

}  // namespace

std::string GuaranteeOf(const Task& task, const TaskPrivacy& privacy,
                        const privacy::CertifiedBounds& spent,
                        absl::Span<const ChargedTask> others) {
  if (!std::isfinite(spent.upper)) {
    return absl::StrCat(
        "Nothing is promised: no epsilon holds with a delta of ",
        privacy.query.delta,
        " (accountant: ", privacy::AccountantName(privacy.query.accountant),
        ") for what the population ", task.population, " has spent.");
  }
  return absl::StrJoin(
      {PromiseOf(task, privacy, spent, others), AccountantOf(privacy, spent),
       TermsOfAll(task, privacy, others), NotCoveredBy(task, others)},
      " ");
}

}  // namespace shoal::aggregation
