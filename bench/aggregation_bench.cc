// Bytes of updates per second that one core checks and adds to a sum, beside a
// memory copy of the same bytes in the same run.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "aggregation/accumulator.h"
#include "aggregation/update_validation.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/version.h"
#include "learning/update_codec.h"

namespace shoal::bench {
namespace {

using aggregation::Accumulator;
using aggregation::WeightedUpdate;

constexpr uint64_t kSeed = 1;

struct Options {
  int64_t parameters = 1'000'000;
  std::vector<int> batches = {1, 8, 64};
  int repetitions = 7;
  std::string json;
};

// Gigabytes per second, the best of the repetitions, each of them as many runs
// of `work` as move about a gigabyte.
double BestRate(int repetitions, int64_t num_bytes,
                const std::function<void()>& work) {
  const RealClock clock;
  const int64_t runs = std::max<int64_t>(1, (int64_t{1} << 30) / num_bytes);
  double best = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const absl::Duration start = clock.Monotonic();
    for (int64_t run = 0; run < runs; ++run) work();
    const double seconds = absl::ToDoubleSeconds(clock.Monotonic() - start);
    best = std::max(best, runs * num_bytes / seconds / 1e9);
  }
  return best;
}

std::vector<std::string> RandomUpdates(int count, int64_t num_parameters) {
  SeededRng rng(kSeed);
  std::vector<float> delta(num_parameters);
  std::vector<std::string> updates;
  for (int i = 0; i < count; ++i) {
    for (float& x : delta) x = static_cast<float>(rng.Uniform() - 0.5) * 0.01f;
    updates.push_back(learning::EncodeUpdate(
        learning::UpdateCodec::kFloat32,
        {.num_examples = 100 + i, .num_steps = 10}, delta));
  }
  return updates;
}

nlohmann::json MeasureBatch(int batch, const Options& options) {
  const std::vector<std::string> updates =
      RandomUpdates(batch, options.parameters);
  const aggregation::UpdateBounds bounds = {
      .num_parameters = {options.parameters},
      .norm_bound = 1000,
      .max_examples = 1'000'000};
  int64_t num_bytes = 0;
  for (const std::string& update : updates) num_bytes += update.size();

  std::vector<std::string> copies(updates);
  const double copy = BestRate(options.repetitions, num_bytes, [&] {
    for (int i = 0; i < batch; ++i) {
      std::memcpy(copies[i].data(), updates[i].data(), updates[i].size());
    }
  });

  std::vector<aggregation::ValidUpdate> valid(batch);
  const auto check = [&] {
    for (int i = 0; i < batch; ++i) {
      auto update = aggregation::ValidateUpdate(updates[i], bounds);
      SHOAL_CHECK(update.ok());
      valid[i] = *std::move(update);
    }
  };
  const double checked = BestRate(options.repetitions, num_bytes, check);

  // A fresh sum would measure the kernel's zeroing of pages; the coordinator
  // folds into one that is warm. Its limit on updates is far away.
  const aggregation::FixedPointRange range = {
      .norm_bound = 1000, .max_weight = 1'000'000, .max_updates = 1 << 24};
  Accumulator sum(range, options.parameters);
  std::vector<WeightedUpdate> weighted;
  for (const aggregation::ValidUpdate& update : valid) {
    weighted.push_back(
        {update.decoded.delta, update.weight, update.decoded.report});
  }
  const double folded = BestRate(options.repetitions, num_bytes,
                                 [&] { sum.Add(weighted, nullptr); });

  absl::PrintF("%7d %10.1f %12.1f %12.1f %11.0f %%\n", batch, folded, checked,
               copy, 100 * folded / copy);
  return {{"batch", batch},
          {"fold_gb_per_second", folded},
          {"check_gb_per_second", checked},
          {"copy_gb_per_second", copy},
          {"fold_share_of_copy", folded / copy}};
}

int Run(const Options& options) {
  absl::PrintF("Updates of %d parameters, one core, seed %d; shoal %s\n\n",
               options.parameters, kSeed, LongVersion());
  absl::PrintF("%7s %10s %12s %12s %13s\n", "batch", "fold GB/s", "check GB/s",
               "memcpy GB/s", "fold/memcpy");
  nlohmann::json results = nlohmann::json::array();
  for (const int batch : options.batches) {
    results.push_back(MeasureBatch(batch, options));
  }
  if (options.json.empty()) return 0;
  const nlohmann::json document = {{"benchmark", "aggregation"},
                                   {"version", LongVersion()},
                                   {"seed", kSeed},
                                   {"parameters", options.parameters},
                                   {"batches", results}};
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
      "Checking and adding updates on one core, beside a memory copy.\n"
      "Example: script/bench aggregation --json aggregation.json");
  app.add_option("--parameters", options.parameters, "floats per update")
      ->check(CLI::PositiveNumber);
  app.add_option("--batches", options.batches, "updates folded at once")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--repetitions", options.repetitions, "measurements")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "write the result to this file");
  CLI11_PARSE(app, argc, argv);
  return shoal::bench::Run(options);
}
