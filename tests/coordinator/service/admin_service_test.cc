#include "coordinator/service/admin_service.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/service/service_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::Role;
using ::shoal::testing::FromGrpc;
using ::shoal::testing::IsOk;
using ::shoal::testing::RawDevice;
using ::shoal::testing::RawOperator;
using ::shoal::testing::RefusalCodeOf;
using ::shoal::testing::ServiceTest;
using ::shoal::testing::SmallTask;
using ::shoal::testing::StatusIs;
using ::shoal::testing::Update;
using ::testing::HasSubstr;

class AdminServiceTest : public ServiceTest {
 protected:
  // Reports once, and waits for the model that comes of it.
  void CommitRound(const std::string& task) {
    RawDevice device = Device("phone");
    v1::UploadReceipt receipt;
    ASSERT_THAT(FromGrpc(device.Upload(device.AwaitAssignment().token(),
                                       Update(0.5f), receipt)),
                IsOk());
    const uint64_t before = committed_++;
    while (operator_.GetTask(task).rounds_committed() <= before) {
    }
  }

  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::Admin::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response& response) {
    return FromGrpc(operator_.Call(method, request, response));
  }

  uint64_t committed_ = 0;
};

TEST_F(AdminServiceTest, DevicesAndStrangersAreRefused) {
  v1::StatusReport status;
  RawOperator device = Operator(coordinator_.Issue("phone", Role::kDevice));
  EXPECT_EQ(RefusalCodeOf(device.Call(&v1::Admin::Stub::GetStatus,
                                      v1::GetStatusRequest(), status)),
            RefusalCode::kPermissionDenied);
  RawOperator stranger(coordinator_.ConnectAnonymously());
  EXPECT_EQ(RefusalCodeOf(stranger.Call(&v1::Admin::Stub::GetStatus,
                                        v1::GetStatusRequest(), status)),
            RefusalCode::kUnauthenticated);
}

TEST_F(AdminServiceTest, StreamsAreRefusedToDevicesToo) {
  RawOperator device = Operator(coordinator_.Issue("phone", Role::kDevice));
  grpc::ClientContext watch_context;
  const auto watch = device.stub().WatchRounds(&watch_context, {});
  v1::RoundReport round;
  EXPECT_FALSE(watch->Read(&round));
  EXPECT_EQ(RefusalCodeOf(watch->Finish()), RefusalCode::kPermissionDenied);
  grpc::ClientContext download_context;
  const auto download = device.stub().DownloadModel(&download_context, {});
  v1::ModelChunk chunk;
  EXPECT_FALSE(download->Read(&chunk));
  EXPECT_EQ(RefusalCodeOf(download->Finish()), RefusalCode::kPermissionDenied);
}

TEST_F(AdminServiceTest, StatusTellsVersionTasksAndTraffic) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  CommitRound("small");
  v1::StatusReport status;
  SHOAL_ASSERT_OK(
      Call(&v1::Admin::Stub::GetStatus, v1::GetStatusRequest(), status));
  EXPECT_EQ(status.version(), Version());
  EXPECT_EQ(status.tasks_size(), 1);
  EXPECT_EQ(status.devices(), 1u);
  EXPECT_EQ(status.devices_seen_last_hour(), 1u);
  EXPECT_EQ(status.bytes_received(), Update(0.5f).size());
  EXPECT_GT(status.resident_bytes(), 0u);
}

TEST_F(AdminServiceTest, CreatedTaskIsListedAndShownAsItWasWritten) {
  operator_.CreateTask(SmallTask("small", 3, 5));
  v1::ListTasksResponse list;
  SHOAL_ASSERT_OK(
      Call(&v1::Admin::Stub::ListTasks, v1::ListTasksRequest(), list));
  ASSERT_EQ(list.tasks_size(), 1);
  EXPECT_EQ(list.tasks(0).task().round().cohort(), 3u);
  EXPECT_EQ(operator_.GetTask("small").state(), v1::TASK_STATE_ACTIVE);
  EXPECT_EQ(operator_.GetTask("small").current_model().size(), 32u);
}

TEST_F(AdminServiceTest, ImpossibleTaskIsRefusedWithItsPath) {
  v1::CreateTaskRequest request;
  *request.mutable_task() = SmallTask("small", 3, 5);
  request.mutable_task()->mutable_round()->set_min_reports(4);
  v1::TaskReport report;
  EXPECT_THAT(Call(&v1::Admin::Stub::CreateTask, request, report),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("round.min_reports")));
}

