#include "tests/integration/fedprox_curves.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/child_process.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

constexpr int kSeeds = 3;
constexpr int kFirstRound = 10;

using Row = std::map<std::string, std::string>;

std::vector<Row> ReadCsv(const std::string& path) {
  const auto text = ReadFile(path);
  EXPECT_THAT(text, IsOk());
  const std::vector<std::string> lines =
      absl::StrSplit(text.value_or(""), '\n', absl::SkipEmpty());
  std::vector<Row> rows;
  if (lines.empty()) return rows;
  const std::vector<std::string> names = absl::StrSplit(lines[0], ',');
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> values = absl::StrSplit(lines[i], ',');
    Row& row = rows.emplace_back();
    for (size_t k = 0; k < std::min(names.size(), values.size()); ++k) {
      row[names[k]] = values[k];
    }
  }
  return rows;
}

double Number(const Row& row, const std::string& name) {
  double value = 0;
  const auto found = row.find(name);
  EXPECT_TRUE(found != row.end() && absl::SimpleAtod(found->second, &value))
      << name;
  return value;
}

struct Moments {
  double mean = 0;
  double deviation = 0;  // of the sample
};

Moments MomentsOf(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  Moments moments;
  for (const double value : values) moments.mean += value / count;
  for (const double value : values) {
    moments.deviation += (value - moments.mean) * (value - moments.mean);
  }
  moments.deviation = std::sqrt(moments.deviation / (count - 1));
  return moments;
}

// An algorithm, in the scenario's words and in the reference's.
struct Variant {
  std::string algorithm;
  std::string drop;
  std::string reference;
};

const Variant kVariants[] = {{"{fedavg: {}}", "true", "fedavg"},
                             {"{fedprox: {mu: 0}}", "false", "fedprox_mu0"},
                             {"{fedprox: {mu: 1}}", "false", "fedprox_mu1"}};

// Rounds of every seed, committed ones, by their numbers.
std::vector<std::map<int, Row>> Run(const FedProxData& data,
                                    const Variant& variant,
                                    const std::string& fraction, int rounds) {
  const TemporaryFolder folder;
  const std::string bin =
      std::filesystem::path(ExecutableFolder()).parent_path() / "bin/shoal-sim";
  const std::string scenario =
      absl::StrCat(std::getenv("SHOAL_SOURCE_DIR"),
                   "/examples/scenarios/fedprox-synthetic.yaml");
  const std::string out = folder.path() + "/out";
  const auto process = ChildProcess::Start(
      {.command = {bin, "sweep", scenario, "--seeds", absl::StrCat(kSeeds),
                   "--out", out, "--set",
                   absl::StrCat("population.data={synthetic: {", data.settings,
                                "}}"),
                   "--set", "algorithm=" + variant.algorithm, "--set",
                   "simulation.stragglers.drop=" + variant.drop, "--set",
                   "simulation.stragglers.fraction=" + fraction, "--set",
                   absl::StrCat("rounds=", rounds), "--set",
                   "simulation.evaluate_every=10"},
       .environment = {"TMPDIR=" + folder.path()},
       .log_path = folder.path() + "/log"});
  EXPECT_THAT(process, IsOk());
  const auto exit = (*process)->Wait(absl::Minutes(5));
  EXPECT_TRUE(exit.has_value() && exit->code == 0)
      << TailOfFile(folder.path() + "/log", 20);
  std::vector<std::map<int, Row>> seeds;
  for (int seed = 0; seed < kSeeds; ++seed) {
    std::map<int, Row>& committed = seeds.emplace_back();
    for (Row& row :
         ReadCsv(absl::StrCat(out, "/run/seed-", seed, "/rounds.csv"))) {
      if (row["state"] != "committed") continue;
      committed[static_cast<int>(Number(row, "round"))] = row;
    }
  }
  return seeds;
}

void Compare(const std::vector<std::map<int, Row>>& seeds, const Row& reference,
             CurveDistances& distances) {
  const int round = static_cast<int>(Number(reference, "round"));
  for (const auto& [ours, theirs] : {std::pair("fleet_loss", "train_loss"),
                                     std::pair("test_accuracy", "test_acc")}) {
    std::vector<double> values;
    for (const auto& rows : seeds) {
      ASSERT_TRUE(rows.contains(round)) << round;
      values.push_back(Number(rows.at(round), ours));
    }
    const Moments found = MomentsOf(values);
    const double mean = Number(reference, absl::StrCat(theirs, "_mean"));
    // Theirs is of the population of its seeds.
    const double deviation = Number(reference, absl::StrCat(theirs, "_sd")) *
                             std::sqrt(kSeeds / (kSeeds - 1.0));
    const double unit = std::hypot(found.deviation, deviation);
    distances.points.push_back(
        {absl::StrFormat("%s of %s in round %d: %.4f ± %.4f, expected %.4f "
                         "± %.4f",
                         ours, reference.at("algorithm"), round, found.mean,
                         found.deviation, mean, deviation),
         std::abs(found.mean - mean) / unit});
  }
}

}  // namespace

int CurveDistances::CountBeyond(double units) const {
  return static_cast<int>(std::count_if(
      points.begin(), points.end(),
      [&](const Point& point) { return !(point.units <= units); }));
}

std::string CurveDistances::Worst() const {
  const auto worst = std::max_element(
      points.begin(), points.end(),
      [](const Point& a, const Point& b) { return a.units < b.units; });
  if (worst == points.end()) return "no points";
  return absl::StrFormat("%s: %.1f units", worst->where, worst->units);
}

CurveDistances CompareFedProx(const FedProxData& data,
                              const std::string& fraction, int rounds) {
  CurveDistances distances;
  const std::vector<Row> reference =
      ReadCsv(ReferenceDir() + "/federated/reference_curves.csv");
  for (const Variant& variant : kVariants) {
    std::vector<std::map<int, Row>> seeds;
    for (const Row& row : reference) {
      const double round = Number(row, "round");
      if (row.at("dataset") != data.name || row.at("init") != "zeros" ||
          row.at("algorithm") != variant.reference ||
          row.at("straggler_frac") != fraction || round < kFirstRound ||
          round > rounds) {
        continue;
      }
      if (seeds.empty()) seeds = Run(data, variant, fraction, rounds);
      Compare(seeds, row, distances);
      if (::testing::Test::HasFatalFailure()) return distances;
    }
  }
  return distances;
}

}  // namespace shoal::testing
