// The C interface, with a real gRPC server at the other end.
#include <sys/stat.h>

#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/file.h"
#include "client/include/shoal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "protocol/certificates.h"
#include "tests/client/transport/fleet_server.h"
#include "tests/support/other_user.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

template <typename T>
T Sized() {
  T made = {};
  made.struct_size = sizeof(T);
  return made;
}

class CApiTest : public ::testing::Test {
 protected:
  CApiTest() {
    service_.set_enrollment_ca({ca_.key_pem.Copy(), ca_.certificate_pem});
    options_.coordinator = address_.c_str();
    options_.state_folder = state_.c_str();
    options_.population = FakeFleet::kPopulation;
    examples_.context = &data_;
    examples_.num_features = data_.num_features();
    examples_.num_classes = data_.num_classes();
    examples_.count = [](void* data) { return Data(data).num_examples(); };
    examples_.features = [](void* data, int64_t index, float* out,
                            size_t size) {
      Data(data).CopyFeatures(index, {out, size});
    };
    examples_.labels = [](void* data, int64_t index, int32_t* out, size_t) {
      *out = Data(data).label(index);
    };
    callbacks_.context = this;
    callbacks_.event = [](void* test, shoal_event_kind kind, const char*) {
      static_cast<CApiTest*>(test)->events_.push_back(kind);
    };
  }
  ~CApiTest() override { shoal_client_destroy(client_); }

  static const learning::InMemoryDataset& Data(void* data) {
    return *static_cast<learning::InMemoryDataset*>(data);
  }
  int32_t Enroll() {
    auto enroll = Sized<shoal_enroll_options>();
    enroll.coordinator = options_.coordinator;
    enroll.ca_pem = ca_.certificate_pem.c_str();
    enroll.invitation = "welcome";
    enroll.device_name = "device-1";
    enroll.state_folder = options_.state_folder;
    return shoal_enroll(&enroll, id_, &error_);
  }
  int32_t Create() { return CreateWith(&examples_); }
  int32_t CreateWith(const shoal_examples* examples) {
    return shoal_client_create(&options_, examples, &callbacks_, &client_,
                               &error_);
  }

  const absl::Time now_ = absl::Now();
  const protocol::KeyAndCertificate ca_ =
      *protocol::MakeCa("test", now_, absl::Hours(1));
  const protocol::KeyAndCertificate coordinator_ =
      *protocol::Issue(ca_, "coordinator", protocol::Role::kCoordinator,
                       {"127.0.0.1"}, now_, absl::Hours(1));
  TemporaryFolder folder_;
  const std::string state_ = folder_.path() + "/state";
  FakeFleet fleet_;
  FleetService service_{fleet_};
  FleetServer server_{service_, &coordinator_, ca_.certificate_pem};
  const std::string address_ = server_.address();
  learning::InMemoryDataset data_ = SmallExamples();
  std::vector<shoal_event_kind> events_;

  shoal_options options_ = Sized<shoal_options>();
  shoal_examples examples_ = Sized<shoal_examples>();
  shoal_callbacks callbacks_ = Sized<shoal_callbacks>();
  shoal_error error_ = Sized<shoal_error>();
  shoal_client* client_ = nullptr;
  char id_[65] = {};
};

TEST_F(CApiTest, TicksContributeAndPredict) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  EXPECT_EQ(std::strlen(id_), 64u);
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  auto tick = Sized<shoal_tick_result>();
  for (int i = 0; !tick.session_ended; ++i) {
    ASSERT_LT(i, 100000);
    ASSERT_EQ(shoal_tick(client_, 10, &tick, &error_), SHOAL_OK);
  }
  EXPECT_GT(tick.next_ms, 0);
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_last_report(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_CONTRIBUTED) << report.explanation;
  EXPECT_GT(report.num_steps, 0);
  EXPECT_TRUE(std::isnan(report.energy_joules));
  EXPECT_THAT(events_, Contains(SHOAL_EVENT_UPLOADED));
  std::vector<float> features(examples_.num_features);
  float out[2] = {};
  size_t count = 0;
  ASSERT_EQ(shoal_predict(client_, features.data(), features.size(), out, 2,
                          &count, &error_),
            SHOAL_OK);
  EXPECT_EQ(count, static_cast<size_t>(examples_.num_classes));
  EXPECT_GT(out[0], 0);
}

