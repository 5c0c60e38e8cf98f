// What networks do to a device's sessions with a real shoald, over both
// transports: whatever happens, the update is counted, once.
#include <algorithm>
#include <iterator>
#include <string>

#include "absl/time/clock.h"
#include "base/file.h"
#include "client/include/shoal/grpc_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/agent_process.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/relay.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

using CreateClient = absl::StatusOr<std::unique_ptr<Client>> (*)(
    const ClientOptions&, const ClientDependencies&);

struct Sdk {
  const char* name;
  CreateClient create;
};
constexpr Sdk kSdks[] = {{"Lean", Client::Create}, {"Grpc", CreateGrpcClient}};

// Fits the model of AgentTask.
class BlankPictures final : public ExampleSource {
 public:
  int64_t num_examples() const override { return 4; }
  int num_features() const override { return 784; }
  int num_classes() const override { return 10; }
  int32_t label(int64_t index) const override {
    return static_cast<int32_t>(index);
  }
  void CopyFeatures(int64_t, absl::Span<float> out) const override {
    std::fill(out.begin(), out.end(), 0.5f);
  }
};

// A shoald with AgentTask for one device, which has been enrolled.
class NetworkFaults {
 public:
  absl::Status SetUp(int rounds) {
    absl::Status status = shoald_.Start();
    status.Update(shoald_.CreateTask(AgentTask(/*agents=*/1, rounds)));
    if (!status.ok()) return status;
    const absl::StatusOr<std::string> invitation = Invite(shoald_, 1);
    if (!invitation.ok()) return invitation.status();
    return Enroll({.coordinator = shoald_.address(),
                   .ca_pem = shoald_.ca().certificate_pem,
                   .invitation = *invitation,
                   .device_name = "device",
                   .state_folder = State()})
        .status();
  }

  absl::StatusOr<std::unique_ptr<Client>> MakeClient(
      CreateClient create, const std::string& address,
      absl::Duration idle_window) {
    ClientOptions options;
    options.coordinator = address;
    options.state_folder = State();
    options.population = AgentTask(1, 1).population();
    options.max_backoff = absl::Milliseconds(50);
    options.idle_window = idle_window;
    ClientDependencies dependencies;
    dependencies.examples = &examples_;
    return create(options, dependencies);
  }

  // Runs sessions until one contributes.
  static absl::Status Contribute(Client& client) {
    const absl::Time end = absl::Now() + kPatience;
    while (true) {
      const absl::StatusOr<SessionReport> report = client.RunOnce();
      if (!report.ok()) return report.status();
      if (report->outcome == SessionReport::kContributed) {
        return absl::OkStatus();
      }
      if (absl::Now() > end) {
        return absl::DeadlineExceededError(report->explanation);
      }
      // The next round may not be open yet.
      absl::SleepFor(absl::Milliseconds(2));
    }
  }

  // REQUIRES: shoald runs.
  absl::Status CheckCounted(int rounds) {
    absl::Status status = shoald_.AwaitCompletion("agents", kPatience);
    if (!status.ok()) return status;
    status = shoald_.Stop().status();
    if (!status.ok()) return status;
    return CheckEveryAgentCountedOnce(shoald_.database(), 1, rounds);
  }

  ShoaldProcess& shoald() { return shoald_; }

 private:
  std::string State() const { return folder_.path() + "/state"; }

  TemporaryFolder folder_{"shoal-network"};
  BlankPictures examples_;
  ShoaldProcess shoald_;
};

// The model, and the update, have about 800 000 bytes.
struct Fault {
  const char* name;
  RelayOptions relay;
  absl::Duration idle_window = absl::Seconds(10);
};

const Fault kFaults[] = {
    {"SlowLink", {.piece_bytes = 8192, .pause = absl::Milliseconds(1)}},
    {"LateLink", {.pause = absl::Milliseconds(10)}},
    {"LossyLink", {.piece_bytes = 16 * 1024, .loss = 0.1}},
    {"CutInTheHandshake", {.hits = 2, .after_bytes_down = 1000}},
    {"CutInTheDownload", {.hits = 2, .after_bytes_down = 300'000}},
    {"CutInTheUpload", {.hits = 2, .after_bytes_up = 300'000}},
    // (An upload of this size is soon on its way as a whole: then the receipt
    // has a minute in any case.)
    {"SilenceInTheHandshake",
     {.fault = RelayOptions::kFallSilent, .hits = 1, .after_bytes_down = 1000},
     absl::Milliseconds(500)},
    {"SilenceInTheDownload",
     {.fault = RelayOptions::kFallSilent,
      .hits = 1,
      .after_bytes_down = 30'000},
     absl::Milliseconds(500)},
    {"TrickleInTheDownload",
     {.fault = RelayOptions::kTrickle, .hits = 1, .after_bytes_down = 30'000},
     absl::Milliseconds(500)},
};

class NetworkFaultTest : public ::testing::TestWithParam<Sdk> {};

// One round for every fault.
TEST_P(NetworkFaultTest, DeviceIsCountedOnceWhateverHappens) {
  NetworkFaults faults;
  SHOAL_ASSERT_OK(faults.SetUp(std::size(kFaults)));
  for (const Fault& fault : kFaults) {
    SCOPED_TRACE(fault.name);
    RelayOptions options = fault.relay;
    options.target = faults.shoald().address();
    const Relay relay(options);
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto client, faults.MakeClient(GetParam().create, relay.address(),
                                             fault.idle_window));
    SHOAL_ASSERT_OK(NetworkFaults::Contribute(*client));
    EXPECT_EQ(relay.hits_made(), options.hits);
  }
  SHOAL_EXPECT_OK(faults.CheckCounted(std::size(kFaults)));
}

INSTANTIATE_TEST_SUITE_P(Sdks, NetworkFaultTest, ::testing::ValuesIn(kSdks),
                         [](const auto& info) { return info.param.name; });

class RestartTest : public ::testing::TestWithParam<Sdk> {};

// A stopped one says goodbye (GOAWAY), a killed one does not; the device may
// still hold a connection to either.
TEST_P(RestartTest, DeviceGoesOnWithTheNewCoordinator) {
  constexpr int kRounds = 3;
  NetworkFaults faults;
  SHOAL_ASSERT_OK(faults.SetUp(kRounds));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto client,
      faults.MakeClient(GetParam().create, faults.shoald().address(),
                        absl::Seconds(10)));
  SHOAL_ASSERT_OK(NetworkFaults::Contribute(*client));
  SHOAL_ASSERT_OK(faults.shoald().Stop().status());
  SHOAL_ASSERT_OK(faults.shoald().Start());
  SHOAL_ASSERT_OK(NetworkFaults::Contribute(*client));
  faults.shoald().Kill();
  ASSERT_TRUE(faults.shoald().AwaitDeath(kPatience));
  SHOAL_ASSERT_OK(faults.shoald().Start());
  SHOAL_ASSERT_OK(NetworkFaults::Contribute(*client));
  SHOAL_EXPECT_OK(faults.CheckCounted(kRounds));
}

INSTANTIATE_TEST_SUITE_P(Sdks, RestartTest, ::testing::ValuesIn(kSdks),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::testing
