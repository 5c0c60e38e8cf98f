#include "learning/model_spec.h"

#include <set>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model_spec_fields.h"
#include "tests/support/model_specs.h"

namespace shoal::learning {
namespace {

TEST(ModelSpecTest, IsNamedByKindAndSizes) {
  EXPECT_EQ((ModelSpec{LogisticSpec{561, 6}}).ToString(), "logistic 561-6");
  EXPECT_EQ((ModelSpec{LinearSpec{13, 1}}).ToString(), "linear 13-1");
  EXPECT_EQ((ModelSpec{MlpSpec{784, {200, 100}, 10}}).ToString(),
            "mlp 784-200-100-10");
  EXPECT_EQ((ModelSpec{CnnSpec{CnnPreset::kLenet, {28, 28, 1}, 10}}).ToString(),
            "cnn lenet 28x28x1-10");
  EXPECT_EQ((ModelSpec{CnnSpec{CnnPreset::kSensor, {128, 9}, 6}}).ToString(),
            "cnn sensor 128x9-6");
  EXPECT_EQ((ModelSpec{GruLanguageModelSpec{90, 80, 8, 256}}).ToString(),
            "gru_language_model 80x90-8-256");
  EXPECT_EQ((ModelSpec{AutoencoderSpec{64, {32, 8, 4}}}).ToString(),
            "autoencoder 64-32-8-4-8-32-64");
  EXPECT_EQ((ModelSpec{AutoencoderSpec{64, {}}}).ToString(),
            "autoencoder 64-64");
  EXPECT_EQ((ModelSpec{LayerListSpec{{28, 28, 1}, {LayerSpec{FlattenSpec{}}}}})
                .ToString(),
            "network 28x28x1 with 1 layer");
}

// Converts to the type of any member.
struct Anything {
  template <typename T>
  operator T() const;
};

template <typename T, size_t... kIndices>
constexpr bool CanHaveMembers(std::index_sequence<kIndices...>) {
  return requires { T{(static_cast<void>(kIndices), Anything())...}; };
}

// Members of an aggregate without arrays and base classes.
template <typename T, size_t kMembers = 0>
constexpr size_t NumMembers() {
  if constexpr (CanHaveMembers<T>(std::make_index_sequence<kMembers + 1>())) {
    return NumMembers<T, kMembers + 1>();
  } else {
    return kMembers;
  }
}

template <typename Spec>
size_t NumFields() {
  std::set<std::string> names;
  Spec spec;
  VisitFields(spec, [&names](const char* name, auto&) { names.insert(name); });
  return names.size();
}

// A field that is left out would be neither stored nor sent.
TEST(ModelSpecFieldsTest, EveryMemberIsVisitedUnderANameOfItsOwn) {
  shoal::testing::VisitEveryKind([]<typename Spec>(const Spec& spec) {
    // The kind of a pool is its identity.
    constexpr size_t kHidden = std::is_same_v<Spec, PoolSpec> ? 1 : 0;
    EXPECT_EQ(NumFields<Spec>(), NumMembers<Spec>() - kHidden)
        << IdentityOf(spec).name;
  });
  EXPECT_EQ(NumFields<LayerSpec>(), NumMembers<LayerSpec>());
  EXPECT_EQ(NumFields<PreprocessingSpec>(), NumMembers<PreprocessingSpec>());
  EXPECT_EQ(NumFields<ModelSpec>(), NumMembers<ModelSpec>());
}

TEST(ModelSpecFieldsTest, EveryKindHasANumberAndANameOfItsOwn) {
  std::set<std::string> names;
  int num_kinds = 0;
  shoal::testing::VisitEveryKind([&](const auto& spec) {
    names.insert(std::string(IdentityOf(spec).name));
    ++num_kinds;
  });
  EXPECT_EQ(names.size(), size_t{24});
  EXPECT_EQ(num_kinds, 24);
}

TEST(ModelSpecFieldsTest, AnUnknownNameChangesNothing) {
  decltype(LayerSpec::kind) kind = GruSpec{.units = 7};
  EXPECT_FALSE(Choose(kind, [](const SpecIdentity& identity) {
    return identity.name == "transformer";
  }));
  EXPECT_EQ(std::get<GruSpec>(kind).units, 7);
}

}  // namespace
}  // namespace shoal::learning
