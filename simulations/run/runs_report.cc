#include "simulations/run/runs_report.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "configuration/yaml_edit.h"
#include "simulations/report/report_html.h"
#include "simulations/run/run_tables.h"

namespace shoal::simulations {
namespace {

using Json = nlohmann::json;

// A table of ours: no quotes, no commas in values.
class Table {
 public:
  static absl::StatusOr<Table> Read(const std::string& path) {
    SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    Table table;
    std::vector<std::string> lines =
        absl::StrSplit(text, '\n', absl::SkipEmpty());
    if (lines.empty()) return Damaged(path, 1, "is empty");
    table.names_ = absl::StrSplit(lines[0], ',');
    for (size_t i = 1; i < lines.size(); ++i) {
      std::vector<std::string> row = absl::StrSplit(lines[i], ',');
      if (row.size() != table.names_.size()) {
        return Damaged(path, i + 1,
                       absl::StrCat("has ", row.size(), " values, expected ",
                                    table.names_.size()));
      }
      table.rows_.push_back(std::move(row));
    }
    return table;
  }

  const std::vector<std::string>& names() const { return names_; }
  const std::vector<std::vector<std::string>>& rows() const { return rows_; }
  // Empty: no such column.
  std::vector<std::string> Texts(absl::string_view name) const {
    std::vector<std::string> texts;
    const auto found = absl::c_find(names_, name);
    if (found == names_.end()) return texts;
    const auto column = static_cast<size_t>(found - names_.begin());
    for (const auto& row : rows_) texts.push_back(row[column]);
    return texts;
  }
  // What is empty, or no number, was not measured.
  std::vector<double> Column(absl::string_view name) const {
    std::vector<double> values;
    for (const std::string& text : Texts(name)) {
      double value = kNotMeasured;
      if (!absl::SimpleAtod(text, &value)) value = kNotMeasured;
      values.push_back(value);
    }
    return values;
  }

 private:
  static absl::Status Damaged(const std::string& path, size_t line,
                              absl::string_view what) {
    return absl::DataLossError(absl::StrCat(path, ":", line, ": ", what));
  }
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> rows_;
};

void Accumulate(std::vector<double>& values) {
  double sum = 0;
  for (double& value : values) value = sum += value;
}

absl::StatusOr<ReportRounds> ReadRounds(const std::string& folder) {
  SHOAL_ASSIGN_OR_RETURN(const Table table,
                         Table::Read(folder + "/rounds.csv"));
  // A round that failed is tried again under the same number: what it cost and
  // whom it lost count, it is no point of a curve. The last one is, where the
  // run ended with it: without a model, there are no scores.
  std::vector<size_t> shown;
  for (size_t i = 0; i < table.rows().size(); ++i) {
    if (absl::c_linear_search(table.rows()[i], "committed") ||
        i + 1 == table.rows().size()) {
      shown.push_back(i);
    }
  }
  const auto points = [&](std::vector<double> values) {
    std::vector<double> chosen;
    if (values.empty()) return chosen;
    for (const size_t i : shown) chosen.push_back(values[i]);
    return chosen;
  };
  // Of all attempts at a round.
  const auto attempts = [&](absl::string_view name) {
    const std::vector<double> values = table.Column(name);
    std::vector<double> sums;
    if (values.empty()) return sums;
    size_t next = 0;
    for (const size_t i : shown) {
      double& sum = sums.emplace_back(0);
      for (; next <= i; ++next) sum += values[next];
    }
    return sums;
  };
  const auto column = [&](absl::string_view name) {
    return points(table.Column(name));
  };
  const auto total = [&](absl::string_view name) {
    std::vector<double> values = table.Column(name);
    Accumulate(values);
    return points(std::move(values));
  };
  ReportRounds rounds;
  rounds.round = column("round");
  rounds.virtual_seconds = column("virtual_seconds");
  rounds.bytes_down = total("bytes_down");
  rounds.bytes_up = total("bytes_up");
  rounds.energy_joules = total("energy_joules");
  rounds.epsilon = column("epsilon");
  // On all training examples where that was scored, else on the cohort's.
  rounds.train_loss = column("fleet_loss");
  if (absl::c_none_of(rounds.train_loss, [](double x) { return x >= 0; })) {
    rounds.train_loss = column("train_loss");
  }
  rounds.test_loss = column("test_loss");
  rounds.test_accuracy = column("test_accuracy");
  rounds.assigned = attempts("assigned");
  rounds.reported = attempts("reported");
  // Who is sent away with an assignment in hand comes too late, and so does who
  // is at work when all is over.
  rounds.stragglers = attempts("refused");
  const std::vector<double> under_way = attempts(kUnderWay);
  for (size_t i = 0; i < under_way.size(); ++i) {
    rounds.stragglers[i] += under_way[i];
  }
  for (const absl::string_view loss : kLosses) {
    if (loss == "refused" || loss == kUnderWay) continue;
    std::vector<double> devices = attempts(loss);
    if (absl::c_all_of(devices, [](double n) { return n == 0; })) continue;
    rounds.dropouts.push_back(
        {absl::StrReplaceAll(loss, {{"_", " "}}), std::move(devices)});
  }
  return rounds;
}

absl::StatusOr<Json> ReadJson(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::DataLossError(absl::StrCat(path, ": is no JSON object"));
  }
  return json;
}

double NumberOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<double>()
                                                   : kNotMeasured;
}

