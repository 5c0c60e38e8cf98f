#include "learning/model_spec_bytes.h"

#include <limits>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "base/bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/model_specs.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

// Residual blocks in each other around one dense layer.
ModelSpec Nested(int depth) {
  LayerSpec layer = {DenseSpec{.units = 3}};
  for (int i = 0; i < depth; ++i) layer = {ResidualSpec{{layer}, {}}};
  return {LayerListSpec{{4}, {layer}}};
}

TEST(ModelSpecBytesTest, SpecificationsComeBack) {
  testing::RandomModelSpecs random(1);
  std::set<size_t> kinds;
  for (int i = 0; i < 500; ++i) {
    const ModelSpec spec = random.Next();
    EXPECT_THAT(DecodeModelSpec(EncodeModelSpec(spec)), IsOkAndHolds(spec));
    kinds.insert(spec.architecture.index());
  }
  EXPECT_EQ(kinds.size(),
            std::variant_size_v<decltype(ModelSpec::architecture)>);
}

TEST(ModelSpecBytesTest, EveryKindComesBack) {
  testing::VisitEveryKind([](const auto& spec) {
    ModelSpec model;
    if constexpr (requires { model.architecture = spec; }) {
      model.architecture = spec;
    } else {
      model.architecture = LayerListSpec{{1}, {LayerSpec{spec}}};
    }
    EXPECT_THAT(DecodeModelSpec(EncodeModelSpec(model)), IsOkAndHolds(model));
  });
}

// The page about formats describes these bytes.
TEST(ModelSpecBytesTest, TheBytesAreThoseOfTheFormat) {
  const ModelSpec spec = {MlpSpec{784, {200}, 10}, {.standardise = true}};
  EXPECT_EQ(absl::BytesToHexString(EncodeModelSpec(spec)),
            "53484d530100"        // magic, version
            "02"                  // mlp
            "10030000"            // inputs
            "01000000c8000000"    // hidden
            "0a000000"            // outputs
            "010000"              // standardise, impute, mask
            "0000000000000000");  // clip
  const ModelSpec network = {
      LayerListSpec{{5}, {{.kind = PoolSpec{}, .name = "p", .frozen = true}}}};
  EXPECT_EQ(absl::BytesToHexString(EncodeModelSpec(network)),
            "53484d530100"
            "07"                        // network
            "0100000005000000"          // input
            "01000000"                  // layers
            "05020000000000000002"      // max_pool: size, stride, padding
            "01000000700100"            // name, frozen, private
            "0101"                      // loss, target
            "0000000000000000000000");  // preprocessing
}

TEST(ModelSpecBytesTest, EveryCutIsNoticed) {
  testing::RandomModelSpecs random(2);
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = EncodeModelSpec(random.Next());
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THAT(DecodeModelSpec(bytes.substr(0, size)), StatusIs(kDataLoss));
    }
  }
}

TEST(ModelSpecBytesTest, ThereIsOneEncodingOfEverything) {
  testing::RandomModelSpecs random(3);
  SeededRng rng(4);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = EncodeModelSpec(random.Next());
    bytes[rng.Below(bytes.size())] ^= static_cast<char>(1 << rng.Below(8));
    const absl::StatusOr<ModelSpec> spec = DecodeModelSpec(bytes);
    if (!spec.ok()) {
      EXPECT_THAT(spec, StatusIs(kDataLoss));
    } else {
      EXPECT_EQ(EncodeModelSpec(*spec), bytes);
    }
  }
}

TEST(ModelSpecBytesTest, WhatIsWrongIsTold) {
  const std::string good = EncodeModelSpec({LogisticSpec{4, 3}});
  const auto with = [&good](size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return DecodeModelSpec(bytes);
  };
  EXPECT_THAT(with(0, 'X'), StatusIs(kDataLoss, HasSubstr("wrong magic")));
  EXPECT_THAT(with(4, 2),
              StatusIs(kDataLoss, HasSubstr("format version 2, expected 1")));
  EXPECT_THAT(with(6, 0), StatusIs(kDataLoss, HasSubstr("unknown kind")));
  EXPECT_THAT(with(6, 99), StatusIs(kDataLoss, HasSubstr("unknown kind")));
  EXPECT_THAT(with(10, '\x80'),
              StatusIs(kDataLoss, HasSubstr("a number is too large")));
  EXPECT_THAT(with(15, 2), StatusIs(kDataLoss, HasSubstr("neither 0 nor 1")));
  EXPECT_THAT(DecodeModelSpec(good + "x"),
              StatusIs(kDataLoss, HasSubstr("bytes behind the end")));
  EXPECT_THAT(DecodeModelSpec(""), StatusIs(kDataLoss, HasSubstr("truncated")));
  std::string infinite = good.substr(0, good.size() - 8);
  AppendF64(infinite, std::numeric_limits<double>::infinity());
  EXPECT_THAT(DecodeModelSpec(infinite),
              StatusIs(kDataLoss, HasSubstr("not finite")));
}

TEST(ModelSpecBytesTest, UnknownWordsAreRefused) {
  std::string bytes = EncodeModelSpec({CnnSpec{CnnPreset::kSensor, {8, 2}, 3}});
  bytes[7] = 6;
  EXPECT_THAT(DecodeModelSpec(bytes),
              StatusIs(kDataLoss, HasSubstr("unknown word")));
  bytes[7] = 0;
  EXPECT_THAT(DecodeModelSpec(bytes),
              StatusIs(kDataLoss, HasSubstr("unknown word")));
}

TEST(ModelSpecBytesTest, BlocksNestUpToTheBound) {
  const ModelSpec deepest = Nested(kMaxResidualDepth);
  EXPECT_THAT(DecodeModelSpec(EncodeModelSpec(deepest)), IsOkAndHolds(deepest));
  EXPECT_THAT(DecodeModelSpec(EncodeModelSpec(Nested(kMaxResidualDepth + 1))),
              StatusIs(kDataLoss, HasSubstr("nested too deep")));
}

TEST(ModelSpecBytesTest, LayersAreCountedUpToTheBound) {
  LayerListSpec list = {{4}, {}};
  list.layers.assign(kMaxLayers, LayerSpec{FlattenSpec{}});
  EXPECT_THAT(DecodeModelSpec(EncodeModelSpec({list})),
              IsOkAndHolds(ModelSpec{list}));
  list.layers.front() = {ResidualSpec{{LayerSpec{FlattenSpec{}}}, {}}};
  EXPECT_THAT(DecodeModelSpec(EncodeModelSpec({list})),
              StatusIs(kDataLoss, HasSubstr("too many layers")));
}

}  // namespace
}  // namespace shoal::learning
