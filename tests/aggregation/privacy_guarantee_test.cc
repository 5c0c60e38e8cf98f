#include <limits>
#include <string>

#include "aggregation/task_privacy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::aggregation {
namespace {

using configuration::AdaptiveClipping;
using configuration::BandedNoise;
using configuration::BltNoise;
using configuration::CentralNoise;
using configuration::DistributedNoise;
using configuration::Task;
using configuration::TreeNoise;
using privacy::Accountant;
using privacy::Adjacency;
using privacy::PrivacyEvent;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr privacy::CertifiedBounds kSpent = {.lower = 3.99998, .upper = 4.0001};

Task SmallTask() {
  Task task;
  task.name = "digits";
  task.population = "handwriting";
  task.rounds = 100;
  task.round.cohort = 20;
  task.round.min_separation = 10;
  return task;
}

TaskPrivacy PrivacyOf(configuration::DifferentialPrivacy::Noise noise) {
  privacy::RoundNoiseOptions options;
  options.noise_multiplier = 0.75;
  TaskPrivacy privacy = {
      .options = {},
      .query = {.neighbours = options.neighbours, .delta = 1e-5},
      .noise = options,
      .charge = PrivacyEvent::Compose({})};
  privacy.options.noise = noise;
  privacy.options.clip_norm = 0.5;
  return privacy;
}

std::string Guarantee(configuration::DifferentialPrivacy::Noise noise,
                      const Task& task = SmallTask()) {
  return GuaranteeOf(task, PrivacyOf(noise), kSpent);
}

TEST(GuaranteeTest, IsMadeOfWholeSentences) {
  EXPECT_EQ(
      Guarantee(BltNoise{}),
      "With epsilon 4.0001 and delta 1e-05 spent, all models of the population "
      "handwriting together hide whether any one device contributed its "
      "updates or zeros from whoever sees them (unit: device; adjacency: "
      "add_remove). This epsilon "
      "is computed from privacy loss distributions (accountant: pld), which "
      "certify that the truth is between 3.99998 and 4.0001. Every update is "
      "clipped to an L2 norm of 0.5 and counts the same; there is noise of a "
      "buffered Toeplitz matrix with 3 buffers over 100 rounds on every sum "
      "(mechanism: blt), with a noise multiplier of 0.75. It is assumed that "
      "the coordinator is honest: it draws this noise, tells nobody, and "
      "publishes no sum without it; it clips the updates, each of which it "
      "sees. Who contributed to a committed round contributes again 10 rounds "
      "later at the earliest; the coordinator enforces that for every "
      "authenticated identity, so that whoever has several devices is "
      "protected for each of them by itself. Not covered are the choice of "
      "hyper-parameters, and of this task, by looks at the same devices' data; "
      "that a device is enrolled, checks in with its number of examples, takes "
      "part or says why it does not, and how many do; side channels such as "
      "the time that drawing noise takes; an initial model that was trained on "
      "data of these devices.");
}

TEST(GuaranteeTest, NamesTheAdjacencyAndTheAccountant) {
  TaskPrivacy privacy = PrivacyOf(BltNoise{});
  privacy.query.neighbours.adjacency = Adjacency::kReplaceOne;
  privacy.query.accountant = Accountant::kRdp;
  const std::string guarantee =
      GuaranteeOf(SmallTask(), privacy, {.lower = 0, .upper = 4.5});
  EXPECT_THAT(
      guarantee,
      AllOf(HasSubstr("With epsilon 4.5 and"),
            HasSubstr("hide what any one device contributed from"),
            HasSubstr("(unit: device; adjacency: replace_one)"),
            HasSubstr("This epsilon is an upper bound from Rényi divergences "
                      "(accountant: rdp)."),
            Not(HasSubstr("certify"))));
}

TEST(GuaranteeTest, NamesEveryMechanism) {
  EXPECT_THAT(Guarantee(CentralNoise{}),
              HasSubstr("there is fresh noise on every round's sum (mechanism: "
                        "central), with"));
  EXPECT_THAT(Guarantee(TreeNoise{}),
              HasSubstr("there is noise of a binary tree over 100 rounds on "
                        "every sum (mechanism: tree), with"));
  EXPECT_THAT(Guarantee(TreeNoise{.restart_every = 25}),
              HasSubstr("noise of binary trees over 25 rounds each on every "
                        "sum (mechanism: tree), with"));
  EXPECT_THAT(Guarantee(BandedNoise{.bands = 5}),
              HasSubstr("there is noise of a banded matrix over 100 rounds on "
                        "every sum (mechanism: banded), with"));
  EXPECT_THAT(Guarantee(BltNoise{.buffers = 1}), HasSubstr("with 1 buffer "));
}

TEST(GuaranteeTest, NoiseOfEveryDeviceHidesItsUpdateFromEverybody) {
  EXPECT_THAT(
      Guarantee(configuration::LocalNoise{}),
      AllOf(HasSubstr("spent, all updates and models of the population"),
            HasSubstr("there is noise that every device adds to its update "
                      "before it leaves the device (mechanism: local), with"),
            HasSubstr("It is assumed that the coordinator lets no device take "
                      "part more often than is said below, and looks at no "
                      "update that it does not count, and nothing else of it "
                      "or of other devices: a device clips its own")));
}

TEST(GuaranteeTest, SaysThatTensorsAreClippedByThemselves) {
  TaskPrivacy privacy = PrivacyOf(CentralNoise{});
  privacy.options.clip_layers = true;
  EXPECT_THAT(GuaranteeOf(SmallTask(), privacy, kSpent),
              HasSubstr("clipped to an L2 norm of 0.5, every tensor to this "
                        "over the square root of their number, and counts"));
}

TEST(GuaranteeTest, NamesAnAdaptiveClipNorm) {
  TaskPrivacy privacy = PrivacyOf(CentralNoise{});
  privacy.options.adaptive_clip = AdaptiveClipping{0.75, 0.2, {}};
  EXPECT_THAT(GuaranteeOf(SmallTask(), privacy, kSpent),
              HasSubstr("Every update is clipped to a norm that follows, by a "
                        "count under the same noise, the quantile 0.75 of the "
                        "devices' norms and counts the same;"));
}

TEST(GuaranteeTest, SecureAggregationChangesWhatIsAssumed) {
  Task task = SmallTask();
  task.secure_aggregation.emplace().adversary_fraction = 0.25;
  EXPECT_THAT(Guarantee(TreeNoise{}, task),
              HasSubstr("It is assumed that the coordinator is honest: it "
                        "draws this noise, tells nobody, and publishes no sum "
                        "without it; it sees sums of groups alone (secure "
                        "aggregation), where a fraction of at most 0.25 of a "
                        "group's devices collude with it, and devices clip "
                        "their own updates."));
}

TEST(GuaranteeTest, NoiseOfDevicesNeedsNoHonestCoordinator) {
  Task task = SmallTask();
  task.secure_aggregation.emplace().adversary_fraction = 0.25;
  task.secure_aggregation->dropout_fraction = 0.125;
  EXPECT_THAT(
      Guarantee(DistributedNoise{}, task),
      AllOf(HasSubstr("there is discrete Gaussian noise that devices add "
                      "before secure aggregation (mechanism: distributed)"),
            HasSubstr("It is assumed that the coordinator learns sums of "
                      "groups and nothing else (secure aggregation), has "
                      "devices add this noise and takes them as is said here, "
                      "and that a fraction of at most 0.25 of a group's "
                      "devices collude with it; their shares of noise are not "
                      "counted on, nor those of a fraction of 0.125 that may "
                      "leave, and no sum of fewer devices is opened."),
            Not(HasSubstr("honest"))));
  task.secure_aggregation->coordinator =
      secure_aggregation::CoordinatorTrust::kSemiMalicious;
  EXPECT_THAT(Guarantee(DistributedNoise{}, task),
              HasSubstr("opened, nor that of a part of a large group, which "
                        "only coordinator malicious rules out."));
  EXPECT_THAT(Guarantee(DistributedNoise{.skellam = true}, task),
              HasSubstr("Skellam noise that devices add"));
}

TEST(GuaranteeTest, SaysHowDevicesTakePart) {
  Task task = SmallTask();
  task.round.min_separation = 1;
  EXPECT_THAT(Guarantee(BltNoise{}, task),
              AllOf(HasSubstr(". A device may take part in every round. Not"),
                    Not(HasSubstr("authenticated"))));
  EXPECT_THAT(Guarantee(CentralNoise{0.125}, task),
              HasSubstr(". Every device is drawn for a round by itself with "
                        "probability 0.125, which the coordinator enforces; "
                        "all that is said here holds for those who learn "
                        "neither who was drawn for a round nor how many. "
                        "Not"));
}

TEST(GuaranteeTest, StatisticsOfFeaturesHaveNoNoise) {
  Task task = SmallTask();
  EXPECT_THAT(Guarantee(BltNoise{}, task), Not(HasSubstr("statistics")));
  task.model.preprocessing.standardise = true;
  EXPECT_THAT(Guarantee(BltNoise{}, task),
              EndsWith("; the statistics of features that the task was created "
                       "with, which have no noise."));
}

TEST(GuaranteeTest, OtherTasksAndWhatTheyAssumeAreNamed) {
  ChargedTask honest = {"first", SmallTask()};
  configuration::DifferentialPrivacy& options =
      honest.task->differential_privacy.emplace();
  options.noise = CentralNoise{};
  options.clip_norm = 2;
  options.noise_multiplier = 30;
  honest.task->model.preprocessing.standardise = true;
  Task task = SmallTask();
  task.secure_aggregation.emplace();
  const std::string guarantee =
      GuaranteeOf(task, PrivacyOf(DistributedNoise{}), kSpent,
                  {honest, {"lost", std::nullopt}});
  EXPECT_THAT(
      guarantee,
      AllOf(HasSubstr(" Other tasks of the population have spent of it (first, "
                      "lost), and all that is assumed for them is assumed as "
                      "well. Task digits: Every update is clipped to an L2 "
                      "norm of 0.5 "),
            HasSubstr("with a noise multiplier of 0.75. It is assumed that the "
                      "coordinator learns sums of groups and nothing else"),
            HasSubstr(" Task first: Every update is clipped to an L2 norm of 2 "
                      "and counts the same; there is fresh noise on every "
                      "round's sum (mechanism: central), with a noise "
                      "multiplier of 30. It is assumed that the coordinator is "
                      "honest:"),
            HasSubstr(" Task lost: Its definition is not known any more; "
                      "whatever its noise assumed is assumed here. Not"),
            HasSubstr("the task first was created with, which have no")));
  EXPECT_THAT(Guarantee(DistributedNoise{}, task), Not(HasSubstr("Task ")));
}

TEST(GuaranteeTest, UpdatesAreHiddenWhereEveryTaskHidesThem) {
  const auto seen = [](configuration::DifferentialPrivacy::Noise noise) {
    ChargedTask other = {"first", SmallTask()};
    other.task->differential_privacy.emplace().noise = noise;
    other.task->differential_privacy->noise_multiplier = 1;
    return GuaranteeOf(SmallTask(), PrivacyOf(configuration::LocalNoise{}),
                       kSpent, {other});
  };
  EXPECT_THAT(seen(configuration::LocalNoise{}),
              HasSubstr("spent, all updates and models of the population"));
  EXPECT_THAT(seen(CentralNoise{}),
              HasSubstr("spent, all models of the population"));
}

// Six digits of 1.00000049 would be 1, which does not bound it.
TEST(GuaranteeTest, ShownBoundsAreBounds) {
  const TaskPrivacy privacy = PrivacyOf(BltNoise{});
  const auto guarantee = [&](double lower, double upper) {
    return GuaranteeOf(SmallTask(), privacy, {lower, upper});
  };
  EXPECT_THAT(guarantee(0.99999951, 1.00000049),
              AllOf(StartsWith("With epsilon 1.00001 and"),
                    HasSubstr("between 0.999999 and 1.00001.")));
  EXPECT_THAT(guarantee(8, 8), AllOf(StartsWith("With epsilon 8 and"),
                                     HasSubstr("between 8 and 8.")));
  EXPECT_THAT(guarantee(0.012345671, 0.012345671),
              HasSubstr("between 0.0123456 and 0.0123457."));
  EXPECT_THAT(guarantee(0, 0), StartsWith("With epsilon 0 and"));
}

TEST(GuaranteeTest, WithoutAnEpsilonNothingIsPromised) {
  EXPECT_EQ(GuaranteeOf(SmallTask(), PrivacyOf(BltNoise{}),
                        {0, std::numeric_limits<double>::infinity()}),
            "Nothing is promised: no epsilon holds with a delta of 1e-05 "
            "(accountant: pld) for what the population handwriting has spent.");
}

}  // namespace
}  // namespace shoal::aggregation
