// Specifications of models on the wire.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model_spec_fields.h"
#include "protocol/wire.h"
#include "tests/support/model_specs.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::OneofDescriptor;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Matcher>
auto Invalid(const Matcher& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, message);
}

v1::ModelDefinition Network() {
  v1::ModelDefinition proto;
  proto.mutable_network()->add_input(4);
  proto.mutable_network()->add_layers()->mutable_dense()->set_units(3);
  return proto;
}

// Residual blocks in each other around one layer.
v1::ModelDefinition Nested(int depth) {
  v1::ModelDefinition proto;
  proto.mutable_network()->add_input(4);
  v1::Layer* layer = proto.mutable_network()->add_layers();
  for (int i = 0; i < depth; ++i) {
    layer = layer->mutable_residual()->add_body();
  }
  layer->mutable_flatten();
  return proto;
}

void CollectKinds(const std::vector<learning::LayerSpec>& layers,
                  std::set<absl::string_view>& kinds) {
  for (const learning::LayerSpec& layer : layers) {
    std::visit(
        [&kinds](const auto& spec) {
          kinds.insert(learning::IdentityOf(spec).name);
        },
        layer.kind);
  }
}

TEST(WireModelTest, SpecificationsComeBack) {
  shoal::testing::RandomModelSpecs random(1);
  std::set<absl::string_view> layer_kinds;
  for (int i = 0; i < 500; ++i) {
    const learning::ModelSpec spec = random.Next();
    EXPECT_THAT(FromProto(ToProto(spec)), IsOkAndHolds(spec));
    const auto* network =
        std::get_if<learning::LayerListSpec>(&spec.architecture);
    if (network != nullptr) CollectKinds(network->layers, layer_kinds);
  }
  EXPECT_EQ(layer_kinds.size(), 16u);
}

// The names and numbers of learning/model_spec_fields.h are the schema's.
TEST(WireModelTest, EveryKindIsAMemberOfItsChoiceWithItsNumber) {
  const Descriptor& model = *v1::ModelDefinition::descriptor();
  const Descriptor& layer = *v1::Layer::descriptor();
  int num_kinds = 0;
  shoal::testing::VisitEveryKind([&](const auto& spec) {
    constexpr bool kLayer = requires(learning::LayerSpec example) {
      example.kind = spec;
    };
    const learning::SpecIdentity identity = learning::IdentityOf(spec);
    const FieldDescriptor* field =
        (kLayer ? layer : model).FindFieldByName(std::string(identity.name));
    ASSERT_NE(field, nullptr) << identity.name;
    EXPECT_NE(field->real_containing_oneof(), nullptr);
    EXPECT_EQ(field->number(), identity.number) << identity.name;
    int num_fields = 0;
    learning::VisitFields(spec, [&](const char* name, const auto&) {
      ++num_fields;
      EXPECT_NE(field->message_type()->FindFieldByName(name), nullptr)
          << identity.name << "." << name;
    });
    EXPECT_EQ(field->message_type()->field_count(), num_fields)
        << identity.name;
    ++num_kinds;
  });
  EXPECT_EQ(num_kinds, model.oneof_decl(0)->field_count() +
                           layer.oneof_decl(0)->field_count());
}

template <typename Enum>
void ExpectWords(const EnumDescriptor& words) {
  // The value that is not specified has no counterpart.
  EXPECT_EQ(words.value_count() - 1, learning::kLastNumber<Enum>)
      << words.name();
}