// Adds a quarter to every parameter with every step.
struct CountingEngine {
  int64_t num_parameters = 0;
  int64_t steps = 0;
  std::string first_tensor;
  bool cancelled = false;

  static CountingEngine& Of(void* context) {
    return *static_cast<CountingEngine*>(context);
  }
  shoal_trainer Functions() {
    auto trainer = Sized<shoal_trainer>();
    trainer.context = this;
    trainer.num_examples = [](void*) { return int64_t{20}; };
    trainer.plan = [](void*, const shoal_training_task* task,
                      shoal_training_cost* cost) {
      cost->num_steps = 3 * task->epochs;
      return int32_t{SHOAL_OK};
    };
    trainer.begin = [](void* context, const shoal_training_task* task,
                       const float* base) {
      Of(context).num_parameters = task->num_parameters;
      Of(context).first_tensor = task->tensors[0].name;
      return base[0] == 0 ? int32_t{SHOAL_OK} : int32_t{SHOAL_INTERNAL};
    };
    trainer.step = [](void* context) {
      ++Of(context).steps;
      return int32_t{SHOAL_OK};
    };
    trainer.finish = [](void* context, float* delta,
                        shoal_training_metrics* metrics) {
      for (int64_t i = 0; i < Of(context).num_parameters; ++i) {
        delta[i] = 0.25f * static_cast<float>(Of(context).steps);
      }
      metrics->num_examples = 20;
      metrics->base_loss_sum = 10;
      return int32_t{SHOAL_OK};
    };
    trainer.cancel = [](void* context) { Of(context).cancelled = true; };
    return trainer;
  }
};

TEST_F(CApiTest, TrainerOfTheProductTakesTheSdksPlace) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  CountingEngine engine;
  const shoal_trainer trainer = engine.Functions();
  options_.trainer = &trainer;
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("several are given"));
  ASSERT_EQ(
      shoal_client_create(&options_, nullptr, &callbacks_, &client_, &error_),
      SHOAL_OK)
      << error_.message;
  size_t count = 0;
  EXPECT_EQ(shoal_newest_model(client_, nullptr, 0, &count, nullptr, &error_),
            SHOAL_FAILED_PRECONDITION);
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_CONTRIBUTED) << report.explanation;
  EXPECT_EQ(report.num_steps, 6);  // 3 in each of the plan's 2 epochs
  EXPECT_EQ(report.base_loss, 0.5);
  EXPECT_TRUE(std::isnan(report.base_accuracy));
  EXPECT_EQ(engine.num_parameters, 15);
  EXPECT_EQ(engine.first_tensor, "dense1.weight");
  EXPECT_FALSE(engine.cancelled);
  const auto update = learning::DecodeUpdate(fleet_.counted().at(0), 15);
  SHOAL_ASSERT_OK(update);
  EXPECT_EQ(update->delta[14], 1.5f);
  float values[2] = {-1, -1};
  int64_t version = 0;
  ASSERT_EQ(shoal_newest_model(client_, values, 2, &count, &version, &error_),
            SHOAL_OK);
  EXPECT_EQ(count, 15u);
  EXPECT_EQ(version, 1);
  EXPECT_EQ(values[1], 0);
}

TEST_F(CApiTest, StructuresToBeFilledInNeedTheirSize) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  shoal_tick_result tick = {};
  EXPECT_EQ(shoal_tick(client_, 0, &tick, &error_), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("result.struct_size: 0"));
  shoal_report report = {};
  EXPECT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_INVALID_ARGUMENT);
}

TEST_F(CApiTest, TrainerWithoutAFunctionIsNamed) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  CountingEngine engine;
  shoal_trainer trainer = engine.Functions();
  trainer.step = nullptr;
  options_.trainer = &trainer;
  EXPECT_EQ(shoal_client_create(&options_, nullptr, nullptr, &client_, &error_),
            SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("options.trainer.step: is NULL"));
}

