// What is simulated is what is deployed: the same task, data and seeds lead to
// bit-identical models through the in-process transport and through gRPC with
// mutual TLS, where devices report in whatever order they happen to.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "client/client_state.h"
#include "client/session_run.h"
#include "client/transport/grpc_transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/data_source.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "simulations/federation.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal::testing {
namespace {

using ::testing::ElementsAreArray;

constexpr int kDevices = 5;
constexpr uint64_t kSeed = 17;
constexpr absl::Duration kGiveUpAfter = absl::Seconds(60);

struct Models {
  std::vector<Digest> versions;  // oldest first
  std::string final_model;
};

class ParityTest : public ::testing::Test {
 protected:
  ParityTest() {
    learning::DataSource source;
    source.kind = learning::HandwritingSource{.seed = 3, .mean_examples = 30};
    data_ = *learning::FederatedData::Open(source, {}, kDevices, kSeed);
    for (int i = 0; i < kDevices; ++i) {
      devices_.push_back(*data_->LoadDevice(i));
    }
    task_.name = "parity";
    task_.population = "writers";
    task_.model.architecture = learning::MlpSpec{784, {16}, 10};
    task_.training = {
        .epochs = 2,
        .batch_size = 8,
        .learning_rate = 0.1,
        .optimizer = {.rule = learning::SgdOptimizer{.momentum = 0.5}}};
    task_.algorithm = learning::FedProxLocal{0.01};
    task_.server_optimizer =
        configuration::SgdServerOptions{.learning_rate = 0.9, .momentum = 0.3};
    task_.round = {.cohort = kDevices,
                   .over_selection = 1,
                   .min_reports = kDevices,
                   .deadline = absl::Minutes(2)};
    task_.rounds = 4;
    task_.seed = 5;
  }

  Models Simulate() {
    simulations::FederationOptions options;
    options.task = task_;
    options.seed = kSeed;
    std::vector<const learning::Dataset*> devices;
    for (const auto& device : devices_) devices.push_back(device.get());
    const simulations::InMemoryPopulation population(devices);
    options.population = &population;
    auto result = simulations::RunFederation(options);
    EXPECT_THAT(result, IsOk());
    if (!result.ok()) return {};
    Models models;
    for (const auto& model : result->models) {
      models.versions.push_back(model.digest);
    }
    models.final_model = result->final_model;
    return models;
  }

  Models Deploy() {
    TestCoordinator coordinator;
    CreateTask(coordinator);
    std::atomic<bool> over = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < kDevices; ++i) {
      threads.emplace_back([&, i] { RunDevice(coordinator, i, over); });
    }
    const absl::Time deadline = absl::Now() + kGiveUpAfter;
    while (!over && absl::Now() < deadline) {
      const auto row = coordinator.store().GetTask(task_.name);
      if (row.ok() && coordinator::IsFinal(row->state)) over = true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    EXPECT_TRUE(over) << "the task did not complete";
    over = true;
    for (std::thread& thread : threads) thread.join();
    return Collect(coordinator.store());
  }

  configuration::Task task_;

 private:
  void CreateTask(const TestCoordinator& coordinator) {
    auto stub = v1::Admin::NewStub(coordinator.Connect(
        coordinator.Issue("operator", protocol::Role::kOperator)));
    grpc::ClientContext context;
    v1::CreateTaskRequest request;
    ASSERT_TRUE(request.mutable_task()->ParseFromString(
        configuration::SerializeTask(task_)));
    v1::TaskReport report;
    const grpc::Status status = stub->CreateTask(&context, request, &report);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  void RunDevice(const TestCoordinator& coordinator, int index,
                 const std::atomic<bool>& over) {
    const protocol::KeyAndCertificate identity = coordinator.Issue(
        absl::StrCat("device-", index), protocol::Role::kDevice);
    client::TransportOptions options;
    options.coordinator = coordinator.address();
    options.tls =
        client::ChannelTls{coordinator.ca().ca().certificate_pem,
                           identity.key_pem.Copy(), identity.certificate_pem};
    const auto transport =
        client::MakeGrpcTransport(std::move(options)).value();
    client::MemoryState state;
    const RealClock clock;
    client::SessionRunOptions driver;
    driver.population = task_.population;
    driver.seed = client::DeviceSeed(kSeed, index);
    driver.clock = &clock;
    driver.permission = [&over] {
      return over ? client::Permission::kStop : client::Permission::kGoOn;
    };
    const auto wait = [](absl::Duration d) {
      absl::SleepFor(std::min(d, absl::Milliseconds(20)));
    };
    while (!over) {
      const auto result =
          client::RunSession(driver, *transport, state, *devices_[index], wait);
      ASSERT_THAT(result, IsOk());
      wait(result->report.next_check_in);
    }
  }

  Models Collect(coordinator::RoundStore& store) {
    Models models;
    const auto rows = store.ListModels(task_.name, 100);
    EXPECT_THAT(rows, IsOk());
    if (!rows.ok() || rows->empty()) return models;
    for (const auto& row : *rows) {
      models.versions.insert(models.versions.begin(), row.digest);
    }
    const auto bytes =
        store.ReadModel(rows->front().digest, 0, rows->front().num_bytes);
    EXPECT_THAT(bytes, IsOk());
    if (bytes.ok()) models.final_model = *bytes;
    return models;
  }

  std::unique_ptr<learning::FederatedData> data_;
  std::vector<std::unique_ptr<learning::Dataset>> devices_;
};

// All devices work all the time and every buffer wants one update of each: what
// is counted does not depend on who is faster.
TEST_F(ParityTest, AsynchronousRoundsMakeTheSameModelsToo) {
  task_.round = {.cohort = kDevices,
                 .min_reports = kDevices,
                 .deadline = absl::Minutes(2)};
  task_.round.weighting = configuration::Weighting::kUniform;
  task_.round.asynchronous =
      configuration::AsynchronousRounds{.concurrency = kDevices};
  const Models simulated = Simulate();
  const Models deployed = Deploy();
  ASSERT_EQ(simulated.versions.size(), 5u);
  EXPECT_THAT(deployed.versions, ElementsAreArray(simulated.versions));
}

TEST_F(ParityTest, SimulationAndDeploymentMakeTheSameModels) {
  const Models simulated = Simulate();
  const Models deployed = Deploy();
  ASSERT_EQ(simulated.versions.size(), 5u);
  EXPECT_THAT(deployed.versions, ElementsAreArray(simulated.versions));
  EXPECT_EQ(deployed.final_model, simulated.final_model);
  EXPECT_EQ(Sha256(simulated.final_model), simulated.versions.back());
}

}  // namespace
}  // namespace shoal::testing