TEST(WireModelTest, WordsAreNumberedAlike) {
  using learning::ActivationKind;
  ExpectWords<ActivationKind>(*v1::Activation_descriptor());
  ExpectWords<learning::Padding>(*v1::Padding_descriptor());
  ExpectWords<learning::CnnPreset>(*v1::CnnPreset_descriptor());
  ExpectWords<learning::Loss>(*v1::Loss_descriptor());
  ExpectWords<learning::Target>(*v1::Target_descriptor());
  const auto number = [](auto word) { return static_cast<int>(word); };
  EXPECT_EQ(number(ActivationKind::kNone), v1::ACTIVATION_NONE);
  EXPECT_EQ(number(ActivationKind::kRelu), v1::ACTIVATION_RELU);
  EXPECT_EQ(number(ActivationKind::kGelu), v1::ACTIVATION_GELU);
  EXPECT_EQ(number(ActivationKind::kTanh), v1::ACTIVATION_TANH);
  EXPECT_EQ(number(ActivationKind::kSigmoid), v1::ACTIVATION_SIGMOID);
  EXPECT_EQ(number(learning::Padding::kSame), v1::PADDING_SAME);
  EXPECT_EQ(number(learning::Padding::kValid), v1::PADDING_VALID);
  EXPECT_EQ(number(learning::CnnPreset::kLenet), v1::CNN_PRESET_LENET);
  EXPECT_EQ(number(learning::CnnPreset::kMcmahan), v1::CNN_PRESET_MCMAHAN);
  EXPECT_EQ(number(learning::CnnPreset::kMobile), v1::CNN_PRESET_MOBILE);
  EXPECT_EQ(number(learning::CnnPreset::kSpectrogram),
            v1::CNN_PRESET_SPECTROGRAM);
  EXPECT_EQ(number(learning::CnnPreset::kSensor), v1::CNN_PRESET_SENSOR);
  EXPECT_EQ(number(learning::Loss::kSoftmaxCrossEntropy),
            v1::LOSS_SOFTMAX_CROSS_ENTROPY);
  EXPECT_EQ(number(learning::Loss::kMeanSquaredError),
            v1::LOSS_MEAN_SQUARED_ERROR);
  EXPECT_EQ(number(learning::Loss::kBinaryCrossEntropy),
            v1::LOSS_BINARY_CROSS_ENTROPY);
  EXPECT_EQ(number(learning::Target::kLabels), v1::TARGET_LABELS);
  EXPECT_EQ(number(learning::Target::kValues), v1::TARGET_VALUES);
  EXPECT_EQ(number(learning::Target::kInput), v1::TARGET_INPUT);
}

// What the reference says about a field is what happens without it.
struct DefaultText {
  const schema::Field& field;

  std::string operator()(int value) const { return absl::StrCat(value); }
  std::string operator()(double value) const {
    return value == 1e-5 ? "1e-5" : absl::StrCat(value);
  }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  template <typename Enum>
  std::string operator()(Enum value) const {
    return std::string(
        schema::FindWord(field, static_cast<int>(value))->text());
  }
};

TEST(WireModelTest, DefaultsAreThoseThatTheSchemaDocuments) {
  shoal::testing::VisitEveryKind([&](const auto& spec) {
    constexpr bool kLayer = requires(learning::LayerSpec example) {
      example.kind = spec;
    };
    const Descriptor& message =
        kLayer ? *v1::Layer::descriptor() : *v1::ModelDefinition::descriptor();
    const std::string kind(learning::IdentityOf(spec).name);
    const Descriptor& member = *message.FindFieldByName(kind)->message_type();
    learning::VisitFields(spec, [&](const char* name, const auto& value) {
      const auto& field = *member.FindFieldByName(name);
      const v1::FieldRule& rule = RuleOf(field);
      if constexpr (std::is_class_v<std::decay_t<decltype(value)>>)
        return;
      else if (!rule.required() && rule.default_text() != "the size") {
        EXPECT_EQ(rule.default_text(), DefaultText{FieldOf(field)}(value))
            << kind << "." << name;
      }
    });
  });
}

TEST(WireModelTest, AbsentFieldsKeepTheirDefaults) {
  v1::ModelDefinition proto;
  proto.mutable_network()->add_input(8);
  proto.mutable_network()->add_layers()->mutable_dropout();
  proto.mutable_network()->add_layers()->mutable_average_pool();
  EXPECT_THAT(
      FromProto(proto),
      IsOkAndHolds(learning::ModelSpec{learning::LayerListSpec{
          {8},
          {{learning::DropoutSpec{}},
           {learning::PoolSpec{.kind = learning::PoolKind::kAverage}}}}}));
}

TEST(WireModelTest, SettingsOfANewerVersionAreRefused) {
  v1::ModelDefinition proto = Network();
  v1::Layer& layer = *proto.mutable_network()->mutable_layers(0);
  layer.GetReflection()->MutableUnknownFields(&layer)->AddVarint(999, 1);
  EXPECT_THAT(FromProto(proto), Invalid(HasSubstr("does not know")));
}