TEST_F(AdminServiceTest, SecondTaskOfANameIsRefused) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  v1::CreateTaskRequest request;
  *request.mutable_task() = SmallTask("small", 1, 5);
  v1::TaskReport report;
  EXPECT_THAT(Call(&v1::Admin::Stub::CreateTask, request, report),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("small")));
}

TEST_F(AdminServiceTest, TaskIsPausedResumedAndStopped) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  for (const v1::TaskState state :
       {v1::TASK_STATE_PAUSED, v1::TASK_STATE_ACTIVE, v1::TASK_STATE_STOPPED}) {
    v1::SetTaskStateRequest request;
    request.set_name("small");
    request.set_state(state);
    v1::TaskReport report;
    SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::SetTaskState, request, report));
    EXPECT_EQ(report.state(), state);
  }
}

TEST_F(AdminServiceTest, NobodyCanCompleteATaskByDecree) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  v1::SetTaskStateRequest request;
  request.set_name("small");
  request.set_state(v1::TASK_STATE_COMPLETED);
  v1::TaskReport report;
  EXPECT_THAT(Call(&v1::Admin::Stub::SetTaskState, request, report),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AdminServiceTest, RoundsAreReportedAndExplained) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  CommitRound("small");
  v1::ListRoundsRequest request;
  request.set_task("small");
  v1::ListRoundsResponse list;
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::ListRounds, request, list));
  const v1::RoundReport& first = *list.rounds().rbegin();
  EXPECT_EQ(first.state(), v1::ROUND_STATE_COMMITTED);
  EXPECT_EQ(first.accepted(), 1u);
  EXPECT_THAT(first.explanation(), HasSubstr("accepted 1"));
  v1::GetRoundRequest get;
  get.set_id(first.id());
  v1::RoundReport round;
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::GetRound, get, round));
  EXPECT_EQ(round.committed_model(), first.committed_model());
}

TEST_F(AdminServiceTest, RefusedDevicesAreTheTroubleOfAnOpenRound) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  RawDevice device = Device("phone");
  v1::CheckInRequest greeting = RawDevice::Greeting();
  greeting.set_num_examples(0);
  v1::TaskReport task;
  do {  // until the round is open
    v1::CheckInResponse response;
    SHOAL_ASSERT_OK(FromGrpc(device.CheckIn(greeting, response)));
    EXPECT_FALSE(response.has_assignment());
    task = operator_.GetTask("small");
  } while (task.trouble().empty());
  EXPECT_THAT(task.trouble(), HasSubstr("not eligible (the device has no "
                                        "examples)"));
  EXPECT_THAT(task.newest_round().explanation(), HasSubstr("not eligible"));
}

