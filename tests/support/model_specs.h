// Specifications of models at random, for everything that stores or sends them.
#ifndef SHOAL_TESTS_SUPPORT_MODEL_SPECS_H_
#define SHOAL_TESTS_SUPPORT_MODEL_SPECS_H_

#include <string>
#include <type_traits>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "learning/model_spec.h"
#include "learning/model_spec_fields.h"

namespace shoal::testing {

// Fills every field with something that the schema of task files takes, though
// no model needs come of it.
class RandomModelSpecs {
 public:
  explicit RandomModelSpecs(uint64_t seed) : rng_(seed) {}

  learning::ModelSpec Next() {
    learning::ModelSpec spec;
    Fill(spec);
    if (!spec.preprocessing.impute) spec.preprocessing.mask = false;
    return spec;
  }

 private:
  static constexpr uint64_t kNumLayerKinds = 16;
  static constexpr uint64_t kNumArchitectures = 8;

  template <typename Spec>
  void Fill(Spec& spec) {
    if constexpr (std::is_enum_v<Spec>) {
      spec = static_cast<Spec>(1 + rng_.Below(learning::kLastNumber<Spec>));
    } else {
      learning::VisitFields(
          spec, [this](const char*, auto& field) { this->Fill(field); });
    }
  }
  void Fill(int& value) { value = 2 + static_cast<int>(rng_.Below(14)); }
  void Fill(bool& value) { value = rng_.Below(2) == 0; }
  void Fill(double& value) { value = (1 + rng_.Below(15)) / 16.0; }
  void Fill(std::string& text) { text = rng_.Below(2) == 0 ? "" : "head_1"; }
  void Fill(std::vector<int>& values) {
    values.resize(2 + rng_.Below(2));
    for (int& value : values) Fill(value);
  }
  void Fill(std::vector<learning::LayerSpec>& layers) {
    ++depth_;
    layers.resize(1 + rng_.Below(3));
    for (learning::LayerSpec& layer : layers) Fill(layer);
    --depth_;
  }
  template <typename... Specs>
  void Fill(std::variant<Specs...>& variant) {
    constexpr bool kLayer = std::is_same_v<std::variant<Specs...>,
                                           decltype(learning::LayerSpec::kind)>;
    // The last kind is the residual block, which may stand so deep only.
    const bool leaf = depth_ > learning::kMaxResidualDepth;
    const uint64_t number =
        1 + rng_.Below(kLayer ? kNumLayerKinds - leaf : kNumArchitectures);
    ASSERT_TRUE(learning::Choose(variant, [number](const auto& identity) {
      return identity.number == number;
    }));
    std::visit([this](auto& spec) { this->Fill(spec); }, variant);
  }

  SeededRng rng_;
  int depth_ = 0;  // lists of layers around the one being filled
};

// Calls visit(spec) for a specification of every kind, with default fields.
template <typename Visit>
void VisitEveryKind(const Visit& visit) {
  const auto visit_all =
      [&visit]<typename... Specs>(const std::variant<Specs...>&) {
        for (int number = 1; number < 256; ++number) {
          std::variant<Specs...> variant;
          if (learning::Choose(variant, [number](const auto& identity) {
                return identity.number == number;
              })) {
            std::visit(visit, variant);
          }
        }
      };
  visit_all(decltype(learning::ModelSpec::architecture)());
  visit_all(decltype(learning::LayerSpec::kind)());
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_MODEL_SPECS_H_
