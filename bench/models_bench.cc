// Which model fits a device: what models take in bytes and how well they do in
// federations, the deployed round engine and device sessions in one process.
// Prints the table of docs/how-to/which-model-fits.md.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "bench/model_zoo.h"

namespace shoal::bench {
namespace {

struct Options {
  std::string data_folder;
  int seeds = 1;
  std::vector<std::string> only;
  std::string json;
};

// In [0, 1], a value per seed; by model and federation.
using Accuracies =
    std::map<std::string, std::map<std::string, std::vector<double>>>;

std::vector<ZooModel> ChosenModels(const Options& options) {
  std::vector<ZooModel> models = ZooModels();
  if (options.only.empty()) return models;
  std::erase_if(models, [&](const ZooModel& model) {
    const std::string name = model.spec.ToString();
    return std::none_of(
        options.only.begin(), options.only.end(),
        [&](const std::string& part) { return absl::StrContains(name, part); });
  });
  return models;
}

bool TrainedIn(const ZooModel& model, const ZooFederation& federation) {
  return std::find(model.federations.begin(), model.federations.end(),
                   federation.name) != model.federations.end();
}

// Adds to `accuracies`; says on standard error what it does.
absl::Status TrainAll(const std::vector<ZooModel>& models,
                      const ZooFederation& federation, const Options& options,
                      uint64_t seed, Accuracies& accuracies) {
  std::vector<const ZooModel*> trained;
  for (const ZooModel& model : models) {
    if (TrainedIn(model, federation)) trained.push_back(&model);
  }
  if (trained.empty()) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const LoadedFederation loaded,
                         LoadFederation(federation, options.data_folder, seed));
  for (const ZooModel* model : trained) {
    const std::string name = model->spec.ToString();
    SHOAL_ASSIGN_OR_RETURN(const double accuracy,
                           FederatedAccuracy(loaded, *model));
    absl::FPrintF(stderr, "%s, %s, seed %d: %.2f %%\n", federation.name, name,
                  seed, 100 * accuracy);
    accuracies[name][federation.name].push_back(accuracy);
  }
  return absl::OkStatus();
}

absl::StatusOr<Accuracies> MeasureAccuracies(
    const std::vector<ZooModel>& models, const Options& options) {
  Accuracies accuracies;
  for (int seed = 1; seed <= options.seeds; ++seed) {
    for (const ZooFederation& federation : ZooFederations()) {
      if (federation.has_files && options.data_folder.empty()) continue;
      SHOAL_RETURN_IF_ERROR(
          TrainAll(models, federation, options, seed, accuracies));
    }
  }
  return accuracies;
}

std::string Percent(const std::vector<double>& values) {
  if (values.empty()) return "–";
  double sum = 0;
  for (const double value : values) sum += value;
  return absl::StrFormat("%.1f %%", 100 * sum / values.size());
}

std::string Kib(int64_t bytes) {
  const double kib = static_cast<double>(bytes) / 1024;
  return kib < 10 ? absl::StrFormat("%.1f", kib) : absl::StrFormat("%.0f", kib);
}

void PrintRow(const std::vector<std::string>& cells) {
  absl::PrintF("| %s |\n", absl::StrJoin(cells, " | "));
}

// Prints the table and returns what --json says.
nlohmann::json Report(const std::vector<ZooModel>& models,
                      Accuracies& accuracies) {
  std::vector<std::string> header = {"model", "parameters", "train, KiB",
                                     "train, least", "predict, KiB"};
  for (const ZooFederation& federation : ZooFederations()) {
    header.push_back(federation.name);
  }
  PrintRow(header);
  std::vector<std::string> rules(header.size(), "---:");
  rules[0] = "---";
  PrintRow(rules);
  nlohmann::json rows = nlohmann::json::array();
  for (const ZooModel& model : models) {
    const std::string name = model.spec.ToString();
    const ModelBytes bytes = BytesOf(model.spec);
    std::vector<std::string> cells = {name, absl::StrCat(bytes.parameters),
                                      Kib(bytes.train), Kib(bytes.train_least),
                                      Kib(bytes.predict)};
    for (const ZooFederation& federation : ZooFederations()) {
      cells.push_back(Percent(accuracies[name][federation.name]));
    }
    PrintRow(cells);
    rows.push_back({{"model", name},
                    {"parameters", bytes.parameters},
                    {"train_bytes", bytes.train},
                    {"train_least_bytes", bytes.train_least},
                    {"predict_bytes", bytes.predict},
                    {"learning_rate", model.learning_rate},
                    {"accuracy", accuracies[name]}});
  }
  return rows;
}

absl::Status Run(const Options& options) {
  const std::vector<ZooModel> models = ChosenModels(options);
  if (models.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--only ", absl::StrJoin(options.only, ","), ": no model's name has ",
        "that in it; see the table without --only"));
  }
  SHOAL_ASSIGN_OR_RETURN(Accuracies accuracies,
                         MeasureAccuracies(models, options));
  const nlohmann::json document = {{"benchmark", "models"},
                                   {"version", LongVersion()},
                                   {"seeds", options.seeds},
                                   {"models", Report(models, accuracies)}};
  if (options.json.empty()) return absl::OkStatus();
  return WriteFileAtomically(options.json, document.dump(2) + "\n");
}

}  // namespace
}  // namespace shoal::bench

int main(int argc, char** argv) {
  shoal::bench::Options options;
  CLI::App app(
      "What models take in bytes and how well they do in federations: the\n"
      "table of docs/how-to/which-model-fits.md. One core; the largest model\n"
      "takes most of the time.\n"
      "Example: script/bench models --data DIR --only logistic,mlp");
  app.add_option("--data", options.data_folder,
                 "folder of mnist/ and uci_har/; without, only the built-in "
                 "handwriting is trained on")
      ->envname("SHOAL_DATA_DIR");
  app.add_option("--seeds", options.seeds,
                 "repetitions with other shares and initial models, of which "
                 "the mean is shown; 0: bytes only (default: 1)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--only", options.only, "models with these in their names")
      ->delimiter(',');
  app.add_option("--json", options.json, "write the result to this file");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = shoal::bench::Run(options);
  if (!status.ok()) {
    absl::FPrintF(stderr, "models: %s\n", status.message());
    return 1;
  }
  return 0;
}
