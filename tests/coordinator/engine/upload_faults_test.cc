// Masked uploads that break the protocol of secure aggregation.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::StoreFault;

class UploadFaultsTest : public RoundGroupsFixture {
 protected:
  void SetUp() override {
    Begin(SecureTask(8));
    Train(8);
  }
  // Until they have something to upload.
  void MaskAll() {
    while (devices_[0]->upload().empty()) Upload(AllBut(8, {}));
  }
  // They send what they have.
  void Upload(const std::vector<int>& devices) {
    for (const int i : devices) devices_[i]->Act(engine(), now_);
    Advance();
  }
};

// --- what is one
// --------------------------------------------------------------

struct Lie {
  const char* name;
  std::string (*change)(std::string);
  const char* why;
};

class UploadLieTest : public UploadFaultsTest,
                      public ::testing::WithParamInterface<Lie> {};

TEST_P(UploadLieTest, ItsGroupHearsOfItAtOnce) {
  devices_[3]->ChangeUpload(GetParam().change);
  const absl::Time began = now_;
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted) << "nobody was waited for";
  EXPECT_EQ(now_, began);
  ExpectMeanOf(AllBut(8, {3}));
  EXPECT_EQ(devices_[0]->num_afresh(), 0);
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(devices_[3]->refusal().message(), HasSubstr(GetParam().why));
  EXPECT_THAT(Faults(),
              ElementsAre(AllOf(StartsWith("3: in its masked upload: "),
                                HasSubstr(GetParam().why))));
  EXPECT_EQ(OutcomeOf(3, 1), "refused: group_fault");
  const auto groups = Require(memory_->ReadRound(1)).groups;
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].lost, (std::array<int, 4>{0, 1, 0, 0}));
}

INSTANTIATE_TEST_SUITE_P(
    Lies, UploadLieTest,
    ::testing::Values(
        Lie{"Shorter", [](std::string upload) { return upload.substr(0, 50); },
            "the upload claims 50 bytes"},
        Lie{"Longer",
            [](std::string upload) {
              return upload +
                     std::string(protocol::kMaxMaskedMessageBytes, 'x');
            },
            "of a masked update"},
        Lie{"OneByteLonger", [](std::string upload) { return upload + "x"; },
            "bytes, expected"},
        Lie{"NoUpload",
            [](std::string upload) { return std::string(upload.size(), 'x'); },
            "no masked vectors"},
        Lie{"OtherVersion",
            [](std::string upload) {
              upload[4] = 9;
              return upload;
            },
            "in version 9"}),
    [](const auto& info) { return info.param.name; });

using TwoGroupsTest = RoundGroupsFixture;

TEST_F(TwoGroupsTest, SoIsAnUploadForTheGroupOfOthers) {
  constexpr size_t kSessionBegins = 8;
  configuration::Task task = SecureTask(8);
  task.secure_aggregation->max_group = 4;
  Begin(task);
  Train(8);
  while (devices_[7]->upload().empty()) {
    for (auto& device : devices_) device->Act(engine(), now_);
    Advance();
  }
  std::string lie = devices_[3]->upload();
  for (auto& device : devices_) {
    const std::string other =
        device->upload().substr(kSessionBegins, Digest::kSize);
    if (other == lie.substr(kSessionBegins, Digest::kSize)) continue;
    lie.replace(kSessionBegins, Digest::kSize, other);
    break;
  }
  const auto outcome = Require(Send(3, devices_[3]->token(), lie));
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted) << "nobody was waited for";
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(
      Faults(),
      ElementsAre(HasSubstr("is for a group that the device is not in")));
  EXPECT_EQ(Require(memory_->ReadRound(1)).groups.size(), 2u);
  ExpectMeanOf(AllBut(8, {3}));
}

TEST_F(UploadFaultsTest, BytesThatWereDamagedOnTheirWayAreNone) {
  MaskAll();
  std::string damaged = devices_[3]->upload();
  damaged.back() ^= 1;
  UploadStart start = Require(
      EngineTest::Begin(3, devices_[3]->token(), devices_[3]->upload()));
  SHOAL_ASSERT_OK(SendRest(*start.stream, damaged));
  EXPECT_THAT(Finish(*start.stream, std::make_shared<Outcome>()),
              IsRefusal(RefusalCode::kDigestMismatch));
  start.stream.reset();
  Exchange();
  EXPECT_EQ(First().accepted, 8);
  EXPECT_THAT(Faults(), IsEmpty());
}

// --- where it is known
// --------------------------------------------------------