std::string TextOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : "";
}

ReportSummary SummaryOf(const Json& json) {
  ReportSummary summary;
  summary.final_test_accuracy = NumberOf(json, "final_test_accuracy");
  summary.final_test_loss = NumberOf(json, "final_test_loss");
  summary.rounds_completed = NumberOf(json, "rounds_completed");
  summary.rounds_failed = NumberOf(json, "rounds_failed");
  summary.final_test_rmse = NumberOf(json, "final_test_rmse");
  summary.ended_early = TextOf(json, "ended_early");
  summary.wall_seconds = NumberOf(json, "wall_seconds");
  summary.samples_per_second = NumberOf(json, "samples_per_second");
  summary.peak_resident_bytes = NumberOf(json, "peak_resident_bytes");
  summary.virtual_seconds = NumberOf(json, "virtual_seconds");
  summary.bytes_up = NumberOf(json, "bytes_up");
  summary.bytes_down = NumberOf(json, "bytes_down");
  summary.energy_joules = NumberOf(json, "energy_joules");
  summary.epsilon = NumberOf(json, "epsilon");
  return summary;
}

absl::StatusOr<ReportDevices> ReadDevices(const std::string& folder,
                                          uint64_t total) {
  SHOAL_ASSIGN_OR_RETURN(const Table table,
                         Table::Read(folder + "/devices.csv"));
  ReportDevices devices;
  devices.total = total;
  const std::vector<double> own = table.Column("own_accuracy");
  const std::vector<double> alone = table.Column("alone_accuracy");
  for (size_t i = 0; i < own.size(); ++i) {
    if (!(own[i] >= 0)) continue;
    devices.federated_accuracy.push_back(own[i]);
    devices.alone_accuracy.push_back(i < alone.size() ? alone[i]
                                                      : kNotMeasured);
  }
  devices.on_test_examples =
      absl::c_linear_search(table.Texts("own_examples"), "test");
  devices.rounds_taken_part.resize(total);
  const std::vector<double> numbers = table.Column("device");
  const std::vector<double> counts = table.Column("contributions");
  for (size_t i = 0; i < std::min(numbers.size(), counts.size()); ++i) {
    if (!(numbers[i] >= 0 && numbers[i] < static_cast<double>(total)) ||
        !(counts[i] >= 0)) {
      return absl::DataLossError(
          absl::StrCat(folder, "/devices.csv:", i + 2, ": device ", numbers[i],
                       " of ", total, " with ", counts[i], " contributions"));
    }
    devices.rounds_taken_part[static_cast<size_t>(numbers[i])] =
        static_cast<uint32_t>(counts[i]);
  }
  return devices;
}

absl::StatusOr<ReportLabels> ReadLabels(const std::string& folder) {
  ReportLabels labels;
  const absl::StatusOr<Table> table = Table::Read(folder + "/labels.csv");
  if (absl::IsNotFound(table.status())) return labels;  // there are no classes
  SHOAL_RETURN_IF_ERROR(table.status());
  labels.classes.assign(table->names().begin() + 1, table->names().end());
  for (const auto& row : table->rows()) {
    labels.devices.push_back(row[0]);
    for (size_t i = 1; i < row.size(); ++i) {
      double count = 0;
      if (!absl::SimpleAtod(row[i], &count)) count = 0;
      labels.examples.push_back(count);
    }
  }
  return labels;
}

using Settings = std::map<std::string, std::string>;

bool IsSeed(const std::string& path) {
  return path == "seed" || absl::EndsWith(path, ".seed");
}

std::vector<double> NumbersOf(const Json& json, const char* name) {
  std::vector<double> numbers;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return numbers;
  for (const Json& value : *found) {
    numbers.push_back(value.is_number() ? value.get<double>() : kNotMeasured);
  }
  return numbers;
}

