// How many values of privacy noise one core draws in a second of processor
// time, from the system's generator, and how much the bare generator gives.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/file.h"
#include "base/random.h"
#include "base/version.h"
#include "privacy/differential_privacy/exact_samplers.h"
#include "privacy/differential_privacy/integer_noise.h"

namespace shoal::bench {
namespace {

struct Options {
  int repetitions = 9;
  int64_t values = 1 << 21;
  std::string json;
};

// The median of values per second.
double Rate(const Options& options, int64_t values,
            const std::function<void()>& work) {
  std::vector<double> rates;
  for (int i = 0; i < options.repetitions; ++i) {
    const std::clock_t start = std::clock();
    work();
    const double seconds =
        static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    rates.push_back(static_cast<double>(values) / seconds);
  }
  std::nth_element(rates.begin(), rates.begin() + rates.size() / 2,
                   rates.end());
  return rates[rates.size() / 2];
}

void Report(nlohmann::json& results, const std::string& what, double rate) {
  absl::PrintF("%-44s %10.1f\n", what, rate / 1e6);
  results.push_back({{"what", what}, {"values_per_second", rate}});
}

template <typename Sampler>
void Measure(const Options& options, const std::string& what,
             const absl::StatusOr<Sampler>& sampler, nlohmann::json& results) {
  SHOAL_CHECK(sampler.ok());
  SystemRng rng;
  std::vector<int64_t> values(options.values);
  Report(results, what, Rate(options, options.values, [&] {
           sampler->Fill(rng, absl::MakeSpan(values));
         }));
}

void MeasureExact(const Options& options, nlohmann::json& results) {
  SystemRng rng;
  privacy::RandomWords words(rng);
  const int64_t values = std::max<int64_t>(options.values / 64, 1);
  Report(results, "discrete Gaussian one by one, sigma 10",
         Rate(options, values, [&] {
           for (int64_t i = 0; i < values; ++i) {
             privacy::DiscreteGaussian({100, 1}, words);
           }
         }));
}

int Run(const Options& options) {
  absl::PrintF("Noise on one core, median of %d; shoal %s\n\n",
               options.repetitions, LongVersion());
  absl::PrintF("%-44s %10s\n", "what", "million/s");
  nlohmann::json results = nlohmann::json::array();
  std::vector<uint8_t> bytes(4096);
  SystemRng rng;
  Report(results, "words of the bare generator",
         Rate(options, options.values, [&] {
           for (int64_t i = 0; i < options.values / 512; ++i) {
             rng.Fill(absl::MakeSpan(bytes));
           }
         }));
  for (const double sigma : {1.0, 10.0, 100.0, 1e4, 0x1p20, 0x1p40}) {
    Measure(options, absl::StrFormat("discrete Gaussian, sigma %g", sigma),
            privacy::DiscreteGaussianSampler::Create(sigma), results);
  }
  for (const double sigma : {1.0, 100.0, 4000.0}) {
    Measure(options, absl::StrFormat("Skellam, sigma %g", sigma),
            privacy::SkellamSampler::Create(sigma * sigma), results);
  }
  MeasureExact(options, results);
  if (options.json.empty()) return 0;
  const nlohmann::json document = {
      {"benchmark", "noise"}, {"version", LongVersion()}, {"results", results}};
  const absl::Status written =
      WriteFileAtomically(options.json, document.dump(2) + "\n");
  if (!written.ok()) {
    absl::FPrintF(stderr, "%s\n", written.message());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace shoal::bench

int main(int argc, char** argv) {
  shoal::bench::Options options;
  CLI::App app(
      "How fast privacy noise is drawn.\n"
      "Example: script/bench noise --json noise.json");
  app.add_option("--repetitions", options.repetitions, "measurements")
      ->check(CLI::PositiveNumber);
  app.add_option("--values", options.values, "values of each measurement")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "write the result to this file");
  CLI11_PARSE(app, argc, argv);
  return shoal::bench::Run(options);
}
