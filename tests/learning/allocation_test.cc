// Training on a device must not touch the heap: counts calls of operator new.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "learning/model.h"
#include "tests/support/status_matchers.h"

namespace {

std::atomic<int64_t> num_allocations = 0;

}  // namespace

void* operator new(size_t size) {
  ++num_allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace shoal::learning {
namespace {

TEST(AllocationTest, WarmModelTrainsWithoutAllocating) {
  SHOAL_ASSERT_OK_AND_ASSIGN(std::unique_ptr<Model> model,
                             Model::Create({MlpSpec{784, {200, 200}, 10}}));
  SeededRng rng(1);
  ParameterVector parameters = model->Initialise(rng);
  ParameterVector velocity(parameters.size());
  const std::vector<float> features(32 * 784, 0.1f);
  const std::vector<int32_t> labels(32, 3);
  const Batch batch = {features, labels};
  const Batch partial = {absl::MakeConstSpan(features.data(), 7 * 784),
                         absl::MakeConstSpan(labels.data(), 7)};
  const SgdStep step = {.learning_rate = 0.01f,
                        .momentum = 0.9f,
                        .velocity = absl::MakeSpan(velocity)};
  model->Train(absl::MakeSpan(parameters), batch, step);
  const int64_t before = num_allocations;
  for (int i = 0; i < 3; ++i) {
    model->Train(absl::MakeSpan(parameters), batch, step);
    model->Train(absl::MakeSpan(parameters), partial, step);
    model->Evaluate(parameters, batch);
  }
  EXPECT_EQ(num_allocations - before, 0);
}

}  // namespace
}  // namespace shoal::learning