TEST(WireModelTest, UnknownKindsAndWordsAreRefused) {
  v1::ModelDefinition proto = Network();
  proto.mutable_network()->add_layers();
  EXPECT_THAT(FromProto(proto),
              Invalid(AllOf(HasSubstr("network.layers[1]: none is chosen"),
                            HasSubstr("dense, conv2d"))));
  proto = Network();
  proto.mutable_network()->set_loss(static_cast<v1::Loss>(17));
  EXPECT_THAT(FromProto(proto),
              Invalid("network.loss: 17 is unknown, expected one of "
                      "softmax_cross_entropy, mean_squared_error, "
                      "binary_cross_entropy"));
  proto.mutable_network()->set_loss(v1::LOSS_UNSPECIFIED);
  EXPECT_THAT(FromProto(proto),
              Invalid(HasSubstr("network.loss: 0 is unknown")));
}

TEST(WireModelTest, SizesOutOfBoundsNameTheirLayer) {
  v1::ModelDefinition proto = Network();
  proto.mutable_network()->mutable_layers(0)->mutable_dense()->set_units(
      (1 << 20) + 1);
  EXPECT_THAT(FromProto(proto),
              Invalid(HasSubstr("network.layers[0].dense.units: 1048577")));
  proto = Network();
  proto.mutable_network()->mutable_layers(0)->set_name("Head 1");
  EXPECT_THAT(FromProto(proto),
              Invalid(HasSubstr("network.layers[0].name: 'Head 1'")));
}

TEST(WireModelTest, ANetworkHasInputAndLayers) {
  v1::ModelDefinition proto;
  proto.mutable_network();
  EXPECT_THAT(FromProto(proto),
              Invalid("network.input: missing, expected a list, each element "
                      "a whole number from 1 to 1048576"));
  proto = Network();
  for (int i = 0; i < 3; ++i) proto.mutable_network()->add_input(1);
  EXPECT_THAT(FromProto(proto),
              Invalid("network.input: 4 elements, expected at most 3"));
  proto = Network();
  proto.mutable_network()->clear_layers();
  EXPECT_THAT(FromProto(proto), Invalid(HasSubstr("network.layers: missing")));
}

TEST(WireModelTest, BlocksNestUpToTheBound) {
  EXPECT_THAT(FromProto(Nested(learning::kMaxResidualDepth)), IsOk());
  EXPECT_THAT(
      FromProto(Nested(learning::kMaxResidualDepth + 1)),
      Invalid(AllOf(
          HasSubstr("body[0].residual: "),
          HasSubstr("inside 4 others, expected at most 4 inside each other"))));
  // As deep as protobuf parses.
  EXPECT_THAT(FromProto(Nested(45)), Invalid(HasSubstr("inside 4 others")));
}

TEST(WireModelTest, BlocksBesideEachOtherAreNotInsideEachOther) {
  v1::ModelDefinition proto = Nested(4);
  for (int i = 0; i < 5; ++i) {
    *proto.mutable_network()->add_layers() = Nested(4).network().layers(0);
  }
  EXPECT_THAT(FromProto(proto), IsOk());
}

TEST(WireModelTest, LayersInsideOfBlocksCount) {
  v1::ModelDefinition proto = Nested(1);
  v1::ResidualLayer& block =
      *proto.mutable_network()->mutable_layers(0)->mutable_residual();
  while (block.body_size() < 200) block.add_body()->mutable_flatten();
  while (block.shortcut_size() < 55) block.add_shortcut()->mutable_flatten();
  EXPECT_THAT(FromProto(proto), IsOk());  // 1 + 200 + 55
  proto.mutable_network()->add_layers()->mutable_flatten();
  EXPECT_THAT(FromProto(proto),
              Invalid("network.layers: 257 layers with those inside of "
                      "residual ones, expected at most 256"));
}

TEST(WireModelTest, AMaskNeedsImputation) {
  v1::ModelDefinition proto = Network();
  proto.mutable_preprocessing()->set_mask(true);
  EXPECT_THAT(FromProto(proto), Invalid(HasSubstr("preprocessing.mask: given "
                                                  "without")));
  proto.mutable_preprocessing()->set_impute(true);
  EXPECT_THAT(FromProto(proto), IsOk());
}

}  // namespace
}  // namespace shoal::protocol
