#include "tests/support/golden_federation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/external_data.h"

namespace shoal::testing {
namespace {

using Vector = GoldenFederation::Vector;
constexpr int kFeatures = GoldenFederation::kFeatures;
constexpr int kClasses = GoldenFederation::kClasses;
using Logits = std::array<double, kClasses>;

// The values of an .npy file (version 1.0) of little-endian T.
template <typename T>
std::vector<T> ReadNpy(const std::string& name) {
  const std::string bytes = *ReadFile(absl::StrCat(
      GoldenFederation::Folder(), "/data/synthetic_1_1_", name, ".npy"));
  const size_t header = 10 + LoadU16(bytes.data() + 8);
  std::vector<T> values((bytes.size() - header) / sizeof(T));
  std::memcpy(values.data(), bytes.data() + header, values.size() * sizeof(T));
  return values;
}

std::vector<std::vector<std::string>> ReadCsv(const std::string& name) {
  std::istringstream lines(*ReadFile(GoldenFederation::Folder() + "/" + name));
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(lines, line);  // the names of the columns
  while (std::getline(lines, line)) rows.push_back(absl::StrSplit(line, ','));
  return rows;
}

double Number(const std::string& text) {
  double value = 0;
  SHOAL_CHECK(absl::SimpleAtod(text, &value));
  return value;
}

std::vector<GoldenExamples> ReadDevices(const std::string& part) {
  const std::vector<float> x = ReadNpy<float>("x_" + part);
  const std::vector<uint8_t> y = ReadNpy<uint8_t>("y_" + part);
  const std::vector<int32_t> user = ReadNpy<int32_t>("user_" + part);
  std::vector<GoldenExamples> devices(GoldenFederation::kDevices);
  for (size_t i = 0; i < y.size(); ++i) {
    GoldenExamples& device = devices.at(user[i]);
    device.features.insert(device.features.end(), x.begin() + i * kFeatures,
                           x.begin() + (i + 1) * kFeatures);
    device.labels.push_back(y[i]);
  }
  return devices;
}

// Log-probabilities of one example.
Logits LogProbabilities(absl::Span<const double> w, const float* x) {
  Logits z;
  for (int c = 0; c < kClasses; ++c) z[c] = w[kFeatures * kClasses + c];
  for (int f = 0; f < kFeatures; ++f) {
    for (int c = 0; c < kClasses; ++c) z[c] += w[f * kClasses + c] * x[f];
  }
  const double largest = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double value : z) sum += std::exp(value - largest);
  for (double& value : z) value -= largest + std::log(sum);
  return z;
}

}  // namespace

std::string GoldenFederation::Folder() { return ReferenceDir() + "/federated"; }

GoldenFederation::GoldenFederation()
    : train_(ReadDevices("train")),
      test_(ReadDevices("test")),
      schedule_(kRounds) {
  for (const auto& row : ReadCsv("golden_schedule.csv")) {
    schedule_.at(static_cast<size_t>(Number(row[0])))
        .push_back({static_cast<int>(Number(row[2])), Number(row[3]) == 1});
  }
}

std::vector<GoldenRow> GoldenFederation::Rows(const std::string& name) const {
  std::vector<GoldenRow> rows;
  for (const auto& row : ReadCsv("golden_trace.csv")) {
    if (row[0] != name) continue;
    rows.push_back({static_cast<int>(Number(row[1])), Number(row[2]),
                    Number(row[3]), Number(row[4]), Number(row[5])});
  }
  SHOAL_CHECK(rows.size() == kRounds + 1);
  return rows;
}

Vector GoldenFederation::Gradient(const Vector& w, int device, int64_t begin,
                                  int64_t end) const {
  const GoldenExamples& examples = train(device);
  Vector gradient(kParameters);
  for (int64_t i = begin; i < end; ++i) {
    const float* const x = examples.features.data() + i * kFeatures;
    Logits p = LogProbabilities(w, x);
    for (double& value : p) value = std::exp(value);
    p[examples.labels[i]] -= 1;
    for (int f = 0; f < kFeatures; ++f) {
      for (int c = 0; c < kClasses; ++c) {
        gradient[f * kClasses + c] += x[f] * p[c];
      }
    }
    for (int c = 0; c < kClasses; ++c) {
      gradient[kFeatures * kClasses + c] += p[c];
    }
  }
  for (double& value : gradient) value /= static_cast<double>(end - begin);
  return gradient;
}

Vector GoldenFederation::Gradient(const Vector& w, int device) const {
  return Gradient(w, device, 0, train(device).size());
}

Vector GoldenFederation::Train(const Vector& start, int device, int epochs,
                               const Vector& correction) const {
  Vector w = start;
  const int64_t size = train(device).size();
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (int64_t begin = 0; begin < size; begin += kBatchSize) {
      const Vector gradient =
          Gradient(w, device, begin, std::min(begin + kBatchSize, size));
      for (int i = 0; i < kParameters; ++i) {
        const double more = correction.empty() ? 0 : correction[i];
        w[i] -= kLearningRate * (gradient[i] + more);
      }
    }
  }
  return w;
}

Vector GoldenFederation::Mean(
    int round, bool uniform,
    const std::function<Vector(GoldenSlot)>& update) const {
  Vector mean(kParameters);
  double weights = 0;
  for (const GoldenSlot& slot : slots(round)) {
    const double weight =
        uniform ? 1 : static_cast<double>(train(slot.device).size());
    const Vector own = update(slot);
    for (int i = 0; i < kParameters; ++i) mean[i] += weight * own[i];
    weights += weight;
  }
  for (double& value : mean) value /= weights;
  return mean;
}

GoldenRow GoldenFederation::RowOf(int round, absl::Span<const double> w) const {
  GoldenRow row;
  row.round = round;
  int64_t examples = 0, tests = 0, right = 0;
  for (int k = 0; k < kDevices; ++k) {
    for (int64_t i = 0; i < train(k).size(); ++i, ++examples) {
      row.loss -= LogProbabilities(
          w, &train(k).features[i * kFeatures])[train(k).labels[i]];
    }
    for (int64_t i = 0; i < test(k).size(); ++i, ++tests) {
      const Logits z = LogProbabilities(w, &test(k).features[i * kFeatures]);
      right +=
          std::max_element(z.begin(), z.end()) - z.begin() == test(k).labels[i];
    }
  }
  row.loss /= static_cast<double>(examples);
  row.accuracy = static_cast<double>(right) / static_cast<double>(tests);
  for (const double value : w) {
    row.norm += value * value;
    row.sum += value;
  }
  row.norm = std::sqrt(row.norm);
  return row;
}

GoldenRow GoldenFederation::RowOf(int round, absl::Span<const float> w) const {
  return RowOf(round, Vector(w.begin(), w.end()));
}

void ExpectGoldenRow(const GoldenRow& row, const GoldenRow& expected,
                     double relative) {
  SCOPED_TRACE(absl::StrCat("round ", expected.round));
  EXPECT_EQ(row.round, expected.round);
  // The trace has 12 digits after the point.
  constexpr double kPrinted = 1e-12;
  EXPECT_NEAR(row.loss, expected.loss, relative * expected.loss + kPrinted);
  EXPECT_NEAR(row.norm, expected.norm, relative * expected.norm + kPrinted);
  EXPECT_NEAR(row.accuracy, expected.accuracy, 1.01 / 1245);
}

}  // namespace shoal::testing
