#include "simulations/live/live_options.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "simulations/results/built_in_scenarios.h"

namespace shoal::simulations {
namespace {

using configuration::Scenario;

constexpr double kDefaultMu = 0.1;
constexpr double kDefaultAlpha = 0.3;
// As the task's schema has it.
constexpr int kSmallestGroup = 3;

absl::Status Usage(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::Status ApplyColumns(const LiveOptions& options,
                          learning::CsvSource& csv) {
  if (!options.label.empty() && !options.target.empty()) {
    return Usage("--label and --target: expected one of them");
  }
  if (!options.label.empty()) {
    csv.label = options.label;
    csv.target.clear();
  }
  if (!options.target.empty()) {
    csv.target = options.target;
    csv.label.clear();
  }
  if (!options.device.empty()) csv.device = options.device;
  if (csv.label.empty() && csv.target.empty()) {
    return Usage(
        "--data csv:FILE needs --label COLUMN, the class to predict, or "
        "--target COLUMN, the value");
  }
  return absl::OkStatus();
}

absl::Status ApplyData(const LiveOptions& options, Scenario& scenario) {
  if (options.data.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(scenario.data,
                           learning::ParseDataSource(*options.data));
    scenario.partition.reset();
    if (auto* hand =
            std::get_if<learning::HandwritingSource>(&scenario.data.kind)) {
      hand->seed = scenario.seed;
    }
  }
  auto* csv = std::get_if<learning::CsvSource>(&scenario.data.kind);
  if (csv != nullptr) return ApplyColumns(options, *csv);
  if (!options.label.empty()) return Usage("--label needs --data csv:FILE");
  if (!options.target.empty()) return Usage("--target needs --data csv:FILE");
  if (!options.device.empty()) return Usage("--device needs --data csv:FILE");
  return absl::OkStatus();
}

void MakePathAbsolute(learning::DataSource& data) {
  std::visit(
      [](auto& source) {
        if constexpr (requires { source.path; }) {
          std::error_code error;  // then reading says what is wrong
          const auto path = std::filesystem::absolute(source.path, error);
          if (!error) source.path = path.string();
        }
      },
      data.kind);
}

absl::Status ApplyAlgorithm(const LiveOptions& options, Scenario& scenario) {
  learning::LocalAlgorithm& algorithm = scenario.task.algorithm;
  if (options.algorithm == "fedavg") {
    algorithm = learning::FedAvgLocal{};
  } else if (options.algorithm == "fedprox") {
    algorithm = learning::FedProxLocal{kDefaultMu};
  } else if (options.algorithm == "fednova") {
    algorithm = learning::FedNovaLocal{};
  } else if (options.algorithm.has_value()) {
    return Usage(absl::StrCat("--algorithm ", *options.algorithm,
                              ", expected fedavg, fedprox or fednova"));
  }
  if (!options.mu.has_value()) return absl::OkStatus();
  auto* prox = std::get_if<learning::FedProxLocal>(&algorithm);
  if (prox == nullptr) return Usage("--mu needs --algorithm fedprox");
  if (!(*options.mu >= 0 && *options.mu <= 1e6)) {
    return Usage(absl::StrCat("--mu ", *options.mu, ", expected 0 to 1000000"));
  }
  prox->mu = *options.mu;
  return absl::OkStatus();
}

absl::Status ApplyPartition(const LiveOptions& options, Scenario& scenario) {
  if (options.partition == "iid") {
    scenario.partition = learning::IidPartition{};
  } else if (options.partition == "dirichlet") {
    scenario.partition = learning::DirichletPartition{kDefaultAlpha};
  } else if (options.partition == "natural") {
    scenario.partition = learning::NaturalPartition{};
  } else if (options.partition.has_value()) {
    return Usage(absl::StrCat("--partition ", *options.partition,
                              ", expected iid, dirichlet or natural"));
  }
  if (!options.alpha.has_value()) return absl::OkStatus();
  if (!(*options.alpha > 0 && std::isfinite(*options.alpha))) {
    return Usage(
        absl::StrCat("--alpha ", *options.alpha, ", expected more than 0"));
  }
  if (options.partition.value_or("dirichlet") != "dirichlet") {
    return Usage("--alpha needs --partition dirichlet");
  }
  scenario.partition = learning::DirichletPartition{*options.alpha};
  return absl::OkStatus();
}

absl::Status ApplyDevices(const LiveOptions& options, Scenario& scenario) {
  const int devices = options.devices.value_or(scenario.devices);
  if (devices < 1 || devices > kMaxDevices) {
    return Usage(absl::StrCat(devices, " devices, expected 1 to ", kMaxDevices,
                              ": every device is a process of its own"));
  }
  if (devices == scenario.devices) return absl::OkStatus();
  configuration::RoundPolicy& round = scenario.task.round;
  const double share = static_cast<double>(devices) / scenario.devices;
  // Rounded down, so that the devices suffice wherever they did before.
  const auto scaled = [&](int count) {
    return std::max(1, static_cast<int>(std::floor(count * share)));
  };
  round.cohort = scaled(round.cohort);
  round.min_reports = std::min(round.cohort, scaled(round.min_reports));
  if (round.asynchronous.has_value()) {
    round.asynchronous->concurrency = scaled(round.asynchronous->concurrency);
  }
  scenario.devices = devices;
  return absl::OkStatus();
}

// The built-in scenarios ask for it. A round of few devices has small groups.
absl::Status ApplySecureAggregation(const LiveOptions& options,
                                    Scenario& scenario) {
  auto& settings = scenario.task.secure_aggregation;
  if (options.no_secure_aggregation) settings.reset();
  if (!settings.has_value() || !options.devices.has_value()) {
    return absl::OkStatus();
  }
  if (scenario.devices < kSmallestGroup) {
    return Usage(absl::StrCat(
        "--devices ", scenario.devices, ", expected at least ", kSmallestGroup,
        ": of fewer, a sum hides nothing; or --no-secure-aggregation"));
  }
  configuration::RoundPolicy& round = scenario.task.round;
  round.cohort = std::max(round.cohort, kSmallestGroup);
  settings->min_group = std::clamp(settings->min_group, kSmallestGroup,
                                   std::max(round.min_reports, kSmallestGroup));
  return absl::OkStatus();
}

absl::Status ApplyRounds(const LiveOptions& options, Scenario& scenario) {
  if (!options.rounds.has_value()) return absl::OkStatus();
  if (*options.rounds < 1 || *options.rounds > 10'000'000) {
    return Usage(
        absl::StrCat("--rounds ", *options.rounds, ", expected 1 to 10000000"));
  }
  scenario.task.rounds = *options.rounds;
  return absl::OkStatus();
}

absl::StatusOr<Scenario> BuiltIn(absl::string_view name) {
  const BuiltInScenario* built_in = FindBuiltInScenario(name);
  SHOAL_CHECK(built_in != nullptr);
  return configuration::ParseScenario(built_in->yaml,
                                      absl::StrCat(name, ".yaml"));
}

absl::StatusOr<Scenario> LoadOrBuiltIn(const LiveOptions& options) {
  if (!options.scenario.empty()) {
    return configuration::LoadScenario(options.scenario);
  }
  if (!options.target.empty()) return BuiltIn("regression");
  if (options.data.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(const learning::DataSource data,
                           learning::ParseDataSource(*options.data));
    if (std::holds_alternative<learning::TextSource>(data.kind)) {
      return BuiltIn("text");
    }
  }
  return BuiltIn(options.mixed ? "mixed" : "demo");
}

// A federation that can never fill a round would run until its deadlines.
absl::Status CheckRounds(const Scenario& scenario) {
  if (scenario.task.round.min_reports > scenario.devices) {
    return Usage(absl::StrCat("round.min_reports is ",
                              scenario.task.round.min_reports,
                              ", expected at most the ", scenario.devices,
                              " devices of the population"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Scenario> ResolveScenario(const LiveOptions& options) {
  SHOAL_ASSIGN_OR_RETURN(Scenario scenario, LoadOrBuiltIn(options));
  if (options.seed.has_value()) {
    scenario.seed = *options.seed;
    scenario.task.seed = *options.seed;
    if (auto* hand =
            std::get_if<learning::HandwritingSource>(&scenario.data.kind)) {
      hand->seed = *options.seed;
    }
  }
  SHOAL_RETURN_IF_ERROR(ApplyData(options, scenario));
  SHOAL_RETURN_IF_ERROR(ApplyAlgorithm(options, scenario));
  SHOAL_RETURN_IF_ERROR(ApplyPartition(options, scenario));
  SHOAL_RETURN_IF_ERROR(ApplyDevices(options, scenario));
  SHOAL_RETURN_IF_ERROR(ApplySecureAggregation(options, scenario));
  SHOAL_RETURN_IF_ERROR(ApplyRounds(options, scenario));
  SHOAL_RETURN_IF_ERROR(CheckRounds(scenario));
  MakePathAbsolute(scenario.data);
  return scenario;
}

void AdaptModel(const learning::DataShape& shape, Scenario& scenario) {
  learning::ModelSpec& model = scenario.task.model;
  const int outputs =
      shape.num_targets > 0 ? shape.num_targets : shape.num_classes;
  std::visit(
      [&](auto& spec) {
        if constexpr (requires { spec.inputs; }) {
          spec.inputs = shape.num_features;
        }
        if constexpr (requires { spec.outputs; }) spec.outputs = outputs;
        if constexpr (requires { spec.vocabulary; }) {
          spec.vocabulary = outputs;
          spec.length = shape.num_features;
        }
      },
      model.architecture);
  if (std::holds_alternative<learning::CsvSource>(scenario.data.kind)) {
    model.preprocessing.standardise = true;
  }
  if (shape.missing_values) model.preprocessing.impute = true;
}

}  // namespace shoal::simulations
