// Runs whole federations of devices with the device half of FedAvg, FedProx and
// FedNova
// and compares them, round by round, with deterministic traces computed in
// float64 by a reference implementation (synthetic data of 30 devices, 20
// rounds of 10 devices, 2 epochs of batches of 10 in file order).
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "learning/local_update.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

constexpr int kDevices = 30;
constexpr int kRounds = 20;
constexpr int kFeatures = 60;
constexpr int kClasses = 10;

std::string Folder() { return testing::ReferenceDir() + "/federated"; }

// The values of an .npy file (version 1.0) of little-endian T.
template <typename T>
std::vector<T> ReadNpy(const std::string& name) {
  const std::string bytes =
      *ReadFile(absl::StrCat(Folder(), "/data/synthetic_1_1_", name, ".npy"));
  const size_t header = 10 + LoadU16(bytes.data() + 8);
  std::vector<T> values((bytes.size() - header) / sizeof(T));
  std::memcpy(values.data(), bytes.data() + header, values.size() * sizeof(T));
  return values;
}

std::vector<std::vector<std::string>> ReadCsv(const std::string& name) {
  std::istringstream lines(*ReadFile(Folder() + "/" + name));
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(lines, line);  // the names of the columns
  while (std::getline(lines, line)) rows.push_back(absl::StrSplit(line, ','));
  return rows;
}

double Number(const std::string& text) {
  double value = 0;
  EXPECT_TRUE(absl::SimpleAtod(text, &value)) << text;
  return value;
}

std::vector<InMemoryDataset> ReadDevices(const std::string& part) {
  const std::vector<float> x = ReadNpy<float>("x_" + part);
  const std::vector<uint8_t> y = ReadNpy<uint8_t>("y_" + part);
  const std::vector<int32_t> user = ReadNpy<int32_t>("user_" + part);
  std::vector<std::vector<float>> features(kDevices);
  std::vector<std::vector<int32_t>> labels(kDevices);
  for (size_t i = 0; i < y.size(); ++i) {
    std::vector<float>& rows = features.at(user[i]);
    rows.insert(rows.end(), x.begin() + i * kFeatures,
                x.begin() + (i + 1) * kFeatures);
    labels.at(user[i]).push_back(y[i]);
  }
  std::vector<InMemoryDataset> devices;
  for (int k = 0; k < kDevices; ++k) {
    devices.emplace_back(features[k], labels[k], kFeatures, kClasses);
  }
  return devices;
}

Score EvaluateAll(const Model& model, const ParameterVector& parameters,
                  const std::vector<InMemoryDataset>& devices) {
  Score total;
  for (const InMemoryDataset& device : devices) {
    total.Add(EvaluateDataset(model, parameters, device).value());
  }
  return total;
}

class GoldenTraceTest : public ::testing::Test {
 protected:
  // The new model: the mean of the updates, weighted by examples, times the
  // mean of what they have been divided by.
  ParameterVector Round(int round, const ParameterVector& base,
                        const LocalAlgorithm& algorithm) {
    std::vector<double> sum(base.size());
    double weight = 0;
    double divisors = 0;
    for (const auto& [k, epochs] : schedule_[round]) {
      const absl::StatusOr<LocalUpdate> update =
          ComputeLocalUpdate(*model_, base, train_[k],
                             {.epochs = epochs,
                              .batch_size = 10,
                              .learning_rate = 0.01,
                              .keep_order = true},
                             algorithm, LocalRun());
      EXPECT_THAT(update, testing::IsOk());
      weight += update->num_examples;
      divisors += update->num_examples * update->divisor;
      for (size_t i = 0; i < sum.size(); ++i) {
        sum[i] += static_cast<double>(update->num_examples) * update->delta[i];
      }
    }
    ParameterVector next = base;
    for (size_t i = 0; i < sum.size(); ++i) {
      next[i] += sum[i] / weight * (divisors / weight);
    }
    return next;
  }

  // Stragglers, if there are any, do one epoch instead of two.
  void ExpectTrace(const std::string& name, const LocalAlgorithm& algorithm,
                   bool stragglers = false) {
    train_ = ReadDevices("train");
    test_ = ReadDevices("test");
    schedule_.resize(kRounds);
    for (const auto& row : ReadCsv("golden_schedule.csv")) {
      const bool slow = stragglers && Number(row[3]) == 1;
      schedule_.at(Number(row[0]))
          .push_back({static_cast<int>(Number(row[2])), slow ? 1 : 2});
    }
    ParameterVector parameters(model_->layout().num_parameters());
    int rounds = 0;
    for (const auto& row : ReadCsv("golden_trace.csv")) {
      if (row[0] != name) continue;
      const int round = Number(row[1]);
      ASSERT_EQ(round, rounds++);
      if (round > 0) parameters = Round(round - 1, parameters, algorithm);
      ExpectRow(row, parameters);
    }
    EXPECT_EQ(rounds, kRounds + 1);
  }

  // Float32 against float64: the loss agrees to 5 digits, and at most one of
  // 1245 test examples may fall on the other side of a boundary.
  void ExpectRow(const std::vector<std::string>& row,
                 const ParameterVector& parameters) {
    double squares = 0;
    for (float w : parameters) squares += double{w} * w;
    const double loss = EvaluateAll(*model_, parameters, train_).loss();
    EXPECT_NEAR(loss, Number(row[2]), 1e-5 * loss) << "round " << row[1];
    EXPECT_NEAR(EvaluateAll(*model_, parameters, test_).accuracy().value(),
                Number(row[3]), 1.01 / 1245)
        << "round " << row[1];
    EXPECT_NEAR(std::sqrt(squares), Number(row[4]), 1e-5 * std::sqrt(squares))
        << "round " << row[1];
  }

  std::unique_ptr<Model> model_ =
      *Model::Create({LogisticSpec{kFeatures, kClasses}});
  std::vector<InMemoryDataset> train_;
  std::vector<InMemoryDataset> test_;
  struct Slot {
    int device;
    int epochs;
  };
  std::vector<std::vector<Slot>> schedule_;
};

TEST_F(GoldenTraceTest, FedAvgFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(Folder());
  ExpectTrace("fedavg", FedAvgLocal{});
}

TEST_F(GoldenTraceTest, FedProxFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(Folder());
  ExpectTrace("fedprox_mu1", FedProxLocal{1});
}

TEST_F(GoldenTraceTest, FedProxWithPartialWorkFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(Folder());
  ExpectTrace("fedprox_mu1_stragglers50_1epoch", FedProxLocal{1},
              /*stragglers=*/true);
}

TEST_F(GoldenTraceTest, FedNovaWithPartialWorkFollowsTheReference) {
  SHOAL_SKIP_WITHOUT(Folder());
  ExpectTrace("fednova_stragglers50_1epoch", FedNovaLocal{},
              /*stragglers=*/true);
}

}  // namespace
}  // namespace shoal::learning
