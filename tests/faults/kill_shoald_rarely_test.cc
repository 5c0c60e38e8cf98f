// Kills shoald where a committed round never comes by: when a round fails, when
// a task is created, when a device enrols.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/messages.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"
#include "tests/faults/fault_fleet.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

constexpr int kDevices = 2;
constexpr absl::Duration kPatience = absl::Seconds(60);

class KillShoaldRarelyTest : public ::testing::Test {
 protected:
  std::unique_ptr<v1::Fleet::Stub> FleetOf(const std::string& name) const {
    const auto device =
        protocol::Issue(shoald_.ca(), name, protocol::Role::kDevice, {},
                        absl::Now(), absl::Hours(1));
    return v1::Fleet::NewStub(shoald_.DeviceChannel(*device));
  }
  static void SetProtocol(v1::ProtocolVersion& version) {
    version.set_major(protocol::kProtocolVersion.major);
    version.set_minor(protocol::kProtocolVersion.minor);
  }

  // A device that takes a place in a round and is never heard of again.
  absl::Status TakeAPlace(const v1::Task& task) const {
    v1::CheckInRequest request;
    SetProtocol(*request.mutable_protocol());
    request.set_population(task.population());
    request.set_num_examples(10);
    request.add_update_codecs(1);
    const auto fleet = FleetOf("silent");
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      grpc::ClientContext context;
      v1::CheckInResponse answer;
      const grpc::Status status = fleet->CheckIn(&context, request, &answer);
      if (status.ok() && answer.has_assignment()) return absl::OkStatus();
      absl::SleepFor(absl::Milliseconds(10));
    }
    return absl::DeadlineExceededError("no round takes the device");
  }

  absl::StatusOr<std::string> Invite() const {
    grpc::ClientContext context;
    v1::InviteDevicesRequest request;
    request.set_uses(1);
    v1::Invitation invitation;
    const grpc::Status status =
        v1::Admin::NewStub(shoald_.OperatorChannel())
            ->InviteDevices(&context, request, &invitation);
    if (!status.ok()) return absl::InternalError(status.error_message());
    return invitation.token();
  }

  absl::Status Enroll(const std::string& invitation, const Secret& key) const {
    v1::EnrollRequest request;
    SetProtocol(*request.mutable_protocol());
    request.set_invitation(invitation);
    request.set_device_name("attic");
    SHOAL_ASSIGN_OR_RETURN(*request.mutable_certificate_request(),
                           protocol::MakeRequest(key, "attic"));
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::EnrollResponse response;
    const grpc::Status status =
        FleetOf("any")->Enroll(&context, request, &response);
    return protocol::StatusFromWire(
        static_cast<absl::StatusCode>(status.error_code()),
        status.error_message(), status.error_details());
  }

  ShoaldProcess shoald_;
};

class KillAtFailureTest : public KillShoaldRarelyTest,
                          public ::testing::WithParamInterface<std::string> {};

TEST_P(KillAtFailureTest, RoundFailsOnceAndTheTaskGoesOn) {
  v1::Task task = FaultTask("unlucky", kDevices, 2);
  task.mutable_round()->mutable_deadline()->set_seconds(1);
  SHOAL_ASSERT_OK(shoald_.Start(GetParam()));
  SHOAL_ASSERT_OK(shoald_.CreateTask(task));
  SHOAL_ASSERT_OK(TakeAPlace(task));
  ASSERT_TRUE(shoald_.AwaitDeath(kPatience)) << shoald_.Log();

  SHOAL_ASSERT_OK(shoald_.Start());
  // So that the devices meet a new round only.
  const absl::Time deadline = absl::Now() + kPatience;
  auto report = shoald_.GetTask(task.name());
  while (absl::Now() < deadline && report->rounds_failed() == 0) {
    absl::SleepFor(absl::Milliseconds(10));
    report = shoald_.GetTask(task.name());
    SHOAL_ASSERT_OK(report);
  }
  FaultFleet fleet(shoald_, task, kDevices);
  SHOAL_ASSERT_OK(shoald_.AwaitCompletion(task.name(), kPatience));
  SHOAL_ASSERT_OK_AND_ASSIGN(const v1::TaskReport over,
                             shoald_.GetTask(task.name()));
  EXPECT_EQ(over.rounds_failed(), 1);
  fleet.Stop();
  EXPECT_THAT(shoald_.Stop(), IsOkAndHolds(0)) << shoald_.Log();
  SHOAL_EXPECT_OK(CheckInvariants(shoald_.database(), task, fleet));
}

INSTANTIATE_TEST_SUITE_P(Failure, KillAtFailureTest,
                         ::testing::Values("before_fail_round",
                                           "after_fail_round"),
                         [](const auto& info) { return info.param; });

TEST_F(KillShoaldRarelyTest, TaskWhoseCreationWasNotAnsweredIsThere) {
  const v1::Task task = FaultTask("unanswered", kDevices, 1);
  SHOAL_ASSERT_OK(shoald_.Start("after_create_task"));
  EXPECT_FALSE(shoald_.CreateTask(task).ok());
  ASSERT_TRUE(shoald_.AwaitDeath(kPatience)) << shoald_.Log();

  SHOAL_ASSERT_OK(shoald_.Start());
  EXPECT_THAT(shoald_.CreateTask(task),
              StatusIs(absl::StatusCode::kAlreadyExists));
  FaultFleet fleet(shoald_, task, kDevices);
  SHOAL_ASSERT_OK(shoald_.AwaitCompletion(task.name(), kPatience));
  fleet.Stop();
  EXPECT_THAT(shoald_.Stop(), IsOkAndHolds(0)) << shoald_.Log();
  SHOAL_EXPECT_OK(CheckInvariants(shoald_.database(), task, fleet));
}

TEST_F(KillShoaldRarelyTest, DeviceWhoseEnrolmentWasNotAnsweredGetsItsOneUse) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Secret key, protocol::MakeKey());
  SHOAL_ASSERT_OK_AND_ASSIGN(const Secret other, protocol::MakeKey());
  SHOAL_ASSERT_OK(shoald_.Start("after_use_invitation"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string invitation, Invite());
  EXPECT_FALSE(Enroll(invitation, key).ok());
  ASSERT_TRUE(shoald_.AwaitDeath(kPatience)) << shoald_.Log();

  SHOAL_ASSERT_OK(shoald_.Start());
  const auto refusal = protocol::RefusalOf(Enroll(invitation, other));
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, protocol::RefusalCode::kInvitationInvalid);
  SHOAL_EXPECT_OK(Enroll(invitation, key));
  EXPECT_THAT(shoald_.Stop(), IsOkAndHolds(0)) << shoald_.Log();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto store,
                             coordinator::OpenSqliteStore(shoald_.database()));
  EXPECT_EQ(store->ListDevices(10, "")->size(), 1u);
}

}  // namespace
}  // namespace shoal::testing