TEST_F(AdminServiceTest, WhatDoesNotExistIsNotFound) {
  v1::GetTaskRequest task;
  task.set_name("none");
  v1::TaskReport task_report;
  EXPECT_THAT(Call(&v1::Admin::Stub::GetTask, task, task_report),
              StatusIs(absl::StatusCode::kNotFound));
  v1::ListRoundsRequest rounds;
  rounds.set_task("none");
  v1::ListRoundsResponse round_list;
  EXPECT_THAT(Call(&v1::Admin::Stub::ListRounds, rounds, round_list),
              StatusIs(absl::StatusCode::kNotFound));
  v1::GetRoundRequest round;
  round.set_id(99);
  v1::RoundReport round_report;
  EXPECT_THAT(Call(&v1::Admin::Stub::GetRound, round, round_report),
              StatusIs(absl::StatusCode::kNotFound));
  v1::GetDeviceRequest device;
  device.set_id("none");
  v1::DeviceReport device_report;
  EXPECT_THAT(Call(&v1::Admin::Stub::GetDevice, device, device_report),
              StatusIs(absl::StatusCode::kNotFound));
  v1::GetModelRequest model;
  model.set_digest_prefix("none");
  v1::ModelReport model_report;
  EXPECT_THAT(Call(&v1::Admin::Stub::GetModel, model, model_report),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(AdminServiceTest, ModelIsFoundByTaskVersionAndDigest) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  CommitRound("small");
  const auto version_of = [this](const std::string& text) {
    v1::GetModelRequest request;
    request.set_digest_prefix(text);
    v1::ModelReport report;
    SHOAL_EXPECT_OK(Call(&v1::Admin::Stub::GetModel, request, report));
    return report;
  };
  const v1::ModelReport newest = version_of("small");
  EXPECT_EQ(newest.version(), 1u);
  EXPECT_EQ(version_of("small@0").version(), 0u);
  const std::string hex = Digest::FromBytes(newest.digest())->ToHex();
  EXPECT_EQ(version_of(hex).version(), 1u);
  EXPECT_EQ(version_of(hex.substr(0, 10)).version(), 1u);
}

TEST_F(AdminServiceTest, OldModelsCanBeDownloaded) {
  operator_.CreateTask(SmallTask("small", 1, 5));
  const std::string first = operator_.GetTask("small").current_model();
  CommitRound("small");
  grpc::ClientContext context;
  v1::DownloadModelRequest request;
  request.set_digest(first);
  const auto stream = operator_.stub().DownloadModel(&context, request);
  std::string bytes;
  v1::ModelChunk chunk;
  while (stream->Read(&chunk)) bytes += chunk.data();
  SHOAL_EXPECT_OK(FromGrpc(stream->Finish()));
  EXPECT_EQ(Sha256(bytes).AsBytes(), first);
}

TEST_F(AdminServiceTest, WatcherSeesEveryRoundAndTheEndOfTheTask) {
  operator_.CreateTask(SmallTask("small", 1, 3));
  grpc::ClientContext context;
  v1::WatchRoundsRequest request;
  request.set_task("small");
  const auto stream = operator_.stub().WatchRounds(&context, request);
  v1::RoundReport report;
  ASSERT_TRUE(stream->Read(&report));
  for (int i = 0; i < 3; ++i) CommitRound("small");
  std::vector<uint64_t> committed;
  do {
    if (report.state() == v1::ROUND_STATE_COMMITTED) {
      committed.push_back(report.number());
    }
  } while (stream->Read(&report));
  SHOAL_EXPECT_OK(FromGrpc(stream->Finish()));
  EXPECT_THAT(committed, ::testing::ElementsAre(1, 2, 3));
}

TEST_F(AdminServiceTest, WatcherIsToldWhatItMissed) {
  operator_.CreateTask(SmallTask("small", 1, 3));
  for (int i = 0; i < 3; ++i) CommitRound("small");
  v1::ListRoundsRequest list;
  list.set_task("small");
  v1::ListRoundsResponse newest_first;
  SHOAL_ASSERT_OK(FromGrpc(
      operator_.Call(&v1::Admin::Stub::ListRounds, list, newest_first)));
  ASSERT_EQ(newest_first.rounds_size(), 3);
  grpc::ClientContext context;
  v1::WatchRoundsRequest request;
  request.set_task("small");
  request.set_since_round(newest_first.rounds(2).id());
  const auto stream = operator_.stub().WatchRounds(&context, request);
  std::vector<uint64_t> committed;
  v1::RoundReport report;
  while (stream->Read(&report)) committed.push_back(report.number());
  SHOAL_EXPECT_OK(FromGrpc(stream->Finish()));
  EXPECT_THAT(committed, ::testing::ElementsAre(1, 2, 3));
}

TEST_F(AdminServiceTest, WatcherOfNoTaskIsTold) {
  grpc::ClientContext context;
  v1::WatchRoundsRequest request;
  request.set_task("none");
  const auto stream = operator_.stub().WatchRounds(&context, request);
  v1::RoundReport report;
  EXPECT_FALSE(stream->Read(&report));
  EXPECT_THAT(FromGrpc(stream->Finish()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST_F(AdminServiceTest, WatcherMayGoAway) {
  operator_.CreateTask(SmallTask("small", 1, 3));
  grpc::ClientContext context;
  v1::WatchRoundsRequest request;
  request.set_task("small");
  const auto stream = operator_.stub().WatchRounds(&context, request);
  v1::RoundReport report;
  ASSERT_TRUE(stream->Read(&report));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  CommitRound("small");
}

TEST_F(AdminServiceTest, DevicesAreListedInPagesAndShown) {
  v1::CheckInResponse response;
  for (const char* name : {"phone-x", "phone-y", "phone-z"}) {
    RawDevice device = Device(name);
    SHOAL_ASSERT_OK(FromGrpc(device.CheckIn(RawDevice::Greeting(), response)));
  }
  v1::ListDevicesRequest request;
  request.set_limit(2);
  v1::ListDevicesResponse page;
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::ListDevices, request, page));
  ASSERT_EQ(page.devices_size(), 2);
  request.set_after_id(page.devices(1).id());
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::ListDevices, request, page));
  ASSERT_EQ(page.devices_size(), 1);
  v1::GetDeviceRequest get;
  get.set_id("phone-y");
  v1::DeviceReport device;
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::GetDevice, get, device));
  EXPECT_EQ(device.num_examples(), 10u);
  EXPECT_EQ(device.population(), "phones");
}

