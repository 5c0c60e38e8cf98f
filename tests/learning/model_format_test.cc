#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using namespace std::string_literals;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

auto IsBroken(const char* what) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(what));
}

const ParameterLayout& Layout() {
  static const ParameterLayout layout({{"w", {2, 2}}, {"b", {2}}});
  return layout;
}

std::string Serialized() {
  return SerializeModel(Layout(), std::vector<float>{1, 2, 3, 4, 5, -6});
}

// The beginning of a model up to its tensors.
std::string Header(uint32_t num_tensors) {
  std::string bytes = "SHMD\1\0\0\0"s;
  AppendU32(bytes, num_tensors);
  return bytes;
}

void AppendTensor(std::string& bytes, absl::string_view name,
                  const std::vector<uint64_t>& dims) {
  AppendSized(bytes, name);
  AppendU32(bytes, dims.size());
  for (uint64_t dim : dims) AppendU64(bytes, dim);
}

std::string OneTensor(absl::string_view name,
                      const std::vector<uint64_t>& dims) {
  std::string bytes = Header(1);
  AppendTensor(bytes, name, dims);
  return bytes;
}

TEST(ModelFormatTest, ModelRoundTrips) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const StoredModel model, ParseModel(Serialized()));
  EXPECT_EQ(model.layout, Layout());
  EXPECT_EQ(model.parameters, (ParameterVector{1, 2, 3, 4, 5, -6}));
}

TEST(ModelFormatTest, BytesAreAsDocumented) {
  const std::string bytes = Serialized();
  ASSERT_EQ(bytes.size(), 64 + 6 * 4);
  EXPECT_EQ(bytes.substr(0, 50),
            "SHMD\1\0\0\0"
            "\2\0\0\0"
            "\1\0\0\0w"
            "\2\0\0\0"
            "\2\0\0\0\0\0\0\0"
            "\2\0\0\0\0\0\0\0"
            "\1\0\0\0b"
            "\1\0\0\0"
            "\2\0\0\0\0\0\0\0"s.substr(0, 50));
  EXPECT_EQ(bytes.substr(64, 8), "\0\0\x80\x3f\0\0\0\x40"s);
}

TEST(ModelFormatTest, ValuesStartAtAMultipleOf64) {
  for (int length = 1; length < 70; ++length) {
    const ParameterLayout layout({{std::string(length, 'n'), {1}}});
    const std::string bytes = SerializeModel(layout, std::vector<float>{1});
    EXPECT_EQ((bytes.size() - 4) % 64, 0);
    EXPECT_THAT(ParseModel(bytes), IsOk());
  }
}

TEST(ModelFormatTest, EveryTruncationIsRefused) {
  const std::string bytes = Serialized();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ParseModel(absl::string_view(bytes).substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
}

TEST(ModelFormatTest, TrailingBytesAreRefused) {
  EXPECT_THAT(ParseModel(Serialized() + "x"), IsBroken("25 bytes of values"));
  EXPECT_THAT(ParseModel(Serialized() + "four"), IsBroken("28 bytes"));
}

// A flipped bit may give another valid model (a name, a value), but then it
// must be one that serializes to exactly these bytes.
TEST(ModelFormatTest, FlippedBitsAreRefusedOrMeanAnotherModel) {
  const std::string bytes = Serialized();
  for (size_t i = 0; i < 8 * bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i / 8] ^= 1 << (i % 8);
    const absl::StatusOr<StoredModel> model = ParseModel(flipped);
    if (!model.ok()) {
      EXPECT_THAT(model, StatusIs(absl::StatusCode::kDataLoss));
    } else {
      EXPECT_EQ(
          SerializeModel(model->layout, model->parameters, model->control),
          flipped);
    }
  }
}

TEST(ModelFormatTest, RandomBytesBehindAnyPrefixNeverCrash) {
  const std::string bytes = Serialized();
  SeededRng rng(1);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string noise = bytes.substr(0, rng.Below(bytes.size()));
    for (uint64_t i = rng.Below(100); i > 0; --i) {
      noise.push_back(static_cast<char>(rng.Below(4) == 0 ? rng.Uint64() : 0));
    }
    const absl::StatusOr<StoredModel> model = ParseModel(noise);
    if (model.ok()) {
      EXPECT_EQ(
          SerializeModel(model->layout, model->parameters, model->control),
          noise);
    }
  }
}

