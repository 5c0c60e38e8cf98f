// The promised SDK (shoal/client.h, shoal/grpc_client.h) over both transports,
// with a real gRPC server at the other end.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "client/example_dataset.h"
#include "client/include/shoal/grpc_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "tests/client/transport/fleet_server.h"
#include "tests/support/other_user.h"
#include "tests/support/relay.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

struct Sdk {
  const char* name;
  absl::StatusOr<std::unique_ptr<Client>> (*create)(const ClientOptions&,
                                                    const ClientDependencies&);
  absl::StatusOr<std::string> (*enroll)(const EnrollOptions&);
  absl::Status (*forget)(const ForgetOptions&);
};

// What SmallPlan() is for.
class Examples final : public ExampleSource {
 public:
  int64_t num_examples() const override { return data_.num_examples(); }
  int num_features() const override { return data_.num_features(); }
  int num_classes() const override { return data_.num_classes(); }
  int32_t label(int64_t index) const override { return data_.label(index); }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    data_.CopyFeatures(index, out);
  }

 private:
  const learning::InMemoryDataset data_ = SmallExamples();
};

class DeviceClientTest : public ::testing::TestWithParam<Sdk> {
 protected:
  DeviceClientTest() {
    service_.set_enrollment_ca({ca_.key_pem.Copy(), ca_.certificate_pem});
  }

  EnrollOptions Enrolment() const {
    return {.coordinator = server_.address(),
            .ca_pem = ca_.certificate_pem,
            .invitation = "welcome",
            .device_name = "device-1",
            .state_folder = State()};
  }
  ClientOptions Options() const {
    ClientOptions options;
    options.coordinator = server_.address();
    options.state_folder = State();
    options.population = FakeFleet::kPopulation;
    return options;
  }
  absl::StatusOr<std::unique_ptr<Client>> Create(
      const std::string& proxy = "") {
    ClientOptions options = Options();
    options.proxy = proxy;
    ClientDependencies dependencies;
    dependencies.examples = &examples_;
    return GetParam().create(options, dependencies);
  }
  ForgetOptions Forgetting() const {
    return {.coordinator = server_.address(), .state_folder = State()};
  }
  std::vector<std::string> NamesInState() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(State())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  std::string State() const { return folder_.path() + "/" + state_name_; }

  std::string state_name_ = "state";
  const absl::Time now_ = absl::Now();
  const protocol::KeyAndCertificate ca_ =
      *protocol::MakeCa("test", now_, absl::Hours(1));
  const protocol::KeyAndCertificate coordinator_ =
      *protocol::Issue(ca_, "coordinator", protocol::Role::kCoordinator,
                       {"127.0.0.1"}, now_, absl::Hours(1));
  TemporaryFolder folder_;
  Examples examples_;
  FakeFleet fleet_;
  FleetService service_{fleet_};
  FleetServer server_{service_, &coordinator_, ca_.certificate_pem};
};

TEST_P(DeviceClientTest, EnrolledDeviceContributes) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string id,
                             GetParam().enroll(Enrolment()));
  EXPECT_EQ(id.size(), 64u);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, Create());
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed) << report.explanation;
  EXPECT_EQ(fleet_.counted().size(), 1u);
}

TEST_P(DeviceClientTest, AddedExamplesAreTrainedOnAfterARestart) {
  SHOAL_ASSERT_OK(GetParam().enroll(Enrolment()));
  ExampleStoreOptions store;
  store.num_features = examples_.num_features();
  store.num_classes = examples_.num_classes();
  ClientOptions options = Options();
  options.example_store = store;
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto client,
                               GetParam().create(options, {}));
    const std::vector<float> features = {0, 1, 0, 0};
    const int32_t label = 1;
    SHOAL_ASSERT_OK(client->AddExample({features, {&label, 1}, {}}));
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, GetParam().create(options, {}));
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed) << report.explanation;
}

TEST_P(DeviceClientTest, ExamplesComeFromExactlyOnePlace) {
  ClientOptions options = Options();
  ClientDependencies dependencies;
  EXPECT_THAT(GetParam().create(options, dependencies),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("trainer, example_store: none is given, "
                                 "expected exactly one of them")));
  options.example_store.emplace();
  dependencies.examples = &examples_;
  EXPECT_THAT(GetParam().create(options, dependencies),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("several are given")));
}

TEST_P(DeviceClientTest, ForgottenDeviceLeavesAnEmptyFolder) {
  SHOAL_ASSERT_OK(GetParam().enroll(Enrolment()));
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, Create());
    SHOAL_ASSERT_OK(client->RunOnce());
  }
  SHOAL_ASSERT_OK(GetParam().forget(Forgetting()));
  EXPECT_EQ(fleet_.times_forgotten(), 1);
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kNotFound));
  // Nobody is left to ask for.
  SHOAL_EXPECT_OK(GetParam().forget(Forgetting()));
  EXPECT_EQ(fleet_.times_forgotten(), 1);
}

TEST_P(DeviceClientTest, ForgottenFolderMayBeEnrolledAnewAsAnotherDevice) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string before,
                             GetParam().enroll(Enrolment()));
  SHOAL_ASSERT_OK(GetParam().forget(Forgetting()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string after,
                             GetParam().enroll(Enrolment()));
  EXPECT_NE(before, after);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, Create());
  SHOAL_EXPECT_OK(client->RunOnce());
}