TEST_F(AdminServiceTest, FaultsAreShownWithTheirDevice) {
  v1::CheckInResponse response;
  RawDevice device = Device("phone-x");
  SHOAL_ASSERT_OK(FromGrpc(device.CheckIn(RawDevice::Greeting(), response)));
  v1::GetDeviceRequest get;
  get.set_id("phone-x");
  v1::DeviceReport report;
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::GetDevice, get, report));
  EXPECT_EQ(report.faults_size(), 0);
  for (const int round : {7, 9}) {
    SHOAL_ASSERT_OK(coordinator_.store().RecordFault(
        {report.id(), round, absl::FromUnixSeconds(1000 + round),
         absl::StrCat("lie ", round)}));
  }

  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::GetDevice, get, report));

  ASSERT_EQ(report.faults_size(), 2);
  EXPECT_EQ(report.faults(0).device(), report.id());
  EXPECT_EQ(report.faults(0).round_id(), 9u);
  EXPECT_EQ(report.faults(0).at().seconds(), 1009);
  EXPECT_EQ(report.faults(0).what(), "lie 9");
  EXPECT_EQ(report.faults(1).what(), "lie 7");
}

TEST_F(AdminServiceTest, GroupsAreShownWithTheirRound) {
  v1::CreateTaskRequest create;
  *create.mutable_task() = SmallTask("grouped", 2, 1);
  v1::TaskReport task;
  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::CreateTask, create, task));
  v1::GetTaskRequest get;
  get.set_name("grouped");
  while (!task.has_newest_round()) {
    SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::GetTask, get, task));
  }
  EXPECT_FALSE(task.newest_round().has_groups());
  const auto id = static_cast<int64_t>(task.newest_round().id());
  for (const std::string why : {"", "too few are left"}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const Lease lease,
        coordinator_.store().AcquireLease("grouped", EngineOptions().replica,
                                          absl::Now(), absl::Seconds(15)));
    NewGroupRows rows = {id, Sha256(why), 0, {"row"}, lease};
    rows.summary = {Sha256(why), 8, {1, 0, 0, 2}, why};
    SHOAL_ASSERT_OK(coordinator_.store().AppendGroupRows(rows));
  }

  SHOAL_ASSERT_OK(Call(&v1::Admin::Stub::GetTask, get, task));

  const v1::GroupsReport& groups = task.newest_round().groups();
  EXPECT_EQ(groups.formed(), 2u);
  EXPECT_EQ(groups.members(), 16u);
  EXPECT_EQ(groups.burnt(), 1u);
  ASSERT_EQ(groups.lost_size(), 2);
  EXPECT_EQ(groups.lost(0).step(), "sharing");
  EXPECT_EQ(groups.lost(0).devices(), 2u);
  EXPECT_EQ(groups.lost(1).step(), "unmasking");
  EXPECT_EQ(groups.lost(1).devices(), 4u);
  ASSERT_EQ(groups.burn_reasons_size(), 1);
  EXPECT_EQ(groups.burn_reasons(0), "too few are left");
  EXPECT_THAT(task.newest_round().explanation(),
              HasSubstr("It formed 2 groups of 16 devices in all, of which 1 "
                        "was burnt (too few are left)."));
}

TEST_F(AdminServiceTest, EndlessInvitationIsRefused) {
  v1::InviteDevicesRequest request;
  request.mutable_valid_for()->set_seconds(-1);
  v1::Invitation invitation;
  EXPECT_THAT(
      Call(&v1::Admin::Stub::InviteDevices, request, invitation),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("valid_for")));
}

}  // namespace
}  // namespace shoal::coordinator