TEST_F(UploadFaultsTest, WhoeverWaitsForAGroupWaitsNoMore) {
  devices_[3]->Act(engine(), now_);
  Advance();
  EXPECT_TRUE(devices_[3]->is_waiting());
  EXPECT_THAT(Send(3, devices_[3]->token(), "nonsense").status(),
              IsRefusal(RefusalCode::kGroupFault));
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted) << "nobody was waited for";
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(Faults(), ElementsAre(StartsWith("3: in its masked upload: ")));
  const auto groups = Require(memory_->ReadRound(1)).groups;
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].members, 7);
  ExpectMeanOf(AllBut(8, {3}));
}

class KnownUploadFaultsTest : public UploadFaultsTest {
 protected:
  void SetUp() override {
    UploadFaultsTest::SetUp();
    devices_[3]->ChangeUpload(
        [](std::string upload) { return std::string(upload.size(), 'x'); });
    MaskAll();
  }
  void ExpectGroupGoesOn() {
    const absl::Time began = now_;
    Exchange();
    EXPECT_EQ(First().state, RoundState::kCommitted) << "nobody was waited for";
    EXPECT_EQ(now_, began);
    EXPECT_THAT(Faults(), ElementsAre(StartsWith("3: in its masked upload: ")));
    ExpectMeanOf(AllBut(8, {3}));
  }
};

TEST_F(KnownUploadFaultsTest, TheGroupHearsAfterARestartToo) {
  devices_[3]->Act(engine(), now_);
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  Restart();
  for (auto& device : devices_) device->Reconnect();
  ExpectGroupGoesOn();
}

TEST_F(KnownUploadFaultsTest, AndWhenThatItHasHeardCouldNotBeWritten) {
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([](absl::string_view method) {
    return method == "AppendGroupRows" ? StoreFault::kBefore
                                       : StoreFault::kNone;
  });
  Upload({3});
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  store_.SetFaults(nullptr);
  Pass(absl::Seconds(5));
  ExpectGroupGoesOn();
}

TEST_F(KnownUploadFaultsTest, NobodyIsToldOfOneThatIsNoRow) {
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordFault" ? StoreFault::kBefore : StoreFault::kNone;
  });
  Upload({3});
  EXPECT_TRUE(devices_[3]->comes_back());
  EXPECT_THAT(Faults(), IsEmpty());
  store_.SetFaults(nullptr);
  devices_[3]->Reconnect();
  ExpectGroupGoesOn();
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
}

// Only who leads the round can tell the group.
TEST_F(KnownUploadFaultsTest, WhoeverDoesNotLeadSendsTheDeviceOn) {
  const std::string upload = devices_[3]->upload();
  UploadStart start =
      Require(EngineTest::Begin(3, devices_[3]->token(), upload));
  SHOAL_ASSERT_OK(SendRest(*start.stream, upload));
  Require(memory_->AcquireLease("task", "other", now_ + absl::Hours(1),
                                absl::Hours(2)));
  Pass(options_.lease_duration);
  Advance();
  EXPECT_THAT(Finish(*start.stream, std::make_shared<Outcome>()),
              IsRefusal(RefusalCode::kStoreUnavailable));
  EXPECT_THAT(Faults(), IsEmpty());
}

// --- before they are durable -------------------------------------------------

struct Write {
  const char* method;          // that fails
  std::vector<int> uploading;  // at once
  StoreFault fault;
};

class UndurableUploadFaultsTest : public UploadFaultsTest,
                                  public ::testing::WithParamInterface<Write> {
};

TEST_P(UndurableUploadFaultsTest, NobodyIsTold) {
  devices_[3]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kMask ? "" : message;
  });
  MaskAll();
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([](absl::string_view method) {
    return method == GetParam().method ? GetParam().fault : StoreFault::kNone;
  });
  Upload(GetParam().uploading);
  EXPECT_TRUE(devices_[3]->refusal().ok()) << devices_[3]->refusal();
  EXPECT_EQ(devices_[3]->num_afresh(), 0);
  if (GetParam().fault == StoreFault::kBefore) {
    EXPECT_THAT(Faults(), IsEmpty());
  }
  store_.SetFaults(nullptr);
  RunToEnd();
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(Faults(), ElementsAre(StartsWith("3: in group ")));
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(8, {3}));
}

INSTANTIATE_TEST_SUITE_P(
    Writes, UndurableUploadFaultsTest,
    ::testing::Values(Write{"AppendGroupRows", {3}, StoreFault::kBefore},
                      Write{"AppendGroupRows", {3}, StoreFault::kAfter},
                      Write{"CommitSegment", {2, 3, 4}, StoreFault::kBefore},
                      Write{"CommitSegment", {2, 3, 4}, StoreFault::kAfter}),
    [](const auto& info) {
      return absl::StrCat(
          info.param.method,
          info.param.fault == StoreFault::kBefore ? "Before" : "After");
    });

}  // namespace
}  // namespace shoal::coordinator