absl::StatusOr<ReportBaselines> ReadBaselines(const std::string& folder,
                                              const Json& summary) {
  ReportBaselines baselines;
  const std::vector<double> alone = NumbersOf(summary, "local_only_accuracy");
  if (!alone.empty()) {
    const double mean = MeanOf(alone);
    double squares = 0;
    for (const double value : alone) squares += (value - mean) * (value - mean);
    baselines.local_accuracy = mean;
    baselines.local_accuracy_deviation =
        std::sqrt(squares / static_cast<double>(alone.size()));
  }
  const std::vector<double> losses = NumbersOf(summary, "local_only_losses");
  if (!losses.empty()) baselines.local_loss = MeanOf(losses);
  const absl::StatusOr<Table> central = Table::Read(folder + "/central.csv");
  if (absl::IsNotFound(central.status())) return baselines;
  SHOAL_RETURN_IF_ERROR(central.status());
  baselines.central_round = central->Column("round");
  baselines.central_test_accuracy = central->Column("test_accuracy");
  baselines.central_test_loss = central->Column("test_loss");
  return baselines;
}

// "learning_rate 0.1"; "fedprox mu 1", where not every run has a fedprox.
std::string SettingText(const std::string& path, const std::string& value,
                        const std::vector<Settings>& all) {
  const size_t dot = path.rfind('.');
  std::string name = path.substr(dot + 1);
  if (value == "{}") return name;
  if (dot != std::string::npos) {
    const std::string parent = path.substr(0, dot + 1);
    const bool everywhere = absl::c_all_of(all, [&](const Settings& settings) {
      const auto first = settings.lower_bound(parent);
      return first != settings.end() && absl::StartsWith(first->first, parent);
    });
    if (!everywhere) {
      const size_t begin = path.rfind('.', dot - 1);
      name = absl::StrReplaceAll(path.substr(begin + 1), {{".", " "}});
    }
  }
  return absl::StrCat(name, " ", value);
}

// Whether runs that differ in this seed differ as repetitions do: together with
// the run's own seed, or in this one alone.
bool VariesWithTheSeed(const std::string& path,
                       const std::vector<Settings>& all) {
  std::map<std::string, std::set<std::string>> by_seed;
  const auto value = [](const Settings& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string() : found->second;
  };
  for (const Settings& settings : all) {
    by_seed[value(settings, "seed")].insert(value(settings, path));
  }
  return by_seed.size() == 1 || absl::c_all_of(by_seed, [](const auto& each) {
           return each.second.size() == 1;
         });
}

// Names that would fill the page are those of the tasks instead, and of the
// folders where that tells too little.
void Shorten(const std::vector<std::string>& folders,
             const std::vector<Settings>& all,
             std::vector<std::string>& names) {
  constexpr size_t kLongest = 80;
  if (absl::c_none_of(names, [](const std::string& name) {
        return name.size() > kLongest;
      })) {
    return;
  }
  std::map<std::string, std::set<std::string>> by_task;
  std::map<std::string, std::string> first_folder;
  for (size_t i = 0; i < names.size(); ++i) {
    by_task[all[i].at("task.name")].insert(names[i]);
    first_folder.emplace(names[i], folders[i]);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& task = all[i].at("task.name");
    names[i] = by_task[task].size() == 1 ? task : first_folder[names[i]];
  }
}

absl::StatusOr<std::vector<Settings>> ReadSettings(
    const std::vector<std::string>& folders) {
  std::vector<Settings> all;
  for (const std::string& folder : folders) {
    const std::string path = folder + "/scenario.yaml";
    SHOAL_ASSIGN_OR_RETURN(const std::string yaml, ReadFile(path));
    absl::StatusOr<Settings> settings = configuration::FlattenYaml(yaml);
    if (!settings.ok() || !settings->contains("task.name")) {
      return absl::DataLossError(absl::StrCat(
          path, ": ",
          settings.ok() ? "has no task.name" : settings.status().message()));
    }
    all.push_back(*std::move(settings));
  }
  return all;
}

// What each run has and not all have alike, but for seeds.
absl::StatusOr<std::vector<std::string>> NamesOf(
    const std::vector<std::string>& folders) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<Settings> all,
                         ReadSettings(folders));
  std::set<std::string> paths;
  for (const Settings& settings : all) {
    for (const auto& [name, value] : settings) paths.insert(name);
  }
  std::vector<std::vector<std::string>> parts(folders.size());
  for (const std::string& path : paths) {
    std::set<std::string> values;
    for (const Settings& settings : all) {
      const auto found = settings.find(path);
      values.insert(found == settings.end() ? "" : found->second);
    }
    const bool is_seed = IsSeed(path);
    if (values.size() == 1 || (is_seed && VariesWithTheSeed(path, all))) {
      continue;
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto found = all[i].find(path);
      if (found == all[i].end()) continue;
      parts[i].push_back(is_seed ? absl::StrCat(path, " ", found->second)
                                 : SettingText(path, found->second, all));
    }
  }
  std::vector<std::string> names;
  for (const auto& texts : parts) names.push_back(absl::StrJoin(texts, ", "));
  Shorten(folders, all, names);
  return names;
}

}  // namespace