TEST(ModelFormatTest, WrongMagicAndVersionAreRefused) {
  std::string bytes = Serialized();
  bytes[0] = 'X';
  EXPECT_THAT(ParseModel(bytes), IsBroken("'SHMD'"));
  bytes = Serialized();
  bytes[4] = 2;
  EXPECT_THAT(ParseModel(bytes), IsBroken("format version 2"));
  bytes = Serialized();
  bytes[6] = 2;
  EXPECT_THAT(ParseModel(bytes), IsBroken("2 control variates"));
  bytes[6] = 1;
  EXPECT_THAT(ParseModel(bytes), IsBroken("bytes of values, expected"));
}

TEST(ModelFormatTest, ControlVariateComesBack) {
  const ParameterLayout layout({{"w", {2}}});
  const std::string bytes = SerializeModel(layout, {1, 2}, {3, 4});
  SHOAL_ASSERT_OK_AND_ASSIGN(const StoredModel model, ParseModel(bytes));
  EXPECT_EQ(model.parameters, (ParameterVector{1, 2}));
  EXPECT_EQ(model.control, (ParameterVector{3, 4}));
  const std::vector<char> aligned(bytes.begin(), bytes.end());
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const ModelView view,
      ViewModel(absl::string_view(aligned.data(), aligned.size())));
  EXPECT_EQ(view.parameters.size(), 2u);
  EXPECT_EQ(view.control[1], 4);
}

TEST(ModelFormatTest, ControlVariateThatIsNotFiniteIsRefused) {
  const float infinite = std::numeric_limits<float>::infinity();
  const std::string bytes =
      SerializeModel(ParameterLayout({{"w", {1}}}), {1}, {infinite});
  EXPECT_THAT(ParseModel(bytes), IsBroken("not finite"));
}

TEST(ModelFormatTest, ImpossibleCountsAreRefused) {
  EXPECT_THAT(ParseModel(Header(0)), IsBroken("0 tensors"));
  EXPECT_THAT(ParseModel(Header(0xffffffff)), IsBroken("4294967295 tensors"));
  EXPECT_THAT(ParseModel(Header(4096)), IsBroken("shape of tensor 0"));
  EXPECT_THAT(ParseModel(OneTensor("", {1})), IsBroken("0 bytes"));
  EXPECT_THAT(ParseModel(OneTensor(std::string(256, 'n'), {1})),
              IsBroken("256 bytes"));
  EXPECT_THAT(ParseModel(OneTensor("w", {})), IsBroken("0 dimensions"));
  EXPECT_THAT(ParseModel(OneTensor("w", std::vector<uint64_t>(9, 1))),
              IsBroken("9 dimensions"));
}

TEST(ModelFormatTest, ImpossibleDimensionsAreRefused) {
  constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
  EXPECT_THAT(ParseModel(OneTensor("w", {0})), IsBroken("dimension 0"));
  EXPECT_THAT(ParseModel(OneTensor("w", {2, 0})), IsBroken("dimension 1"));
  EXPECT_THAT(ParseModel(OneTensor("w", {kLargest})), IsBroken("too large"));
  EXPECT_THAT(ParseModel(OneTensor("w", {uint64_t{1} << 63})),
              IsBroken("too large"));
  // Each would be possible; the product wraps around to 0 in 64 bits.
  EXPECT_THAT(ParseModel(OneTensor("w", {1 << 30, 1 << 30, 1 << 4})),
              IsBroken("dimension 1"));
}

TEST(ModelFormatTest, TooManyParametersTogetherAreRefused) {
  std::string bytes = Header(2);
  AppendTensor(bytes, "a", {1 << 30});
  AppendTensor(bytes, "b", {1});
  EXPECT_THAT(ParseModel(bytes), IsBroken("more than 1073741824"));
}

TEST(ModelFormatTest, LargeClaimWithoutValuesIsRefused) {
  std::string bytes = OneTensor("w", {1 << 30});
  bytes.resize(64, '\0');
  EXPECT_THAT(ParseModel(bytes),
              IsBroken("holds 0 bytes of values, expected 4294967296"));
}

TEST(ModelFormatTest, PaddingThatIsNotZeroIsRefused) {
  std::string bytes = Serialized();
  bytes[63] = 1;
  EXPECT_THAT(ParseModel(bytes), IsBroken("padding"));
}

TEST(ModelFormatTest, NonFiniteValueIsRefused) {
  for (float bad : {std::nanf(""), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(ParseModel(SerializeModel(
                    Layout(), std::vector<float>{1, 2, 3, 4, bad, 6})),
                IsBroken("value 4 is not finite"));
  }
}

}  // namespace
}  // namespace shoal::learning
