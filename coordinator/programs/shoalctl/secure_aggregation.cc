// shoalctl secure-aggregation: what a group of devices takes. Works offline.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/text.h"
#include "privacy/secure_aggregation/message_sizes.h"
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
// As its max_group.
constexpr int kMostDevices = 1'000'000;

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

// Why no task has such a group; "" where one may.
std::string WhyNoTask(const GroupAssumptions& assumptions,
                      const GraphParameters& parameters) {
  constexpr absl::string_view kNone = "no task has such a group: ";
  if (assumptions.coordinator == CoordinatorTrust::kMalicious &&
      assumptions.num_devices > protocol::kMaxCompleteGroup) {
    return absl::StrCat(
        kNone, "where the coordinator is malicious, ",
        "secure_aggregation.max_group is ", protocol::kMaxCompleteGroup,
        " at most, and larger cohorts are split; ask with --devices ",
        protocol::kMaxCompleteGroup);
  }
  const absl::Status fits = secure_aggregation::CheckMessageSizes(
      parameters.num_neighbors,
      assumptions.coordinator != CoordinatorTrust::kHonest);
  return fits.ok() ? "" : absl::StrCat(kNone, fits.message());
}

nlohmann::ordered_json ParametersJson(const GroupAssumptions& assumptions,
                                      const GraphParameters& parameters) {
  nlohmann::ordered_json json = {{"num_neighbors", parameters.num_neighbors},
                                 {"threshold", parameters.threshold},
                                 {"complete_graph", parameters.complete_graph},
                                 {"min_survivors", parameters.min_survivors}};
  if (const std::string why = WhyNoTask(assumptions, parameters);
      !why.empty()) {
    json["note"] = why;
  }
  return json;
}

std::string ParametersText(const GroupAssumptions& assumptions,
                           const GraphParameters& parameters) {
  std::string text = FieldsText(
      {{"neighbors", absl::StrCat(parameters.num_neighbors)},
       {"threshold", absl::StrCat(parameters.threshold)},
       {"graph", parameters.complete_graph ? "complete" : "random, regular"},
       {"min survivors", absl::StrCat(parameters.min_survivors)}});
  if (const std::string why = WhyNoTask(assumptions, parameters);
      !why.empty()) {
    absl::StrAppend(&text, "note: ", why, "\n");
  }
  return text;
}

absl::Status PrintParameters(Shell& shell, Options options) {
  SHOAL_ASSIGN_OR_RETURN(options.assumptions.coordinator,
                         TrustOf(options.coordinator));
  const int devices = options.assumptions.num_devices;
  if (devices < kFewestDevices || devices > kMostDevices) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--devices ", devices, ", expected ", kFewestDevices, " to ",
        kMostDevices,
        ": tasks have no other groups (secure_aggregation.min_group and "
        "max_group)"));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const GraphParameters parameters,
      secure_aggregation::FindGraphParameters(options.assumptions));
  shell.Print([&] { return ParametersJson(options.assumptions, parameters); },
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