TEST_F(CApiTest, FailureOfTheTrainerGivesTheAssignmentUp) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  CountingEngine engine;
  shoal_trainer trainer = engine.Functions();
  trainer.step = [](void*) { return int32_t{SHOAL_ABORTED}; };
  options_.trainer = &trainer;
  ASSERT_EQ(shoal_client_create(&options_, nullptr, nullptr, &client_, &error_),
            SHOAL_OK);
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_ABANDONED);
  EXPECT_THAT(report.explanation,
              HasSubstr("the product's trainer returned 10 from step"));
  EXPECT_TRUE(engine.cancelled);
}

TEST_F(CApiTest, DeviceTellsItsId) {
  std::array<char, 65> id = {};
  EXPECT_EQ(shoal_device_id(state_.c_str(), id.data(), &error_),
            SHOAL_NOT_FOUND);
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  ASSERT_EQ(shoal_device_id(state_.c_str(), id.data(), &error_), SHOAL_OK)
      << error_.message;
  EXPECT_THAT(id.data(), MatchesRegex("[0-9a-f]{64}"));
  EXPECT_EQ(shoal_device_id(state_.c_str(), nullptr, &error_),
            SHOAL_INVALID_ARGUMENT);
}

TEST_F(CApiTest, OwnerOptsOutAndIn) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_set_participation(state_.c_str(), 0, &error_), SHOAL_OK);
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_HELD_BACK);
  ASSERT_EQ(shoal_set_participation(state_.c_str(), 1, &error_), SHOAL_OK);
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_CONTRIBUTED) << report.explanation;
  EXPECT_EQ(shoal_set_participation("/absent", 0, &error_), SHOAL_NOT_FOUND);
  EXPECT_EQ(shoal_set_participation(nullptr, 0, nullptr), SHOAL_NOT_FOUND);
}

TEST_F(CApiTest, OwnerHasTheDeviceForgotten) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  EXPECT_EQ(shoal_forget(nullptr, &error_), SHOAL_INVALID_ARGUMENT);
  auto forget = Sized<shoal_forget_options>();
  forget.coordinator = "127.0.0.1:1";
  forget.state_folder = state_.c_str();
  EXPECT_EQ(shoal_forget(&forget, &error_), SHOAL_UNAVAILABLE);
  EXPECT_EQ(shoal_set_participation(state_.c_str(), 1, &error_),
            SHOAL_FAILED_PRECONDITION);
  forget.coordinator = address_.c_str();
  ASSERT_EQ(shoal_forget(&forget, &error_), SHOAL_OK) << error_.message;
  EXPECT_EQ(fleet_.times_forgotten(), 1);
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_FORGOTTEN);
  shoal_client_destroy(client_);
  client_ = nullptr;
  EXPECT_EQ(Create(), SHOAL_NOT_FOUND);
}

TEST_F(CApiTest, LimitsAndCallbacksReachTheSession) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  auto limits = Sized<shoal_limits>();
  limits.joules_per_day = 100;
  limits.max_celsius = 60;
  options_.limits = &limits;
  callbacks_.device_state = [](void*, shoal_device_state* state) {
    state->celsius = 75;
  };
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_HELD_BACK);
  EXPECT_THAT(report.explanation, HasSubstr("75"));
  EXPECT_NEAR(report.joules_left, 100, 1);
}

TEST_F(CApiTest, DemandsReachTheSession) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  auto demands = Sized<shoal_aggregation_demands>();
  demands.coordinator = SHOAL_COORDINATOR_MALICIOUS;
  options_.secure_aggregation = &demands;
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("secure_aggregation.ca"));
  demands.coordinator = 3;
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("coordinator: 3"));
  demands.coordinator = SHOAL_COORDINATOR_MALICIOUS;
  demands.ca_pem = ca_.certificate_pem.c_str();
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_ABANDONED);
  EXPECT_THAT(report.explanation, HasSubstr("insists on secure aggregation"));
  EXPECT_TRUE(fleet_.counted().empty());
}

