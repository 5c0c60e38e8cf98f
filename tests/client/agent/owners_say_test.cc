#include "client/agent/owners_say.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "client/file_state.h"
#include "client/include/shoal/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class OwnersSayTest : public ::testing::Test {
 protected:
  OwnersSayTest() {
    std::filesystem::create_directory(state_);
    config_.coordinator = "127.0.0.1:1";  // where nobody listens
    config_.state = state_;
    config_.insecure = true;
  }
  // Without an identity there is nobody whom a coordinator could forget.
  void GiveIdentity() {
    SHOAL_ASSERT_OK(ReplaceFile(state_ + "/device.txt", "a device\n"));
  }
  ForgetAnswer Forget(bool without_coordinator, bool json) const {
    return SayForget(config_, without_coordinator, json, Failpoints());
  }
  nlohmann::json ForgetJson() const {
    return nlohmann::json::parse(Forget(false, /*json=*/true).text, nullptr,
                                 false);
  }

  TemporaryFolder folder_;
  const std::string state_ = folder_.path() + "/state";
  configuration::AgentConfig config_;
};

TEST_F(OwnersSayTest, OptingOutAndInIsSaidAndDone) {
  EXPECT_THAT(SayParticipation(config_, false, /*json=*/false),
              IsOkAndHolds(HasSubstr("opted out")));
  EXPECT_THAT(GetParticipation(state_), IsOkAndHolds(Participation::kOptedOut));
  EXPECT_THAT(SayParticipation(config_, true, /*json=*/false),
              IsOkAndHolds(HasSubstr("opted in")));
  EXPECT_THAT(GetParticipation(state_),
              IsOkAndHolds(Participation::kTakesPart));
}

TEST_F(OwnersSayTest, JsonHasTheWordsOfTheStatus) {
  EXPECT_THAT(SayParticipation(config_, false, /*json=*/true),
              IsOkAndHolds("{\n  \"participation\": \"opted_out\"\n}\n"));
  EXPECT_THAT(SayParticipation(config_, true, /*json=*/true),
              IsOkAndHolds("{\n  \"participation\": \"takes_part\"\n}\n"));
}

TEST_F(OwnersSayTest, FolderThatIsNotThereIsWrongInput) {
  config_.state = folder_.path() + "/none";
  EXPECT_THAT(SayParticipation(config_, false, /*json=*/false),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/none")));
  const ForgetAnswer answer = Forget(false, /*json=*/false);
  EXPECT_THAT(answer.status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/none")));
  EXPECT_THAT(answer.text, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(config_.state));
}

TEST_F(OwnersSayTest, DeviceThatIsBeingForgottenCannotOptIn) {
  GiveIdentity();
  EXPECT_THAT(Forget(false, /*json=*/false).status,
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(SayParticipation(config_, true, /*json=*/false),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is being forgotten")));
}

TEST_F(OwnersSayTest, WarningNamesWhatIsLost) {
  EXPECT_THAT(ForgetWarning(config_),
              AllOf(HasSubstr(state_), HasSubstr("127.0.0.1:1"),
                    HasSubstr("cannot be undone")));
}

// Scripts read the object, and the exit code besides.
TEST_F(OwnersSayTest, ForgettingThatIsNotConfirmedIsSaidWithItsReason) {
  GiveIdentity();
  const nlohmann::json said = ForgetJson();
  EXPECT_EQ(said["participation"], "forgetting");
  EXPECT_THAT(said.value("error", ""), HasSubstr("has not confirmed"));
  EXPECT_TRUE(std::filesystem::exists(state_ + "/device.txt"));
}

TEST_F(OwnersSayTest, ForgettingIsGoneOnWithAndDone) {
  GiveIdentity();
  EXPECT_EQ(ForgetJson()["participation"], "forgetting");
  const ForgetAnswer answer =
      Forget(/*without_coordinator=*/true, /*json=*/false);
  SHOAL_EXPECT_OK(answer.status);
  EXPECT_THAT(answer.text, AllOf(HasSubstr("is forgotten"),
                                 Not(HasSubstr("ends by itself"))));
  EXPECT_FALSE(std::filesystem::exists(state_ + "/device.txt"));
  const nlohmann::json again = ForgetJson();
  EXPECT_EQ(again["participation"], "forgotten");
  EXPECT_FALSE(again.contains("error"));
}

TEST_F(OwnersSayTest, AgentThatRunsMeanwhileIsMentioned) {
  GiveIdentity();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto lock, FolderLock::Take(state_));
  const ForgetAnswer answer =
      Forget(/*without_coordinator=*/true, /*json=*/false);
  SHOAL_EXPECT_OK(answer.status);
  EXPECT_THAT(answer.text, HasSubstr("the agent that uses the folder ends by "
                                     "itself"));
}

// A forgetting that cannot begin, since the coordinator has no address.
class FailedForgetTest : public ::testing::Test {
 protected:
  nlohmann::json Forget(const std::string& folder) {
    configuration::AgentConfig config;
    config.coordinator = "nowhere";
    config.state = folder;
    const ForgetAnswer answer = SayForget(config, /*without_coordinator=*/false,
                                          /*json=*/true, Failpoints());
    EXPECT_FALSE(answer.status.ok());
    return nlohmann::json::parse(answer.text, nullptr, false);
  }
  void Enrol() {
    for (const char* name : {"/key.pem", "/certificate.pem", "/ca.pem"}) {
      SHOAL_ASSERT_OK(ReplaceFile(folder_.path() + name, "x"));
    }
  }

  TemporaryFolder folder_;
};

TEST_F(FailedForgetTest, ForgettingThatFailsTellsWhatHolds) {
  Enrol();
  EXPECT_EQ(Forget(folder_.path())["participation"], "takes_part");
  SHOAL_ASSERT_OK(SetParticipation(folder_.path(), false));
  EXPECT_EQ(Forget(folder_.path())["participation"], "opted_out");
}

// Since an agent has done it, say.
TEST_F(FailedForgetTest, DeviceThatIsForgottenTakesNoPart) {
  EXPECT_EQ(Forget(folder_.path())["participation"], "forgotten");
}

TEST_F(FailedForgetTest, WithoutAFolderNothingIsSaidOfTheDevice) {
  const nlohmann::json said = Forget(folder_.path() + "/absent");
  EXPECT_FALSE(said.contains("participation"));
  EXPECT_TRUE(said.contains("error"));
}

}  // namespace
}  // namespace shoal::client
