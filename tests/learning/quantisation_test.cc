#include "learning/quantisation.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

QuantisedModel Quantised(const ParameterLayout& layout,
                         const ParameterVector& parameters) {
  auto model = QuantisedModel::Quantise(layout, parameters);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

// A dense layer: [2, 2] and [2]. Steps of the columns: 1 and 2.
ParameterLayout DenseLayout() {
  return ParameterLayout({{"dense1.weight", {2, 2}}, {"dense1.bias", {2}}});
}
ParameterVector DenseParameters() { return {127, 254, 3.4f, -5, 0.1f, -7}; }

TEST(QuantisationTest, WeightsAreWholeStepsOfTheirChannel) {
  const QuantisedModel model = Quantised(DenseLayout(), DenseParameters());
  const QuantisedTensor& weight = model.tensors()[0];
  EXPECT_THAT(weight.steps, ElementsAre(1, 2));
  // -5 / 2 is between -2 and -3: to the even one.
  EXPECT_THAT(weight.codes, ElementsAre(127, 127, 3, -2));
  EXPECT_THAT(weight.values, IsEmpty());
  EXPECT_THAT(model.Dequantise(), ElementsAre(127, 254, 3, -4, 0.1f, -7));
}

TEST(QuantisationTest, BiasesStayAsTheyAre) {
  const QuantisedModel model = Quantised(DenseLayout(), DenseParameters());
  EXPECT_FALSE(model.tensors()[1].is_quantised());
  EXPECT_THAT(model.tensors()[1].values, ElementsAre(0.1f, -7));
}

TEST(QuantisationTest, NoWeightMovesByMoreThanHalfAStep) {
  const ParameterLayout layout({{"conv1.weight", {3, 3, 4, 7}},
                                {"gru1.input_weight", {5, 12}},
                                {"depthwise1.weight", {3, 3, 8}}});
  ParameterVector parameters(layout.num_parameters());
  SeededRng rng(1);
  for (float& value : parameters) {
    value = static_cast<float>(rng.Normal() * std::exp(3 * rng.Normal()));
  }
  const QuantisedModel model = Quantised(layout, parameters);
  const ParameterVector back = model.Dequantise();
  for (size_t t = 0; t < layout.tensors().size(); ++t) {
    const std::vector<float>& steps = model.tensors()[t].steps;
    ASSERT_EQ(static_cast<int64_t>(steps.size()),
              layout.tensors()[t].dims.back());
    for (int64_t i = 0; i < layout.tensors()[t].num_values(); ++i) {
      const int64_t at = layout.offset(static_cast<int>(t)) + i;
      const double error =
          std::abs(static_cast<double>(back[at]) - parameters[at]);
      // Half a step, and the rounding of the product to float32.
      ASSERT_LE(error,
                0.5 * steps[i % steps.size()] + 6e-8 * std::abs(parameters[at]))
          << layout.tensors()[t].name << " at " << i;
    }
  }
}

TEST(QuantisationTest, QuantisingAgainChangesNothing) {
  const QuantisedModel once = Quantised(DenseLayout(), DenseParameters());
  EXPECT_EQ(Quantised(DenseLayout(), once.Dequantise()).Serialize(),
            once.Serialize());
}

TEST(QuantisationTest, ZeroAndTinyChannelsStayTheirValues) {
  const ParameterLayout layout({{"dense1.weight", {2, 2}}});
  const float tiny = std::numeric_limits<float>::denorm_min();
  const ParameterVector back =
      Quantised(layout, {0, tiny, 0, -tiny}).Dequantise();
  EXPECT_THAT(back, Each(0));
}

TEST(QuantisationTest, TheLargestNumbersStayFinite) {
  const ParameterLayout layout({{"dense1.weight", {2, 1}}});
  const float largest = std::numeric_limits<float>::max();
  const QuantisedModel model = Quantised(layout, {largest, -largest});
  for (float value : model.Dequantise()) {
    EXPECT_NEAR(std::abs(value) / largest, 1, 1e-6);
  }
  EXPECT_TRUE(QuantisedModel::Parse(model.Serialize()).ok());
}

TEST(QuantisationTest, RefusesWhatIsNoModel) {
  EXPECT_THAT(QuantisedModel::Quantise(DenseLayout(), ParameterVector(5)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("5 parameters, expected 6")));
  ParameterVector parameters = DenseParameters();
  parameters[5] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(QuantisedModel::Quantise(DenseLayout(), parameters),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dense1.bias is not finite")));
}

TEST(QuantisedModelFormatTest, BytesAreAsDocumented) {
  std::string expected("SHQM");
  AppendU16(expected, 1);
  AppendU16(expected, 0);
  expected += DenseLayout().Encode();
  for (float step : {1.0f, 2.0f}) {
    expected.append(reinterpret_cast<const char*>(&step), sizeof step);
  }
  expected += "\x7f\x7f\x03\xfe";
  for (float value : {0.1f, -7.0f}) {
    expected.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  EXPECT_EQ(Quantised(DenseLayout(), DenseParameters()).Serialize(), expected);
}

TEST(QuantisedModelFormatTest, ParsesWhatItSerialised) {
  const QuantisedModel model = Quantised(DenseLayout(), DenseParameters());
  SHOAL_ASSERT_OK_AND_ASSIGN(const QuantisedModel parsed,
                             QuantisedModel::Parse(model.Serialize()));
  EXPECT_EQ(parsed.layout(), model.layout());
  EXPECT_EQ(parsed.Dequantise(), model.Dequantise());
  EXPECT_EQ(parsed.Serialize(), model.Serialize());
}

TEST(QuantisedModelFormatTest, RefusesTruncatedAndLongerBytes) {
  const std::string bytes =
      Quantised(DenseLayout(), DenseParameters()).Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(QuantisedModel::Parse(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  EXPECT_THAT(
      QuantisedModel::Parse(bytes + '\0'),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("followed by 1 bytes")));
}

// Whatever a byte becomes, parsing refuses it or gives a model that is encoded
// in exactly these bytes.
TEST(QuantisedModelFormatTest, EveryChangedByteIsRefusedOrMeant) {
  const std::string bytes =
      Quantised(DenseLayout(), DenseParameters()).Serialize();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int change : {0x01, 0x80, 0xff}) {
      std::string other = bytes;
      other[i] = static_cast<char>(other[i] ^ change);
      const auto parsed = QuantisedModel::Parse(other);
      if (parsed.ok()) {
        EXPECT_EQ(parsed->Serialize(), other) << "byte " << i;
      } else {
        EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss);
      }
    }
  }
}

TEST(QuantisedModelFormatTest, RefusesStepsAndCodesThatNobodyWrites) {
  const std::string bytes =
      Quantised(DenseLayout(), DenseParameters()).Serialize();
  const size_t steps = bytes.size() - 8 - 4 - 8;
  for (float step :
       {0.0f, -1.0f, 1e-40f, 1e38f, std::numeric_limits<float>::quiet_NaN()}) {
    std::string other = bytes;
    other.replace(steps, 4, reinterpret_cast<const char*>(&step), 4);
    EXPECT_THAT(QuantisedModel::Parse(other),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("a step of dense1.weight")));
  }
  std::string other = bytes;
  other[steps + 8] = static_cast<char>(-128);
  EXPECT_THAT(QuantisedModel::Parse(other),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("-128")));
}

}  // namespace
}  // namespace shoal::learning
