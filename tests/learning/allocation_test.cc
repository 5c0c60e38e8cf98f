// Training on a device must not touch the heap: counts every call of malloc
// and its kin, whoever makes it.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "learning/predictor.h"
#include "tests/learning/model_examples.h"

namespace {

std::atomic<int64_t> num_allocations = 0;

}  // namespace

// Sanitizers have an allocator of their own, which must not be replaced; under
// them these tests only look for errors.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__) && defined(__GLIBC__)
#define SHOAL_COUNTS_ALLOCATIONS 1
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  ++num_allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++num_allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  ++num_allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++num_allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++num_allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? 12 : 0;
}
}
#endif

namespace shoal::learning {
namespace {

class AllocationTest : public ::testing::TestWithParam<NamedModel> {};

TEST_P(AllocationTest, NothingIsAllocatedOnceTrainingStarts) {
  const auto model = MakeModel(GetParam().spec);
  const ParameterVector start = RandomParameters(*model, 1);
  const Examples examples(*model, 8, 2);
  const LocalOptimizer optimizers[] = {
      {SgdOptimizer{}},
      {SgdOptimizer{.momentum = 0.9, .weight_decay = 0.1}},
      {AdamOptimizer{}},
      {AdamOptimizer{.decoupled = true}, /*clip_norm=*/1}};
  for (const LocalOptimizer& optimizer : optimizers) {
    for (const bool recompute : {false, true}) {
      for (const int64_t micro : {8, 3}) {
        TestTrainer trainer(
            *model, optimizer,
            {.batch_rows = 8, .micro_rows = micro, .recompute = recompute},
            start);
        const int64_t before = num_allocations;
        trainer->ResetOptimizer();
        trainer->StartStep(8, {.learning_rate = 0.01f});
        for (int64_t at = 0; at < 8; at += micro) {
          trainer->AddPart(examples.part(at, std::min<int64_t>(micro, 8 - at)));
        }
        trainer->FinishStep();
        EXPECT_EQ(num_allocations - before, 0);
      }
    }
  }
}

TEST_P(AllocationTest, NothingIsAllocatedOncePredictionStarts) {
  const auto model = MakeModel(GetParam().spec);
  const ParameterVector parameters = RandomParameters(*model, 1);
  const Examples examples(*model, 8, 2);
  OwnedPredictor predictor(*model, 8);
  const int64_t before = num_allocations;
  predictor->Predict(parameters, examples.batch().features);
  predictor->Evaluate(parameters, examples.batch());
  predictor->Predict(parameters, examples.part(0, 1).features);
  EXPECT_EQ(num_allocations - before, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, AllocationTest,
                         ::testing::ValuesIn(EveryModel()),
                         [](const auto& info) { return info.param.name; });

#ifdef SHOAL_COUNTS_ALLOCATIONS
TEST(AllocationCounterTest, CountsAllocations) {
  const int64_t before = num_allocations;
  volatile size_t size = 10;
  std::free(std::malloc(size));
  delete new int(1);
  const std::vector<float> values(size);
  const Block block(1000);
  EXPECT_GE(num_allocations - before, 4);
}
#endif

}  // namespace
}  // namespace shoal::learning