absl::StatusOr<ReportRun> ReadRun(const std::string& folder) {
  SHOAL_ASSIGN_OR_RETURN(const Json json, ReadJson(folder + "/summary.json"));
  ReportRun run;
  run.name = TextOf(json, "name");
  run.algorithm = TextOf(json, "algorithm");
  const double seed = NumberOf(json, "seed");
  run.seed = seed >= 0 ? static_cast<uint64_t>(seed) : 0;
  run.summary = SummaryOf(json);
  if (const auto privacy = json.find("differential_privacy");
      privacy != json.end() && privacy->is_object()) {
    run.epsilon_budget = NumberOf(*privacy, "budget");
  }
  SHOAL_ASSIGN_OR_RETURN(run.rounds, ReadRounds(folder));
  if (std::isfinite(run.summary.final_test_rmse)) {
    for (const double loss : run.rounds.test_loss) {
      run.rounds.test_rmse.push_back(std::sqrt(loss));
    }
  }
  const double devices = NumberOf(json, "devices");
  if (!(devices >= 1)) {
    return absl::DataLossError(
        absl::StrCat(folder, "/summary.json: names no devices"));
  }
  SHOAL_ASSIGN_OR_RETURN(run.devices,
                         ReadDevices(folder, static_cast<uint64_t>(devices)));
  SHOAL_ASSIGN_OR_RETURN(run.labels, ReadLabels(folder));
  SHOAL_ASSIGN_OR_RETURN(run.baselines, ReadBaselines(folder, json));
  return run;
}

absl::StatusOr<std::vector<ReportRun>> ReadRuns(
    const std::vector<std::string>& folders) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         NamesOf(folders));
  std::vector<ReportRun> runs;
  for (size_t i = 0; i < folders.size(); ++i) {
    SHOAL_ASSIGN_OR_RETURN(ReportRun run, ReadRun(folders[i]));
    if (!names[i].empty()) run.name = names[i];
    runs.push_back(std::move(run));
  }
  return runs;
}

absl::StatusOr<std::optional<std::string>> WhyRunEnded(
    const std::string& folder) {
  SHOAL_ASSIGN_OR_RETURN(const Json json, ReadJson(folder + "/summary.json"));
  const std::string why = TextOf(json, "ended_early");
  return why.empty() ? std::nullopt : std::optional<std::string>(why);
}

namespace {

// What stands at the foot of the page about a run.
std::vector<std::string> NotesOf(const Json& summary) {
  std::vector<std::string> notes;
  if (NumberOf(summary, "private_parameters") > 0) {
    notes.push_back(
        "Accuracy and loss on held-out data are of models whose private "
        "layers have their initial values; accuracy on each device is with "
        "the device's own.");
  }
  const auto privacy = summary.find("differential_privacy");
  if (privacy != summary.end() && privacy->is_object()) {
    notes.push_back(absl::StrCat(
        "Differential privacy is simulated: noise is from a seeded generator. "
        "Of a real run with the same noise it could be said: ",
        TextOf(*privacy, "guarantee")));
  }
  const auto groups = summary.find("secure_aggregation");
  if (groups == summary.end() || !groups->is_object()) return notes;
  const double burnt = NumberOf(*groups, "groups_burnt");
  notes.push_back(absl::StrCat(
      "Secure aggregation",
      TextOf(*groups, "cryptography") == "skipped"
          ? " is simulated: keys and masks were skipped. "
          : ": the coordinator has learned sums of updates alone. ",
      NumberOf(*groups, "groups_formed"), " groups were formed",
      burnt > 0 ? absl::StrCat(", ", burnt, " could not finish: ",
                               TextOf(*groups, "last_burnt"))
                : "",
      "."));
  return notes;
}

}  // namespace

absl::Status WriteReport(const std::vector<std::string>& folders,
                         const std::string& path,
                         std::vector<std::string> notes) {
  ReportData report;
  report.notes = std::move(notes);
  for (const std::string& folder : folders) {
    SHOAL_ASSIGN_OR_RETURN(const Json json, ReadJson(folder + "/summary.json"));
    for (std::string& note : NotesOf(json)) {
      const bool is_known = absl::c_linear_search(report.notes, note);
      if (!is_known) report.notes.push_back(std::move(note));
    }
  }
  report.version = LongVersion();
  SHOAL_ASSIGN_OR_RETURN(report.runs, ReadRuns(folders));
  SHOAL_ASSIGN_OR_RETURN(const Json first,
                         ReadJson(folders[0] + "/summary.json"));
  report.title = TextOf(first, "name");
  return ReplaceFile(path, ReportHtml(report));
}

}  // namespace shoal::simulations
