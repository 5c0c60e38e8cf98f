// What a running client makes of its owner's word.
#include "client/participation.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "client/client_runner.h"
#include "client/file_state.h"
#include "client/forgetting.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_transport.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::ElementsAre;
using testing::FakeFleet;
using testing::FakeTransport;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Rpc;
using testing::SmallExamples;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

class ParticipationTest : public ::testing::Test {
 protected:
  // A client in the folder; `on_event` hears of every event, `on_call` of every
  // call.
  std::unique_ptr<Client> MakeIn(
      std::function<void(ClientEvent::Kind)> on_event = nullptr,
      std::function<void(Rpc)> on_call = nullptr) {
    ClientParts parts;
    parts.session.population = FakeFleet::kPopulation;
    parts.session.clock = &clock_;
    parts.folder = Folder();
    parts.lock = *FolderLock::Take(Folder());
    parts.state = *OpenFileState(Folder());
    parts.data =
        std::make_shared<const learning::InMemoryDataset>(SmallExamples());
    parts.connect = [this, on_call] {
      auto transport = std::make_unique<FakeTransport>(fleet_);
      if (on_call) transport->set_on_call(on_call);
      transport_ = transport.get();
      ++transports_;
      return transport;
    };
    parts.on_event = [on_event](const ClientEvent& event) {
      if (on_event) on_event(event.kind);
    };
    return MakeClient(std::move(parts));
  }

  std::string Folder() const { return folder_.path() + "/state"; }
  void OptOut() { EXPECT_THAT(SetParticipation(Folder(), false), IsOk()); }
  void OptIn() { EXPECT_THAT(SetParticipation(Folder(), true), IsOk()); }
  void BeginToForget() {
    EXPECT_THAT(BeginForgetting(Folder(), absl::Now()), IsOk());
    EXPECT_THAT(DeleteLocalData(Folder()), IsOk());
  }
  void Write(const std::string& name) {
    SHOAL_ASSERT_OK(ReplaceFile(Folder() + "/" + name, "x"));
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  RealClock clock_;
  TemporaryFolder folder_;
  FakeFleet fleet_;
  int transports_ = 0;
  FakeTransport* transport_ = nullptr;  // the last one
};

TEST_F(ParticipationTest, WhoHasOptedOutRunsNoSessionAndMakesNoCall) {
  const auto client = MakeIn();
  OptOut();
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_EQ(report.next_check_in, absl::Minutes(5));
  EXPECT_EQ(report.explanation, "the device's owner has opted out");
  SHOAL_ASSERT_OK_AND_ASSIGN(const TickResult tick,
                             client->Tick(absl::ZeroDuration()));
  EXPECT_EQ(tick.report->outcome, SessionReport::kHeldBack);
  EXPECT_EQ(transports_, 0);
}

TEST_F(ParticipationTest, WhoOptsInAgainContributes) {
  const auto client = MakeIn();
  OptOut();
  SHOAL_ASSERT_OK(client->RunOnce());
  OptIn();
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
}

TEST_F(ParticipationTest, ModelAtHandPredictsWithoutParticipation) {
  const auto client = MakeIn();
  SHOAL_ASSERT_OK(client->RunOnce());
  OptOut();
  SHOAL_ASSERT_OK(client->RunOnce());
  EXPECT_THAT(client->Predict({1.0f, 0.0f, 0.0f, 0.0f}), IsOk());
}

TEST_F(ParticipationTest, SessionEndsBeforeItsNextMiniBatchAndTellsNobody) {
  const auto client = MakeIn([this](ClientEvent::Kind kind) {
    if (kind == ClientEvent::kFetched) OptOut();
  });
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_EQ(report.num_steps, 0);
  EXPECT_THAT(transport_->calls(),
              ElementsAre(Rpc::kCheckIn, Rpc::kFetchModel));
  EXPECT_EQ(transport_->num_closed(), 1);
}

TEST_F(ParticipationTest, UpdateThatWasNotAcknowledgedIsNeverSent) {
  bool opted_out = false;
  const auto client = MakeIn([&](ClientEvent::Kind kind) {
    if (kind == ClientEvent::kTrained && !std::exchange(opted_out, true)) {
      OptOut();
    }
  });
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_FALSE(HasPendingUpload(Folder()));
  OptIn();
  SHOAL_ASSERT_OK(client->RunOnce());  // a session of its own
  EXPECT_EQ(fleet_.counted().size(), 1u);
  EXPECT_EQ(transport_->bytes_sent(),
            static_cast<int64_t>(fleet_.counted()[0].size()));
}

TEST_F(ParticipationTest, UploadEndsBeforeItsNextChunk) {
  const auto client = MakeIn(nullptr, [this](Rpc rpc) {
    if (rpc == Rpc::kUpload) OptOut();
  });
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_EQ(report.bytes_sent, 16);  // one chunk of this transport
  EXPECT_EQ(transport_->num_dropped(), 1);
  EXPECT_THAT(fleet_.counted(), IsEmpty());
  EXPECT_FALSE(HasPendingUpload(Folder()));
}

TEST_F(ParticipationTest, UploadOfAnEarlierProcessIsNotResumed) {
  {
    const auto client = MakeIn(nullptr, [this](Rpc rpc) {
      if (rpc == Rpc::kUpload) {
        transport_->FailNext(Rpc::kUpload, absl::CancelledError("killed"));
      }
    });
    SHOAL_ASSERT_OK(client->RunOnce());
  }
  ASSERT_TRUE(HasPendingUpload(Folder()));
  OptOut();  // no client runs
  EXPECT_FALSE(HasPendingUpload(Folder()));
}

// --- forgetting --------------------------------------------------------------

TEST_F(ParticipationTest, ForgettingEndsTheSessionAndLetsGoOfTheFolder) {
  const auto client = MakeIn([this](ClientEvent::Kind kind) {
    if (kind == ClientEvent::kFetched) BeginToForget();
  });
  Write("device.txt");
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kForgotten);
  EXPECT_THAT(transport_->calls(),
              ElementsAre(Rpc::kCheckIn, Rpc::kFetchModel));
  // Whoever has begun it needs its identity, and goes on.
  EXPECT_THAT(Names(),
              UnorderedElementsAre("lock", "device.txt", "forgetting"));