TEST_F(CApiTest, TheProductsClockAndRandomnessAreUsed) {
  static int64_t clock_calls, random_calls;
  clock_calls = random_calls = 0;
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  callbacks_.monotonic_ns = [](void*) { return ++clock_calls * 1000; };
  callbacks_.wall_ns = [](void*) { return absl::ToUnixNanos(absl::Now()); };
  callbacks_.random = [](void*, uint8_t* out, size_t size) {
    ++random_calls;
    std::memset(out, 7, size);
  };
  ASSERT_EQ(Create(), SHOAL_OK) << error_.message;
  EXPECT_EQ(shoal_run_once(client_, nullptr, nullptr), SHOAL_OK);
  EXPECT_GT(clock_calls, 0);
  EXPECT_GT(random_calls, 0);
}

TEST_F(CApiTest, FolderThatCannotBeLookedAtIsAnError) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0), 0);
  {
    const AsOtherUser other;
    EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  }
  ASSERT_EQ(chmod(folder_.path().c_str(), 0700), 0);
  EXPECT_THAT(error_.message, HasSubstr("Permission denied"));
  const std::string long_name(300, 'x');
  options_.state_folder = long_name.c_str();
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("File name too long"));
}

TEST_F(CApiTest, WrongInputIsNamed) {
  EXPECT_EQ(Create(), SHOAL_NOT_FOUND) << "not enrolled";
  EXPECT_EQ(client_, nullptr);
  EXPECT_EQ(error_.code, SHOAL_NOT_FOUND);
  examples_.labels = nullptr;
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("examples.labels: is NULL"));
  examples_.num_features = 0;
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("examples.num_features: 0"));
  examples_.struct_size = 1;
  EXPECT_EQ(Create(), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("examples.struct_size: 1"));
  EXPECT_EQ(
      shoal_client_create(nullptr, &examples_, nullptr, &client_, nullptr),
      SHOAL_INVALID_ARGUMENT);
}

TEST_F(CApiTest, AddedExamplesAreTrainedOn) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  auto store = Sized<shoal_example_store>();
  store.num_features = data_.num_features();
  store.num_classes = data_.num_classes();
  store.max_age_ms = 60'000;
  options_.example_store = &store;
  ASSERT_EQ(CreateWith(nullptr), SHOAL_OK) << error_.message;
  const float features[] = {1, 0, 0, 0};
  const int32_t label = 0;
  auto example = Sized<shoal_example>();
  example.features = features;
  example.num_features = 4;
  EXPECT_EQ(shoal_add_example(client_, &example, &error_),
            SHOAL_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "the example has 0 labels, expected 1");
  example.num_labels = 1;
  EXPECT_EQ(shoal_add_example(client_, &example, &error_),
            SHOAL_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "example.labels: is NULL, expected 1 values");
  example.labels = &label;
  ASSERT_EQ(shoal_add_example(client_, &example, &error_), SHOAL_OK)
      << error_.message;
  auto report = Sized<shoal_report>();
  ASSERT_EQ(shoal_run_once(client_, &report, &error_), SHOAL_OK);
  EXPECT_EQ(report.outcome, SHOAL_OUTCOME_CONTRIBUTED) << report.explanation;
}

TEST_F(CApiTest, ExamplesComeFromExactlyOnePlace) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  EXPECT_EQ(CreateWith(nullptr), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("example_store: none is given"));
  auto store = Sized<shoal_example_store>();
  options_.example_store = &store;
  EXPECT_EQ(CreateWith(&examples_), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("several are given"));
  EXPECT_EQ(CreateWith(nullptr), SHOAL_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("example_store.num_features: 0"));
  options_.example_store = nullptr;
  ASSERT_EQ(CreateWith(&examples_), SHOAL_OK) << error_.message;
  const auto example = Sized<shoal_example>();
  EXPECT_EQ(shoal_add_example(client_, &example, &error_),
            SHOAL_FAILED_PRECONDITION);
}

TEST_F(CApiTest, ReportComesAfterTheFirstSession) {
  ASSERT_EQ(Enroll(), SHOAL_OK) << error_.message;
  ASSERT_EQ(Create(), SHOAL_OK);
  auto report = Sized<shoal_report>();
  EXPECT_EQ(shoal_last_report(client_, &report, &error_),
            SHOAL_FAILED_PRECONDITION);
}

}  // namespace
}  // namespace shoal::testing
