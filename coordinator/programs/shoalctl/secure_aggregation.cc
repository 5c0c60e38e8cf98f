// shoalctl secure-aggregation: what a group of devices takes. Works offline.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/text.h"
#include "privacy/secure_aggregation/parameters.h"
#include "protocol/messages.h"

namespace shoal::shoalctl {
namespace {

using secure_aggregation::CoordinatorTrust;
using secure_aggregation::GraphParameters;
using secure_aggregation::GroupAssumptions;

// As secure_aggregation.min_group of a task: in a group of two each device
// would know the other's update.
constexpr int kFewestDevices = 3;

struct Options {
  GroupAssumptions assumptions;
  std::string coordinator = "honest";
};

absl::StatusOr<CoordinatorTrust> TrustOf(const std::string& coordinator) {
  if (coordinator == "honest") return CoordinatorTrust::kHonest;
  if (coordinator == "semi_malicious") return CoordinatorTrust::kSemiMalicious;
  if (coordinator == "malicious") return CoordinatorTrust::kMalicious;
  return absl::InvalidArgumentError(
      absl::StrCat("--coordinator ", coordinator,
                   ", expected honest, semi_malicious or malicious"));
}

nlohmann::ordered_json ParametersJson(const GraphParameters& parameters) {
  return {{"num_neighbors", parameters.num_neighbors},
          {"threshold", parameters.threshold},
          {"complete_graph", parameters.complete_graph},
          {"min_survivors", parameters.min_survivors}};
}

std::string ParametersText(const GroupAssumptions& assumptions,
                           const GraphParameters& parameters) {
  std::string text = FieldsText(
      {{"neighbors", absl::StrCat(parameters.num_neighbors)},
       {"threshold", absl::StrCat(parameters.threshold)},
       {"graph", parameters.complete_graph ? "complete" : "random, regular"},
       {"min survivors", absl::StrCat(parameters.min_survivors)}});
  if (assumptions.coordinator == CoordinatorTrust::kMalicious &&
      assumptions.num_devices > protocol::kMaxCompleteGroup) {
    absl::StrAppend(
        &text, "No task has such a group: where the coordinator is malicious, ",
        "secure_aggregation.max_group is ", protocol::kMaxCompleteGroup,
        " at most, and larger cohorts are split. Ask with --devices ",
        protocol::kMaxCompleteGroup, ".\n");
  }
  return text;
}

absl::Status PrintParameters(Shell& shell, Options options) {
  SHOAL_ASSIGN_OR_RETURN(options.assumptions.coordinator,
                         TrustOf(options.coordinator));
  if (options.assumptions.num_devices < kFewestDevices) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--devices ", options.assumptions.num_devices, ", expected at least ",
        kFewestDevices,
        ": tasks have no smaller groups (secure_aggregation.min_group)"));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const GraphParameters parameters,
      secure_aggregation::FindGraphParameters(options.assumptions));
  shell.Print([&] { return ParametersJson(parameters); },
              [&] { return ParametersText(options.assumptions, parameters); });
  return absl::OkStatus();
}

}  // namespace

void AddSecureAggregationCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun =
      AddNoun(app, "secure-aggregation", "sums that hide what is summed");
  auto options = std::make_shared<Options>();  // shared with the callback
  CLI::App* verb = AddVerb(
      *noun, shell, "parameters",
      "with how many others each device of a group shares its secrets "
      "(offline)",
      "shoalctl secure-aggregation parameters --devices 1000 "
      "--adversary-fraction 0.1 --dropout-fraction 0.1 --coordinator honest",
      [&shell, options] { return PrintParameters(shell, *options); });
  GroupAssumptions& assumptions = options->assumptions;
  verb->add_option("--devices", assumptions.num_devices, "in the group")
      ->required();
  verb->add_option("--adversary-fraction", assumptions.adversary_fraction,
                   "of the devices, colluding with the coordinator")
      ->required();
  verb->add_option("--dropout-fraction", assumptions.dropout_fraction,
                   "of the devices, leaving before the end")
      ->required();
  verb->add_option("--coordinator", options->coordinator,
                   "what it may do: honest (default), semi_malicious or "
                   "malicious");
}

}  // namespace shoal::shoalctl