  SHOAL_ASSERT_OK(DeleteIdentity(Folder()));
  SHOAL_ASSERT_OK(client->RunOnce());
  EXPECT_THAT(Names(), ElementsAre("lock"));
}

TEST_F(ParticipationTest, WhatAClientWritesMeanwhileIsDeletedToo) {
  const auto client = MakeIn([this](ClientEvent::Kind kind) {
    // Beside the deletion: the update was saved before it, this comes after.
    if (kind == ClientEvent::kTrained) {
      BeginToForget();
      Write("pending.bin");
      Write("status.json");
    }
  });
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kForgotten);
  EXPECT_THAT(Names(), ElementsAre("lock"));
  EXPECT_THAT(fleet_.counted(), IsEmpty());
}

TEST_F(ParticipationTest, ForgottenClientStaysSoWhenTheMarkIsGone) {
  const auto client = MakeIn();
  SHOAL_ASSERT_OK(client->RunOnce());
  BeginToForget();
  SHOAL_ASSERT_OK(client->RunOnce());
  ASSERT_THAT(Names(), ElementsAre("lock"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kForgotten);
  EXPECT_THAT(client->Predict({1.0f, 0.0f, 0.0f, 0.0f}),
              StatusIs(kFailedPrecondition));
  EXPECT_THAT(client->NewestModel(), StatusIs(kFailedPrecondition));
  EXPECT_EQ(fleet_.counted().size(), 1u);
  EXPECT_THAT(Names(), ElementsAre("lock"));
}

TEST_F(ParticipationTest, StopOfATickedSessionTellsThatItIsForgotten) {
  bool fetched = false;
  const auto client = MakeIn([&](ClientEvent::Kind kind) {
    if (kind == ClientEvent::kFetched) fetched = true;
  });
  while (!fetched) SHOAL_ASSERT_OK(client->Tick(absl::ZeroDuration()));
  BeginToForget();
  const std::optional<SessionReport> report = client->Stop();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->outcome, SessionReport::kForgotten);
}

}  // namespace
}  // namespace shoal::client
