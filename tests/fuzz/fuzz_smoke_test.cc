// A short, repeatable run of every fuzz target over mutations of valid input.
// Long runs use the libFuzzer programs of the same folder.
#include <algorithm>
#include <string>

#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/fuzz/fuzz_targets.h"

namespace shoal::testing {
namespace {

constexpr int kMutationsPerTarget = 1000;
constexpr uint64_t kSeed = 20'240'607;

// Changes one place of `data`: a bit, a byte, a range removed, repeated or
// filled with the same byte.
void Mutate(std::string& data, SeededRng& rng) {
  if (data.empty()) {
    data.push_back(static_cast<char>(rng.Below(256)));
    return;
  }
  const size_t at = rng.Below(data.size());
  const size_t size = 1 + rng.Below(std::min<size_t>(16, data.size() - at));
  switch (rng.Below(6)) {
    case 0:
      data[at] ^= static_cast<char>(1 << rng.Below(8));
      return;
    case 1:
      data[at] = static_cast<char>(rng.Below(256));
      return;
    case 2:
      data.erase(at, size);
      return;
    case 3:
      data.insert(at, data.substr(at, size));
      return;
    case 4:
      data.resize(at);
      return;
    default:
      data.replace(at, size, size, rng.Below(2) == 0 ? '\0' : '\xff');
  }
}

class FuzzSmokeTest : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzSmokeTest, KeepsItsPromisesOnValidInput) {
  ASSERT_FALSE(GetParam().valid_inputs().empty());
  for (const std::string& input : GetParam().valid_inputs()) {
    GetParam().run(input);
  }
}

TEST_P(FuzzSmokeTest, KeepsItsPromisesOnMutatedInput) {
  const std::vector<std::string> inputs = GetParam().valid_inputs();
  SeededRng rng(DeriveSeed(kSeed, GetParam().name));
  for (int i = 0; i < kMutationsPerTarget; ++i) {
    std::string data = inputs[i % inputs.size()];
    for (uint64_t n = 1 + rng.Below(4); n > 0; --n) Mutate(data, rng);
    GetParam().run(data);
  }
}

INSTANTIATE_TEST_SUITE_P(Decoders, FuzzSmokeTest,
                         ::testing::ValuesIn(AllFuzzTargets().begin(),
                                             AllFuzzTargets().end()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace shoal::testing