TEST_P(DeviceClientTest, ForgettingOfflineDeletesWhatIsLocalAndGoesOnLater) {
  SHOAL_ASSERT_OK(GetParam().enroll(Enrolment()));
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, Create());
    SHOAL_ASSERT_OK(client->RunOnce());
  }
  ForgetOptions offline = Forgetting();
  offline.coordinator = "127.0.0.1:1";
  EXPECT_THAT(GetParam().forget(offline),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("shoalctl device forget ")));
  EXPECT_THAT(NamesInState(),
              UnorderedElementsAre("lock", "key.pem", "certificate.pem",
                                   "ca.pem", "forgetting"));
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr("is being forgotten")));
  EXPECT_THAT(GetParam().enroll(Enrolment()),
              StatusIs(absl::StatusCode::kFailedPrecondition));

  SHOAL_ASSERT_OK(GetParam().forget(Forgetting()));
  EXPECT_EQ(fleet_.times_forgotten(), 1);
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
}

TEST_P(DeviceClientTest, ForgettingUnderARunningClientIsEndedByIt) {
  SHOAL_ASSERT_OK(GetParam().enroll(Enrolment()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, Create());
  SHOAL_ASSERT_OK(client->RunOnce());
  SHOAL_ASSERT_OK(GetParam().forget(Forgetting()));
  EXPECT_THAT(NamesInState(), UnorderedElementsAre("lock", "forgetting"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kForgotten);
  EXPECT_THAT(NamesInState(), ElementsAre("lock"));
}

TEST_P(DeviceClientTest, ForgedInvitationIsDenied) {
  EnrollOptions options = Enrolment();
  options.invitation = "forged";
  EXPECT_THAT(GetParam().enroll(options),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("invitation_invalid")));
}

TEST_P(DeviceClientTest, EnrolmentTrustsTheGivenCaAlone) {
  EnrollOptions options = Enrolment();
  options.ca_pem =
      protocol::MakeCa("other", now_, absl::Hours(1))->certificate_pem;
  EXPECT_THAT(
      GetParam().enroll(options),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("is not signed by")));
}

TEST_P(DeviceClientTest, DeviceWithoutACertificateIsNotFound) {
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(State()));  // nor made
}

TEST_P(DeviceClientTest, FolderOfAnotherUserIsAnError) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0), 0);
  absl::Status status;
  {
    const AsOtherUser other;
    status = Create().status();
  }
  ASSERT_EQ(chmod(folder_.path().c_str(), 0700), 0);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("Permission denied")));
}

TEST_P(DeviceClientTest, FolderWithTooLongANameIsAnError) {
  state_name_ = std::string(300, 'x');
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("File name too long")));
}

TEST_P(DeviceClientTest, FolderBehindACircleOfLinksIsAnError) {
  ASSERT_EQ(symlink("state", State().c_str()), 0);
  EXPECT_THAT(Create().status().message(),
              HasSubstr("Too many levels of symbolic links"));
}

TEST_P(DeviceClientTest, ProxyThatIsNoneIsNamedWithoutItsPassword) {
  EnrollOptions options = Enrolment();
  options.proxy = "ftp://me:secret@proxy";
  const absl::Status status = GetParam().enroll(options).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("proxy: ")));
  EXPECT_THAT(status.message(), Not(HasSubstr("secret")));
  SHOAL_ASSERT_OK(GetParam().enroll(Enrolment()));
  EXPECT_THAT(
      Create(options.proxy),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("proxy: ")));
}

TEST_P(DeviceClientTest, EverythingGoesThroughTheProxy) {
  if (GetParam().enroll != Enroll) return;  // GrpcDeviceClientTest
  const Relay proxy({.target = server_.address(), .is_http_proxy = true});
  EnrollOptions options = Enrolment();
  options.proxy = absl::StrCat("http://me:p%40ss@", proxy.address());
  SHOAL_ASSERT_OK(GetParam().enroll(options));
  EXPECT_EQ(proxy.connections(), 1);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto client, Create(options.proxy));
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kContributed) << report.explanation;
  EXPECT_EQ(proxy.connections(), 2);
  for (const std::string& request : proxy.requests()) {
    EXPECT_THAT(request, StartsWith(absl::StrCat("CONNECT ", server_.address(),
                                                 " HTTP/1.")));
    // me:p@ss
    EXPECT_THAT(request, HasSubstr("Basic bWU6cEBzcw==\r\n"));
  }
}

TEST(GrpcDeviceClientTest, ProxyIsRefused) {
  TemporaryFolder folder;
  const absl::Status status =
      EnrollOverGrpc(
          {.coordinator = "fleet.invalid:7600",
           .ca_pem = protocol::MakeCa("test", absl::Now(), absl::Hours(1))
                         ->certificate_pem,
           .invitation = "welcome",
           .device_name = "device-1",
           .state_folder = folder.path(),
           .proxy = "http://proxy.invalid:3128"})
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("proxy: ")));
}

INSTANTIATE_TEST_SUITE_P(Sdks, DeviceClientTest,
                         ::testing::Values(Sdk{"Lean", Client::Create, Enroll,
                                               Forget},
                                           Sdk{"Grpc", CreateGrpcClient,
                                               EnrollOverGrpc, ForgetOverGrpc}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::testing
