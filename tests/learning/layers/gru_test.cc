#include "learning/layers/gru.h"

#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

std::unique_ptr<Layer> Gru(int units, bool return_sequences,
                           const Shape& input) {
  auto layer =
      MakeGru({.units = units, .return_sequences = return_sequences}, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

// GruSpec's equations, one value after the other, in double.
std::vector<double> States(const Layer& layer, const std::vector<float>& p,
                           const std::vector<float>& x, int64_t row) {
  const int64_t length = layer.input().dims()[0];
  const int64_t channels = layer.input().channels();
  const int64_t units = layer.tensors()[1].dims[0];
  const auto product = [&](const double* vector, int64_t size, int64_t weight,
                           int64_t bias, int64_t gate) {
    double sum = p[bias + gate];
    for (int64_t i = 0; i < size; ++i) {
      sum += vector[i] * p[weight + i * 3 * units + gate];
    }
    return sum;
  };
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  std::vector<double> all, h(units, 0.0), next(units);
  for (int64_t t = 0; t < length; ++t) {
    const auto begin = x.begin() + (row * length + t) * channels;
    const std::vector<double> now(begin, begin + channels);
    for (int64_t u = 0; u < units; ++u) {
      const auto input = [&](int64_t gate) {
        return product(now.data(), channels, layer.offset(0), layer.offset(2),
                       gate * units + u);
      };
      const auto recurrent = [&](int64_t gate) {
        return product(h.data(), units, layer.offset(1), layer.offset(3),
                       gate * units + u);
      };
      const double z = sigmoid(input(0) + recurrent(0));
      const double r = sigmoid(input(1) + recurrent(1));
      const double n = std::tanh(input(2) + r * recurrent(2));
      next[u] = (1 - z) * n + z * h[u];
    }
    h = next;
    all.insert(all.end(), h.begin(), h.end());
  }
  return all;
}

TEST(GruTest, TwoStepsOfOneUnitAreAsComputedByHand) {
  // Wz = Wr = Uz = Ur = 0 and no biases: z = r = 1/2 always. Wn = 1, Un = 2,
  // x = [1, 1/2].
  //   n1 = tanh(1),                     h1 = n1 / 2
  //   q2 = 2 h1, n2 = tanh(1/2 + q2/2), h2 = n2 / 2 + h1 / 2
  const double n1 = std::tanh(1.0), h1 = n1 / 2, q2 = 2 * h1;
  const double n2 = std::tanh(0.5 + q2 / 2), h2 = n2 / 2 + h1 / 2;
  // Back from dh2 = 1, to the arguments of z, r, n and to q:
  //   dn2 = (1 - n2^2) / 2, dz2 = (h1 - n2) / 4, dr2 = dn2 q2 / 4,
  //   dq2 = dn2 / 2, dh1 = 1/2 + 2 dq2
  //   dn1 = dh1 (1 - n1^2) / 2, dz1 = dh1 (0 - n1) / 4, dr1 = 0 (q1 is 0),
  //   dq1 = dn1 / 2
  const double dn2 = (1 - n2 * n2) / 2, dz2 = (h1 - n2) / 4;
  const double dr2 = dn2 * q2 / 4, dq2 = dn2 / 2, dh1 = 0.5 + 2 * dq2;
  const double dn1 = dh1 * (1 - n1 * n1) / 2, dz1 = -dh1 * n1 / 4;
  const double dq1 = dn1 / 2;
  const std::vector<double> gradient = {
      dz1 + 0.5 * dz2, 0.5 * dr2, dn1 + 0.5 * dn2,  // W: by x
      h1 * dz2,        h1 * dr2,  h1 * dq2,         // U: by h before
      dz1 + dz2,       dr2,       dn1 + dn2,        // b
      dz1 + dz2,       dr2,       dq1 + dq2};       // c

  const auto layer = Gru(1, /*return_sequences=*/false, Shape({2, 1}));
  const LayerResult result =
      RunLayer(*layer, {.x = {1, 0.5},
                        .parameters = {0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0},
                        .dy = {1}});
  EXPECT_THAT(result.y, ElementsAre(FloatNear(h2, 1e-6)));
  EXPECT_THAT(result.dx,
              ElementsAre(FloatNear(dn1, 1e-6), FloatNear(dn2, 1e-6)));
  EXPECT_THAT(result.gradient, Pointwise(FloatNear(1e-6), gradient));
}

TEST(GruTest, ASingleStepMovesTheRecurrentBiasAlone) {
  // As above with c = [0, 0, 2], x = 1/2, h0 = 0: q = 2, n = tanh(1/2 + 2/2).
  const double n = std::tanh(1.5);
  const double dn = (1 - n * n) / 2, dz = -n / 4, dr = dn * 2 / 4;
  const std::vector<double> gradient = {dz / 2, dr / 2, dn / 2, 0,  0,  0,
                                        dz,     dr,     dn,     dz, dr, dn / 2};
  for (PassKind kind : {PassKind::kTrain, PassKind::kTrainLean}) {
    const auto layer = Gru(1, /*return_sequences=*/true, Shape({1, 1}));
    const LayerResult result =
        RunLayer(*layer, {.kind = kind,
                          .x = {0.5},
                          .parameters = {0, 0, 1, 9, 9, 9, 0, 0, 0, 0, 0, 2},
                          .dy = {1}});
    EXPECT_THAT(result.y, ElementsAre(FloatNear(n / 2, 1e-6)));
    EXPECT_THAT(result.dx, ElementsAre(FloatNear(dn, 1e-6)));
    EXPECT_THAT(result.gradient, Pointwise(FloatNear(1e-6), gradient));
  }
}

TEST(GruTest, StatesFollowTheEquations) {
  const auto layer = Gru(5, /*return_sequences=*/true, Shape({7, 3}));
  const std::vector<float> x = RandomValues(1, 2 * 7 * 3, 2);
  const std::vector<float> parameters =
      RandomValues(2, layer->num_parameters(), 1);
  const LayerResult result =
      RunLayer(*layer, {.rows = 2, .x = x, .parameters = parameters});
  std::vector<double> expected;
  for (int64_t row = 0; row < 2; ++row) {
    const std::vector<double> states = States(*layer, parameters, x, row);
    expected.insert(expected.end(), states.begin(), states.end());
  }
  EXPECT_THAT(result.y, Pointwise(FloatNear(2e-6), expected));
}

TEST(GruTest, WithoutSequencesTheOutputIsTheLastState) {
  const Shape input({4, 3});
  const auto all = Gru(5, /*return_sequences=*/true, input);
  const auto last = Gru(5, /*return_sequences=*/false, input);
  const std::vector<float> x = RandomValues(1, 2 * 4 * 3);
  const std::vector<float> parameters =
      RandomValues(2, all->num_parameters(), 0.5);
  for (PassKind kind :
       {PassKind::kPredict, PassKind::kTrain, PassKind::kTrainLean}) {
    const LayerRun run = {
        .kind = kind, .rows = 2, .x = x, .parameters = parameters};
    const std::vector<float> states = RunLayer(*all, run).y;
    std::vector<float> expected;
    for (int row = 0; row < 2; ++row) {
      const auto begin = states.begin() + (row * 4 + 3) * 5;
      expected.insert(expected.end(), begin, begin + 5);
    }
    EXPECT_THAT(RunLayer(*last, run).y, Pointwise(FloatNear(1e-6), expected));
  }
}

struct GruCase {
  int length;
  int channels;
  int units;
  int rows;
};

class GruGradientTest : public ::testing::TestWithParam<GruCase> {};

TEST_P(GruGradientTest, AgreesWithFiniteDifferences) {
  const GruCase& c = GetParam();
  for (bool sequences : {true, false}) {
    SCOPED_TRACE(sequences);
    const auto layer = Gru(c.units, sequences, Shape({c.length, c.channels}));
    CheckLayer(*layer, {.rows = c.rows});
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, GruGradientTest,
    ::testing::Values(GruCase{2, 1, 1, 1}, GruCase{2, 5, 3, 2},
                      GruCase{3, 2, 17, 4}, GruCase{4, 33, 6, 1},
                      GruCase{5, 4, 9, 3}),
    [](const ::testing::TestParamInfo<GruCase>& info) {
      const GruCase& c = info.param;
      return absl::StrCat("length", c.length, "channels", c.channels, "units",
                          c.units, "rows", c.rows);
    });

TEST(GruTest, LeanTrainingKeepsNothingButTheStates) {
  const Shape input({10, 3});
  const auto all = Gru(5, /*return_sequences=*/true, input);
  EXPECT_EQ(all->Memory(PassKind::kTrainLean, 2).saved, 0);
  EXPECT_EQ(all->Memory(PassKind::kTrain, 2).saved, 2 * 10 * 4 * 5);
  const auto last = Gru(5, /*return_sequences=*/false, input);
  EXPECT_EQ(last->Memory(PassKind::kTrainLean, 2).saved, 2 * 10 * 5);
  EXPECT_EQ(last->Memory(PassKind::kTrain, 2).saved, 2 * 10 * 5 * 5);
}

TEST(GruTest, RefusesWhatItCannotDo) {
  EXPECT_THAT(MakeGru({.units = 3}, Shape({784})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("sequence [length, channels], got 784")));
  EXPECT_THAT(
      MakeGru({.units = 0}, Shape({4, 3})),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("units is 0")));
  // 3 * units^2 parameters, more than a model may have.
  EXPECT_THAT(MakeGru({.units = kMaxLayerWidth}, Shape({4, 3})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("recurrent_weight")));
  // Its states would be too many, even if only the last is asked for.
  EXPECT_THAT(
      MakeGru({.units = 1024, .return_sequences = false}, Shape({1 << 20, 1})),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("values per example")));
}

}  // namespace
}  // namespace shoal::learning
